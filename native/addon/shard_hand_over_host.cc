// A shard moves to another process: its flows go ahead while it runs, then it stops, and its image follows. Each pair of shards, the old one
// and the new one, has a channel of its own and moves on its own threads.
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/now_ns.h"
#include "core/transport/descriptor_channel.h"
#include "shard_host.h"

namespace sluice {
namespace {

// All shards must stop within this, and each message must be taken within the other, or the old process goes on.
constexpr int kStopMs = 1'000;
constexpr int kSendMs = 2'000;
// The old process first gets ready, then its flows go ahead.
constexpr int kReceiveMs = 20'000;

// The image of the commons comes from the first shard, before its own, and so do logins and the place where the journal ends. `objects`: what
// JavaScript leaves to JavaScript.
enum class Piece : uint32_t { flows = 1, image = 2, commons = 3, logins = 4, store = 5, objects = 6 };

struct PieceHead {
  Piece piece;
  uint32_t count;
};

struct FlowPlace {
  uint32_t slot;
  uint32_t generation;
};

struct JournalPlace {
  PieceHead head;
  uint64_t number, size, next_lsn;
};

constexpr size_t kMostFlows = DescriptorChannel::kMostDescriptors;

// Means the same in both processes.
double now_ms() noexcept { return static_cast<double>(now_ns()) / 1e6; }

std::string why(const char* what, int error) { return std::string(what) + ": " + std::strerror(error); }

// When which step was done, for the operator who wants to know where the time went.
class Steps {
 public:
  explicit Steps(Napi::Env env) : steps_(Napi::Object::New(env)) {}
  void done(const char* step) { steps_.Set(step, now_ms()); }
  void done(const char* step, double when) { steps_.Set(step, when); }
  Napi::Object list() const { return steps_; }

