#include "core/shard/context_image.h"

#include <algorithm>
#include <utility>

#include "core/home/plain_request.h"

namespace sluice {
namespace {

constexpr const char* kContextOutOfRange = "a response context is out of range";

template <typename Image, typename AnyContext>
void describe_context(Image& image, AnyContext& context) noexcept {
  image.fields(context.fork_count, context.planned, context.closed, context.cancelled, context.flow_failed, context.lacked_room, context.free);
  if constexpr (Image::kReads) {
    image.expect(context.fork_count <= ProxiedContext::kMostForks && context.planned <= ProxiedContext::kMostWays && context.free <= kMostBreadth, kContextOutOfRange);
    if (!image.good()) context.fork_count = context.planned = 0;
  }
  for (auto& fork : context.all()) image.fields(fork.device, fork.branch, fork.breadth, fork.q, fork.state, fork.looked_again);
  for (size_t i = 0; i < context.planned; ++i) {
    auto& one = context.plan[i];
    image.fields(one.key, one.identity, one.fork, one.is_tried);
    if constexpr (Image::kReads) image.expect(one.fork < context.fork_count, kContextOutOfRange);
  }
}

// The one device of layout 1.
struct OneDevice {
  uint32_t branch = 0;
  uint64_t device = 0;
  uint8_t planned = 0, tried = 0;
  bool looked_again = false, closed = false, cancelled = false, flow_failed = false, lacked_room = false;
  std::array<ProxiedContext::Planned, ProxiedContext::kMostWays> plan;
};

template <typename Image, typename Any>
void describe_one(Image& image, Any& one) noexcept {
  image.fields(one.branch, one.device, one.planned, one.tried, one.looked_again, one.closed, one.cancelled, one.flow_failed, one.lacked_room);
  if constexpr (Image::kReads) {
    image.expect(one.planned <= one.plan.size() && one.tried <= one.planned, kContextOutOfRange);
    if (!image.good()) one.planned = one.tried = 0;
  }
  for (size_t i = 0; i < one.planned; ++i) image.fields(one.plan[i].key, one.plan[i].identity);
}

OneDevice one_of(const ProxiedContext& context, const Fork* fork) noexcept {
  OneDevice one;
  one.closed = context.closed;
  one.cancelled = context.cancelled;
  one.flow_failed = context.flow_failed;
  one.lacked_room = context.lacked_room;
  if (fork == nullptr) return one;
  one.branch = fork->branch;
  one.device = fork->device;
  one.looked_again = fork->looked_again;
  // Those that were tried come first.
  for (const bool is_tried : {true, false}) {
    for (size_t i = 0; i < context.planned; ++i)
      if (context.plan[i].fork == context.number_of(*fork) && context.plan[i].is_tried == is_tried) one.plan[one.planned++] = context.plan[i];
    if (is_tried) one.tried = one.planned;
  }
  return one;
}

void take_one(const OneDevice& one, uint32_t breadth, ProxiedContext& context) noexcept {
  context.closed = one.closed;
  context.cancelled = one.cancelled;
  context.flow_failed = one.flow_failed;
  context.lacked_room = one.lacked_room;
  context.free = std::min(breadth, kMostBreadth);
  if (one.planned == 0) return;
  context.fork_count = 1;
  Fork& fork = context.forks[0];
  fork.device = one.device;
  fork.branch = one.branch;
  fork.breadth = std::exchange(context.free, 0);
  fork.state = Fork::State::trying;
  fork.looked_again = one.looked_again;
  context.planned = one.planned;
  for (size_t i = 0; i < one.planned; ++i) context.plan[i] = {one.plan[i].key, one.plan[i].identity, 0, i < one.tried};
}

void keep(ImageReader& image, KeptOctets& into) noexcept {
  const Text octets = image.text();
  if (!octets.empty() && !into.keep(octets)) image.fail("it holds more octets than a shard may");
}

}  // namespace

void put_context(ImageWriter& image, const ProxiedContext* context, const Fork* one) noexcept {
  if (image.version() < kForksSince) {
    const OneDevice device = context == nullptr ? OneDevice() : one_of(*context, one);
    return describe_one(image, device);
  }
  image.fields(context != nullptr);
  if (context == nullptr) return;
  describe_context(image, *context);
  for (const Fork& fork : context->all()) {
    image.text(fork.tried.text());
    image.text(fork.last.text());
  }
  // It stands for the best response if there is none.
  image.fields(context->best.empty() && context->too_large ? int32_t{kTooLargeStatus} : static_cast<int32_t>(context->best.status()));
  image.text(context->best.text());
}

std::unique_ptr<ProxiedContext> read_context(ImageReader& image, uint32_t breadth) {
  auto context = std::make_unique<ProxiedContext>();
  if (image.version() < kForksSince) {
    OneDevice one;
    describe_one(image, one);
    take_one(one, breadth, *context);
    return context;
  }
  bool is_there = false;
  image.fields(is_there);
  if (!is_there) return nullptr;
  describe_context(image, *context);
  for (Fork& fork : context->all()) {
    image.expect(fork.state <= Fork::State::over && fork.breadth <= kMostBreadth, kContextOutOfRange);
    keep(image, fork.tried);
    keep(image, fork.last);
  }
  int32_t status = 0;
  image.fields(status);
  const Text best = image.text();
  context->too_large = best.empty() && status == kTooLargeStatus;
  if (!context->best.restore(best, context->too_large ? 0 : status)) image.fail("it holds more octets than a shard may");
  return context;
}

}  // namespace sluice
