// A shard moves to another process: its flows go ahead while it runs, then it stops, and its image follows. Each pair of shards, the old one
// and the new one, has a channel of its own and moves on its own threads.
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/now_ns.h"
#include "core/shard/move_channel.h"
#include "shard_host.h"

namespace sluice {
namespace {

// All shards must stop within this, and each message must be taken within the other, or the old process goes on.
constexpr int kStopMs = 1'000;
constexpr int kSendMs = 2'000;
// The old process first gets ready, then its flows go ahead.
constexpr int kReceiveMs = 20'000;

// Written during the stop beside the image of the shard.
constexpr size_t kWarmOctets = 256 << 10;

bool has_hung_up(int channel) {
  pollfd end{channel, 0, 0};
  return poll(&end, 1, 0) > 0 && (end.revents & POLLHUP) != 0;
}

// The process before has crashed, and its keeper starts another one with the same connections. Not even their end is ours to say.
[[noreturn]] void end_unwanted() {
  constexpr char kWhy[] = "{\"level\":\"error\",\"msg\":\"the process that this one was to replace has crashed, and the keeper starts another: this one ends; upgrade again\"}\n";
  if (write(STDERR_FILENO, kWhy, sizeof kWhy - 1) < 0) _exit(1);
  _exit(1);
}

// Means the same in both processes.
double now_ms() noexcept { return static_cast<double>(now_ns()) / 1e6; }

// Of this thread.
double cpu_ms() noexcept {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

std::string why(const char* what, int error) { return std::string(what) + ": " + std::strerror(error); }

// When which step was done, and how long this thread had worked for it by then: the rest it has waited for others, or for a processor. For the
// operator who wants to know where the time went.
class Steps {
 public:
  explicit Steps(Napi::Env env, double cpu = cpu_ms()) : steps_(Napi::Object::New(env)), cpu_(Napi::Object::New(env)), from_(cpu) {}
  void done(const char* step) {
    steps_.Set(step, now_ms());
    cpu_.Set(step, cpu_ms() - from_);
  }
  void done(const char* step, double when) { steps_.Set(step, when); }
  void tell(Napi::Object& result) const {
    result.Set("steps", steps_);
    result.Set("cpu", cpu_);
  }

 private:
  Napi::Object steps_, cpu_;
  const double from_;
};

// Where an image is written: on the desk, if there is one, else into memory of our own that has been used once.
std::unique_ptr<ImageWriter> writer(ImageOf of, uint32_t layout, Desk* desk, std::vector<char>&& memory = {}) {
  return desk != nullptr ? std::make_unique<ImageWriter>(of, layout, desk->room()) : std::make_unique<ImageWriter>(of, layout, std::move(memory));
}

int send_image(MoveSender& sender, Desk* desk, Piece piece, ImageWriter& image) {
  const Text octets = image.seal();
  if (desk != nullptr && desk->holds(octets)) desk->keep(octets);
  return sender.octets(piece, octets);
}

// What has changed since the drafts went. Empty: it has gone.
std::string send_last_drafts(MoveSender& sender, uint32_t layout, Desk* desk, Shard& shard) {
  if (desk == nullptr) return {};
  const auto image = writer(ImageOf::drafts, layout, desk);
  uint32_t slot = 0;
  if (shard.draft(*image, slot, FlowTable::kMostSlots) == 0) return {};
  if (const int error = send_image(sender, desk, Piece::drafts, *image); error != 0) return why("the last changes cannot be sent", error);
  shard.draft_has_gone(image->since(0));
  return {};
}

// What all shards have together. Empty: it has gone.
std::string send_commons(MoveSender& sender, uint32_t layout, Desk* desk, Cluster& cluster, Shard& shard) {
  int error = 0;
  const auto send = [&](ImageOf of, Piece piece, auto&& write) {
    if (error != 0) return;
    const auto image = writer(of, layout, desk);
    write(*image);
    error = send_image(sender, desk, piece, *image);
  };
  // Who has a desk has got the most of it ahead (send_commons_ahead).
  const bool all = desk == nullptr;
  send(ImageOf::process, Piece::commons, [&](ImageWriter& image) { cluster.flows.freeze(image, all); });
  if (shard.config().home) send(ImageOf::logins, Piece::logins, [&](ImageWriter& image) { cluster.freeze_logins(image, all); });
  if (error != 0) return why("the state of the process cannot be sent", error);
  BindingStore* const store = shard.proxying().store();
  if (store == nullptr) return {};
  BindingStore::End end;
  if (error = store->leave(end); error != 0) return why("the location store cannot be written", error);
  if (error = sender.store(end); error != 0) return why("the location store cannot be handed over", error);
  return {};
}

// A piece that comes once. nullptr: it was taken.
const char* take_piece(Piece piece, const MoveReceiver& receiver, Cluster& cluster, Shard& shard, std::string& objects) {
  switch (piece) {
    case Piece::commons: return cluster.flows.adopt(receiver.octets());
    case Piece::logins: return cluster.adopt_logins(receiver.octets());
    case Piece::objects: objects = receiver.octets(); return nullptr;
    case Piece::drafts: return shard.adopt_drafts(receiver.octets());
    case Piece::store: {
      BindingStore* const store = shard.proxying().store();
      const bool is_there = store != nullptr && store->take_over(receiver.store());
      return is_there ? nullptr : "the journal of the location store does not end where the other process says";
    }
    default: return "it is of an unknown kind";
  }
}

// What a connection will need here beside its place in the table: fresh memory costs a page fault for each four kilobytes, and these are dearest
// while every shard stands still. So the memory is taken and touched when the connection is announced, and given back when more is said of it.
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

// Reads until the image is there: 0 or an errno. The shard watches the flows as they come, while the old one still has them.
// `cpu`: what this thread had worked when the last pieces came that had gone ahead of the stop.
int receive_pieces(MoveReceiver& receiver, Shard& shard, Cluster& cluster, std::string& objects, const char*& fault, Haste& haste, double& cpu) {
  Warmth warmth;
  for (uint32_t touches = 0;;) {
    Piece piece{};
    if (const int error = receiver.next(piece); error != 0) return error;
    if (std::exchange(touches, receiver.touches()) != receiver.touches()) {
      cpu = cpu_ms();
      haste.begin();
    }
    if (piece == Piece::flows) {
      warmth.add(receiver.flows().size());
      shard.expect(receiver.flows());
      continue;
    }
    if (piece == Piece::drafts || piece == Piece::image) warmth.give();
    if (piece == Piece::image) return 0;
    fault = take_piece(piece, receiver, cluster, shard, objects);
    if (fault != nullptr) return EPROTO;
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
  running_->haste.end();
  uv_idle_start(&running_->idle, [](uv_idle_t*) {});
}

// announce(channel, layout): whether more flows are left to send ahead; a text: what failed. `layout`: of the images that follow.
Napi::Value ShardHost::announce(const Napi::CallbackInfo& info, Shard& shard) {
  constexpr size_t kAtOnce = 64;
  running_->layout = info[1].ToNumber().Uint32Value();
  MoveSender sender(info[0].ToNumber().Int32Value(), nullptr);
  std::vector<MovingFlow>& flows = running_->ahead;
  const bool more = shard.announce(flows, kAtOnce - std::min(kAtOnce, flows.size()));
  size_t sent = 0;
  const int error = sender.flows(flows, false, sent);
  flows.erase(flows.begin(), flows.begin() + static_cast<ptrdiff_t>(sent));
  if (error != 0 && error != EAGAIN) return Napi::String::New(info.Env(), why("the flows cannot be sent ahead", error));
  return Napi::Boolean::New(info.Env(), more || !flows.empty());
}

// draft(channel): {changed, more}, of one slice of the flows; a text: what failed
Napi::Value ShardHost::draft(const Napi::CallbackInfo& info, Shard& shard) {
  constexpr uint32_t kAtOnce = 1'024;
  const auto fault = [&](int error) { return Napi::String::New(info.Env(), why("what is known about flows cannot be sent ahead", error)); };
  const auto result = [&](uint32_t changed, bool more) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("changed", static_cast<double>(changed));
    object.Set("more", more);
    return object;
  };
  const int channel = info[0].ToNumber().Int32Value();
  if (running_->desk == nullptr) {
    auto desk = std::make_unique<Desk>();
    if (const int error = desk->make(shard.desk_octets()); error != 0) return fault(error);
    MoveSender sender(channel, desk.get());
    sender.never_wait();
    // The other process is behind.
    if (const int error = sender.desk(); error != 0) return error == EAGAIN ? Napi::Value(result(0, true)) : Napi::Value(fault(error));
    running_->desk = std::move(desk);
    running_->draft_at = 0;
  }
  Desk& desk = *running_->desk;
  MoveSender sender(channel, &desk);
  sender.never_wait();
  ImageWriter image(ImageOf::drafts, running_->layout, desk.room());
  uint32_t next = running_->draft_at;
  const uint32_t changed = shard.draft(image, next, kAtOnce);
  const Text octets = image.seal();
  // Without room on the desk it goes during the stop.
  const bool goes = changed > 0 && desk.holds(octets);
  if (goes) {
    const int error = sender.octets(Piece::drafts, octets);
    if (error == EAGAIN) return result(0, true);
    if (error != 0) return fault(error);
    desk.keep(octets);
    shard.draft_has_gone(octets);
  }
  running_->draft_at = next;
  return result(goes ? changed : 0, next != 0);
}

// rehearse(channel): warms up what handOver() will do; whether the other process says when it has taken what came before; undefined: it is behind,
// ask again; a text: what failed
Napi::Value ShardHost::rehearse(const Napi::CallbackInfo& info, Shard& shard) {
  Desk* const desk = running_->desk.get();
  const auto image = writer(ImageOf::shard, running_->layout, desk, std::exchange(running_->image, {}));
  shard.rehearse(*image);
  if (desk == nullptr) {
    running_->image = image->finish();
    wipe(running_->image);
    return Napi::Boolean::New(info.Env(), false);
  }
  // The last drafts and the commons will lie in front of it.
  const std::span<char> room = desk->room();
  const size_t written = desk->holds(image->since(0)) ? image->size() : 0;
  const size_t octets = std::min(room.size(), written + kWarmOctets);
  std::memset(room.data() + written, 0, octets - written);
  MoveSender sender(info[0].ToNumber().Int32Value(), desk);
  sender.never_wait();
  if (octets == 0) return Napi::Boolean::New(info.Env(), false);
  const int error = sender.touch(Text(room.data(), octets));
  if (error == EAGAIN) return info.Env().Undefined();
  if (error != 0) return Napi::String::New(info.Env(), why("the flows cannot be sent ahead", error));
  return Napi::Boolean::New(info.Env(), true);
}

// heard(channel): whether it has said so; a text: what failed
Napi::Value ShardHost::heard(const Napi::CallbackInfo& info, Shard&) {
  const int error = MoveSender(info[0].ToNumber().Int32Value(), nullptr).heard();
  if (error != 0 && error != EAGAIN) return Napi::String::New(info.Env(), why("the other process does not take the flows", error));
  return Napi::Boolean::New(info.Env(), error == 0);
}

// pause(): reads no more, while JavaScript goes on
Napi::Value ShardHost::pause(const Napi::CallbackInfo& info, Shard&) {
  freeze();
  return info.Env().Undefined();
}

// handOver(channel, objects): {over, kept, stoppedAt}; a text: what failed. The shard has stopped in either case.
Napi::Value ShardHost::hand_over_flows(const Napi::CallbackInfo& info, Shard& shard) {
  const auto fault = [&](const std::string& text) { return Napi::String::New(info.Env(), text); };
  Desk* const desk = running_->desk.get();
  MoveSender sender(info[0].ToNumber().Int32Value(), desk);
  sender.set_patience(kSendMs);
  freeze();
  running_->haste.begin();
  if (!shard.freeze()) return fault("a turn of the shard is not over");
  Cluster& cluster = *running_->cluster;
  Steps steps(info.Env());
  steps.done("stopped", running_->stopped_at);
  if (!cluster.stop.wait(cluster.rings.size(), kStopMs)) return fault("another shard did not stop in time");
  steps.done("allStopped");
  if (const std::string failed = send_last_drafts(sender, running_->layout, desk, shard); !failed.empty()) return fault(failed);
  if (shard.config().shard == 0) {
    if (const std::string failed = send_commons(sender, running_->layout, desk, cluster, shard); !failed.empty()) return fault(failed);
  }
  steps.done("commonsSent");
  // Those that were to go ahead and did not.
  std::vector<MovingFlow> rest = std::exchange(running_->ahead, {});
  const auto image = writer(ImageOf::shard, running_->layout, desk, std::exchange(running_->image, {}));
  shard.write_image(*image, rest);
  steps.done("written");
  size_t sent = 0;
  if (const int error = sender.flows(rest, true, sent); error != 0) return fault(why("the flows cannot be sent", error));
  int error = 0;
  if (info[1].IsString()) error = sender.octets(Piece::objects, info[1].ToString().Utf8Value());
  if (error == 0) error = send_image(sender, desk, Piece::image, *image);
  if (error != 0) return fault(why("the state of the shard cannot be sent", error));
  steps.done("sent");
  running_->is_handed_over = true;
  const MoveCounts moved = shard.moving();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("over", static_cast<double>(moved.over));
  result.Set("kept", static_cast<double>(moved.kept));
  result.Set("stoppedAt", running_->stopped_at);
  steps.tell(result);
  return result;
}

// takeOver(channel): {since, objects}, when it began to read, as soon as all shards had taken over, and what the other one's JavaScript has
// left; a text: what failed, and none of them reads.
Napi::Value ShardHost::take_over(const Napi::CallbackInfo& info, Shard& shard) {
  const auto fault = [&](const std::string& text) { return Napi::String::New(info.Env(), text); };
  MoveReceiver receiver(info[0].ToNumber().Int32Value());
  receiver.set_patience(kReceiveMs);
  freeze();
  Cluster& cluster = *running_->cluster;
  // For the process before, should this one end too soon: it goes on without that, if there is no memory for it.
  if (cluster.keeper < 0) shard.keep(-1);
  const char* broken = nullptr;
  std::string objects;
  double cpu = cpu_ms();
  const int error = receive_pieces(receiver, shard, cluster, objects, broken, running_->haste, cpu);
  if (broken != nullptr) return fault(broken);
  if (error == EMFILE) return fault("too few file descriptors: the kernel dropped some on the way");
  if (error != 0) return fault(why("the flows did not arrive", error));
  Steps steps(info.Env(), cpu);
  steps.done("arrived");
  std::vector<MovingFlow> none;
  const char* const reason = shard.adopt(receiver.octets(), none);
  if (reason != nullptr) return fault(reason);
  steps.done("taken");
  if (!cluster.stop.wait(cluster.rings.size(), kStopMs)) return fault("another shard could not take over");
  // Before it says anything over them: what the one before has left is old from then on.
  shard.kept().tell_memory(true);
  if (cluster.keeper < 0) shard.kept().show_memory(info[0].ToNumber().Int32Value(), true);
  if (cluster.keeper >= 0 && has_hung_up(cluster.keeper) && has_hung_up(info[0].ToNumber().Int32Value())) end_unwanted();
  shard.resume();
  thaw();
  shard.expect_followers(info[0].ToNumber().Int32Value());
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("since", now_ms());
  steps.done("allTaken");
  steps.tell(result);
  result.Set("objects", Napi::String::New(info.Env(), objects));
  return result;
}

// resume(channel): reads on, with what passed if the other process had begun to; how many connections are lost by that. `channel`: over which
// flows went, -1: none
Napi::Value ShardHost::resume(const Napi::CallbackInfo& info, Shard& shard) {
  RevivedCounts counts;
  LeftFlows left = running_->cluster->take_left(shard.config().shard);
  const int channel = info[0].ToNumber().Int32Value();
  if (std::exchange(running_->is_handed_over, false)) {
    if (left.memory < 0 && channel >= 0) left.memory = receive_memory(channel);
    shard.take_back(left.memory, std::exchange(left.flows, {}), counts);
  }
  left.drop();
  running_->ahead.clear();
  shard.resume();
  running_->desk.reset();
  thaw();
  return Napi::Number::New(info.Env(), static_cast<double>(counts.lost));
}

// settled(): the process before is gone
Napi::Value ShardHost::settled(const Napi::CallbackInfo& info, Shard& shard) {
  shard.kept().hide_memory();
  return info.Env().Undefined();
}

// release(channel): lets go of what another process has taken over, and serves the rest, which follows over the channel; -1: it does not
Napi::Value ShardHost::release_flows(const Napi::CallbackInfo& info, Shard& shard) {
  running_->is_handed_over = false;
  shard.release(info[0].ToNumber().Int32Value(), running_->layout);
  running_->desk.reset();
  thaw();
  return info.Env().Undefined();
}

}  // namespace sluice