 private:
  Napi::Object steps_;
};

// 0 or an errno. Without `waits` it stops at EAGAIN; `sent` says how many have gone.
int send_flows(DescriptorChannel& channel, const std::vector<MovingFlow>& flows, bool waits, size_t& sent) {
  for (sent = 0; sent < flows.size();) {
    const size_t count = std::min(kMostFlows, flows.size() - sent);
    struct {
      PieceHead head;
      FlowPlace places[kMostFlows];
    } message;
    int descriptors[kMostFlows];
    message.head = {Piece::flows, static_cast<uint32_t>(count)};
    for (size_t i = 0; i < count; ++i) {
      const MovingFlow& flow = flows[sent + i];
      message.places[i] = {flow.slot, flow.generation};
      descriptors[i] = flow.fd;
    }
    const Text octets(reinterpret_cast<const char*>(&message), sizeof(PieceHead) + count * sizeof(FlowPlace));
    const int error = waits ? channel.send(octets, descriptors, count) : channel.try_send(octets, descriptors, count);
    if (error != 0) return error;
    sent += count;
  }
  return 0;
}

int send_image(DescriptorChannel& channel, Piece piece, Text image) {
  const int file = memfd_create("image", MFD_CLOEXEC);
  if (file < 0) return errno;
  int error = 0;
  for (size_t at = 0; at < image.size() && error == 0;) {
    const ssize_t size = write(file, image.data() + at, image.size() - at);
    if (size > 0) at += static_cast<size_t>(size);
    else if (errno != EINTR) error = errno;
  }
  const PieceHead head{piece, 0};
  if (error == 0) error = channel.send(Text(reinterpret_cast<const char*>(&head), sizeof head), &file, 1);
  close(file);
  return error;
}

int send_place(DescriptorChannel& channel, const BindingStore::End& end) {
  const JournalPlace place{{Piece::store, 0}, end.journal.number, end.journal.size, end.next_lsn};
  return channel.send(Text(reinterpret_cast<const char*>(&place), sizeof place), nullptr, 0);
}

// What all shards have together. Empty: it has gone.
std::string send_commons(DescriptorChannel& channel, Cluster& cluster, Shard& shard) {
  std::vector<char> image;
  cluster.flows.write_image(image);
  int error = send_image(channel, Piece::commons, Text(image.data(), image.size()));
  if (error == 0 && shard.config().home) {
    cluster.write_logins(image);
    error = send_image(channel, Piece::logins, Text(image.data(), image.size()));
  }
  wipe(image);
  if (error != 0) return why("the state of the process cannot be sent", error);
  BindingStore* const store = shard.proxying().store();
  if (store == nullptr) return {};
  BindingStore::End end;
  if (error = store->leave(end); error != 0) return why("the location store cannot be written", error);
  if (error = send_place(channel, end); error != 0) return why("the location store cannot be handed over", error);
  return {};
}

// An image in a file of memory.
class Mapped {
 public:
  explicit Mapped(int file) noexcept {
    struct stat status {};
    fstat(file, &status);
    size_ = static_cast<size_t>(status.st_size);
    octets_ = size_ == 0 ? nullptr : mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    close(file);
    if (octets_ != nullptr && octets_ != MAP_FAILED) madvise(octets_, size_, MADV_DONTDUMP);
  }
  ~Mapped() {
    if (octets_ != nullptr && octets_ != MAP_FAILED) munmap(octets_, size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  Text octets() const noexcept { return octets_ == MAP_FAILED ? Text() : Text(static_cast<const char*>(octets_), size_); }

 private:
  void* octets_ = nullptr;
  size_t size_ = 0;
};

// A piece that comes once. nullptr: it was taken.
const char* take_piece(Piece piece, int file, const JournalPlace& place, Cluster& cluster, Shard& shard, std::string& objects) {
  switch (piece) {
    case Piece::commons: return cluster.flows.adopt(Mapped(file).octets());
    case Piece::logins: return cluster.adopt_logins(Mapped(file).octets());
    case Piece::objects: objects = Mapped(file).octets(); return nullptr;
    case Piece::store: {
      BindingStore* const store = shard.proxying().store();
      const bool is_there = store != nullptr && store->take_over({{place.number, place.size}, place.next_lsn});
      return is_there ? nullptr : "the journal of the location store does not end where the other process says";
    }
    default: return "it is of an unknown kind";
  }
}

// What a connection will need here beside its place in the table: fresh memory costs a page fault for each four kilobytes, and these are dearest
// while every shard stands still. So the memory is taken and touched when the connection is announced, and given back when the image has come.
class Warmth {
 public:
  Warmth() noexcept { mallopt(M_TRIM_THRESHOLD, kKept); }
  ~Warmth() { mallopt(M_TRIM_THRESHOLD, kUsual); }
  Warmth(const Warmth&) = delete;
  Warmth& operator=(const Warmth&) = delete;

  void add(size_t connections) {
    for (size_t i = 0; i < connections * kEach / kPiece + 1; ++i) {
      pieces_.push_back(std::make_unique<char[]>(kPiece));
      for (size_t at = 0; at < kPiece; at += 512) pieces_.back()[at] = 1;
    }
  }
  void give() { pieces_.clear(); }

 private:
  // What is given back must stay with us until then.
  static constexpr int kKept = 512 << 20, kUsual = 128 << 10;
  static constexpr size_t kEach = 1'536, kPiece = 4'096;

  std::vector<std::unique_ptr<char[]>> pieces_;
};

// Reads until the image is there; a memfd. Negative: an errno. The shard watches the flows as they come, while the old one still has them.
int receive_pieces(DescriptorChannel& channel, Shard& shard, Cluster& cluster, std::string& objects, Warmth& warmth, const char*& fault) {
  union {
    struct {
      PieceHead head;
      FlowPlace places[kMostFlows];
    };
    JournalPlace place;
  } message;
  int descriptors[DescriptorChannel::kMostDescriptors];
  for (;;) {
    size_t count = 0;
    const ssize_t size = channel.receive(reinterpret_cast<char*>(&message), sizeof message, descriptors, &count);
    if (size < 0) return static_cast<int>(size);
    if (size == sizeof(PieceHead) && message.head.piece == Piece::image && count == 1) return descriptors[0];
    const bool is_place = size == sizeof(JournalPlace) && message.head.piece == Piece::store && count == 0;
    if (is_place || (size == sizeof(PieceHead) && message.head.piece != Piece::flows && message.head.piece != Piece::store && count == 1)) {
      fault = take_piece(message.head.piece, is_place ? -1 : descriptors[0], message.place, cluster, shard, objects);
      if (fault != nullptr) return -EPROTO;
      continue;
    }
    const bool is_sound = static_cast<size_t>(size) == sizeof(PieceHead) + count * sizeof(FlowPlace) && message.head.piece == Piece::flows && message.head.count == count;
    std::vector<MovingFlow> flows;
    for (size_t i = 0; i < count; ++i) {
      if (is_sound) flows.push_back({message.places[i].slot, message.places[i].generation, descriptors[i]});
      else close(descriptors[i]);
    }
    if (!is_sound) return -EPROTO;
    warmth.add(count);
    shard.expect(flows);
  }
}

}  // namespace

void ShardHost::freeze() noexcept {
  if (running_->frozen) return;
  running_->frozen = true;
  running_->stopped_at = now_ms();
  uv_idle_stop(&running_->idle);
}

void ShardHost::thaw() noexcept {
  if (!running_->frozen) return;
  running_->frozen = false;
  uv_idle_start(&running_->idle, [](uv_idle_t*) {});
}

// announce(channel): whether more flows are left to send ahead; a text: what failed
Napi::Value ShardHost::announce(const Napi::CallbackInfo& info, Shard& shard) {
  constexpr size_t kAtOnce = 64;
  DescriptorChannel channel(info[0].ToNumber().Int32Value());
  std::vector<MovingFlow>& flows = running_->ahead;
  const bool more = shard.announce(flows, kAtOnce - std::min(kAtOnce, flows.size()));
  size_t sent = 0;
  const int error = send_flows(channel, flows, false, sent);
  flows.erase(flows.begin(), flows.begin() + static_cast<ptrdiff_t>(sent));
  if (error != 0 && error != EAGAIN) return Napi::String::New(info.Env(), why("the flows cannot be sent ahead", error));
  return Napi::Boolean::New(info.Env(), more || !flows.empty());
}

// rehearse(): warms up what handOver() will do
Napi::Value ShardHost::rehearse(const Napi::CallbackInfo& info, Shard& shard) {
  shard.rehearse(running_->image);
  return info.Env().Undefined();
}

// pause(): reads no more, while JavaScript goes on
Napi::Value ShardHost::pause(const Napi::CallbackInfo& info, Shard&) {
  freeze();
  return info.Env().Undefined();
}

// handOver(channel, objects): {over, kept, stoppedAt}; a text: what failed. The shard has stopped in either case.
Napi::Value ShardHost::hand_over_flows(const Napi::CallbackInfo& info, Shard& shard) {
  const auto fault = [&](const std::string& text) { return Napi::String::New(info.Env(), text); };
  DescriptorChannel channel(info[0].ToNumber().Int32Value());
  channel.set_patience(kSendMs);
  freeze();
  if (!shard.freeze()) return fault("a turn of the shard is not over");
  Cluster& cluster = *running_->cluster;
  Steps steps(info.Env());
  steps.done("stopped", running_->stopped_at);
  if (!cluster.stop.wait(cluster.rings.size(), kStopMs)) return fault("another shard did not stop in time");
  steps.done("allStopped");
  std::vector<char> image = std::exchange(running_->image, {});
  // Those that were to go ahead and did not.
  std::vector<MovingFlow> rest = std::move(running_->ahead);
  running_->ahead.clear();
  shard.write_image(image, rest);
  steps.done("written");
  size_t sent = 0;
  if (const int error = send_flows(channel, rest, true, sent); error != 0) return fault(why("the flows cannot be sent", error));
  if (shard.config().shard == 0) {
    if (const std::string failed = send_commons(channel, cluster, shard); !failed.empty()) return fault(failed);
  }
  steps.done("commonsSent");
  int error = 0;
  if (info[1].IsString()) error = send_image(channel, Piece::objects, info[1].ToString().Utf8Value());
  if (error == 0) error = send_image(channel, Piece::image, Text(image.data(), image.size()));
  wipe(image);
  if (error != 0) return fault(why("the state of the shard cannot be sent", error));
  steps.done("sent");
  const MoveCounts moved = shard.moving();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("over", static_cast<double>(moved.over));
  result.Set("kept", static_cast<double>(moved.kept));
  result.Set("stoppedAt", running_->stopped_at);
  result.Set("steps", steps.list());
  return result;
}

// takeOver(channel): {since, objects}, when it began to read, as soon as all shards had taken over, and what the other one's JavaScript has
// left; a text: what failed, and none of them reads.
Napi::Value ShardHost::take_over(const Napi::CallbackInfo& info, Shard& shard) {
  const auto fault = [&](const std::string& text) { return Napi::String::New(info.Env(), text); };
  DescriptorChannel channel(info[0].ToNumber().Int32Value());
  channel.set_patience(kReceiveMs);
  freeze();
  const char* broken = nullptr;
  std::string objects;
  Warmth warmth;
  const int file = receive_pieces(channel, shard, *running_->cluster, objects, warmth, broken);
  if (broken != nullptr) return fault(broken);
  if (file == -EMFILE) return fault("too few file descriptors: the kernel dropped some on the way");
  if (file < 0) return fault(why("the flows did not arrive", -file));
  Steps steps(info.Env());
  steps.done("arrived");
  warmth.give();
  std::vector<MovingFlow> none;
  const char* const reason = shard.adopt(Mapped(file).octets(), none);
  if (reason != nullptr) return fault(reason);
  steps.done("taken");
  Cluster& cluster = *running_->cluster;
  if (!cluster.stop.wait(cluster.rings.size(), kStopMs)) return fault("another shard could not take over");
  // Before it says anything over them: what the one before has left is old from then on.
  shard.kept().tell_memory(true);
  shard.resume();
  thaw();
  shard.expect_followers(info[0].ToNumber().Int32Value());
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("since", now_ms());
  steps.done("allTaken");
  result.Set("steps", steps.list());
  result.Set("objects", Napi::String::New(info.Env(), objects));
  return result;
}

// resume(): reads on, as if it had never stopped
Napi::Value ShardHost::resume(const Napi::CallbackInfo& info, Shard& shard) {
  running_->ahead.clear();
  shard.resume();
  thaw();
  return info.Env().Undefined();
}

// release(channel): lets go of what another process has taken over, and serves the rest, which follows over the channel; -1: it does not
Napi::Value ShardHost::release_flows(const Napi::CallbackInfo& info, Shard& shard) {
  shard.release(info[0].ToNumber().Int32Value());
  thaw();
  return info.Env().Undefined();
}

}  // namespace sluice
