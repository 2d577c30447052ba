// A shard and its successors, one after the other, as in upgrades of a process.
#pragma once

#include <deque>

#include "core/transport/descriptor_channel.h"
#include "shard_rig.h"

namespace sluice::test {

// What goes ahead about flows, in slices; the images stay, as on a desk.
class Drafting {
 public:
  // How many had changed.
  uint32_t round(Shard& from, Shard& to) {
    uint32_t all = 0;
    for (uint32_t slot = 0, first = 1; first != 0 || slot != 0; first = 0) {
      ImageWriter& image = images_.emplace_back(ImageOf::drafts, kImageVersion);
      const uint32_t changed = from.draft(image, slot, 3);
      all += changed;
      const char* const fault = changed == 0 ? nullptr : to.adopt_drafts(image.seal());
      CHECK_EQ(std::string(fault == nullptr ? "" : fault), "");
      from.draft_has_gone(image.since(0));
    }
    return all;
  }

 private:
  std::deque<ImageWriter> images_;
};

// What travels from one process to the next, with duplicates of the descriptors.
struct Moving {
  // `layout`: of the image (image.h).
  explicit Moving(Shard& from, uint32_t layout = kImageVersion) {
    CHECK(from.freeze());
    from.write_image(image, flows, layout);
    for (MovingFlow& one : flows) one.fd = dup(one.fd);
    CHECK_EQ(from.collect(), 0u);
  }
  // Empty: it has taken over.
  std::string into(Shard& next) {
    const char* fault = next.adopt(Text(image.data(), image.size()), flows);
    for (const MovingFlow& one : flows)
      if (one.fd >= 0) close(one.fd);
    return fault == nullptr ? "" : fault;
  }
  std::vector<char> image;
  std::vector<MovingFlow> flows;
};

class Generations {
 public:
  explicit Generations(const ShardRig::Change& change = nullptr) { rigs_.push_back(std::make_unique<ShardRig>(change)); }
  ShardRig& now() { return *rigs_.back(); }
  ShardRig& before() { return *rigs_[rigs_.size() - 2]; }

  // Settings that a shard gets before it reads.
  void prepare(std::function<void(ShardRig&)> settings) {
    prepare_ = std::move(settings);
    prepare_(now());
  }

  void upgrade() {
    ShardRig& old = now();
    auto next = successor();
    std::vector<MovingFlow> ahead;
    Drafting drafting;
    if (announces) {
      while (old->announce(ahead, 3)) continue;
      for (MovingFlow& one : ahead) one.fd = dup(one.fd);
      (*next)->expect(ahead);
      if (drafts) drafting.round(*old, **next);
      if (meanwhile) meanwhile(old);
      if (drafts) drafting.round(*old, **next);
      CHECK(old->freeze());
      if (drafts) changed_late = drafting.round(*old, **next);
    }
    Moving moving(*old);
    CHECK_EQ(moving.into(**next), "");
    CHECK_EQ((*next)->open(), 0);
    int ends[2] = {-1, -1};
    if (follows) CHECK_EQ(DescriptorChannel::open(ends), 0);
    if (follows) (*next)->expect_followers(ends[1]);
    old->release(ends[0]);
    old.turn();
    rigs_.push_back(std::move(next));
  }
  // A successor that cannot take over.
  void fail() {
    ShardRig& old = now();
    const auto next = successor();
    Moving moving(*old);
    moving.image.back() ^= 1;
    CHECK_EQ(moving.into(**next), "it was damaged on its way");
    CHECK_EQ(next->flow(FlowKind::stream).slot, 0u);
    next->end();
    old->resume();
  }
  void go(bool fails) { fails ? fail() : upgrade(); }

  bool announces = false;                      // connections go ahead
  bool drafts = false;                         // and what is known about them
  uint32_t changed_late = 0;                   // of that, during the last stop
  std::function<void(ShardRig&)> meanwhile;    // after that
  bool follows = false;                        // who is in a handshake comes later

 private:
  std::unique_ptr<ShardRig> successor() {
    auto next = std::make_unique<ShardRig>(now());
    next->policy = now().policy;
    if (prepare_) prepare_(*next);
    return next;
  }

  std::function<void(ShardRig&)> prepare_;
  std::vector<std::unique_ptr<ShardRig>> rigs_;
};

}  // namespace sluice::test
