#include "core/shard/withheld_answers.h"

#include <initializer_list>

#include "core/sip/char_class.h"

namespace sluice {
namespace {

constexpr uint32_t kAskAgain = Clock::ticks(500);  // T1
constexpr uint32_t kTooLate = Clock::ticks(32'000);  // 64 T1: nobody waits for the response any more

// The first line of that header with its name; empty: there is none.
Text line_of(Text head, Text name) noexcept {
  for (size_t at = head.find('\n'); at != Text::npos; at = head.find('\n', at + 1)) {
    const Text line = head.substr(at + 1, head.substr(at + 1).find('\n'));
    if (line.size() > name.size() && same_text(line.substr(0, name.size()), name) && !is_class(line[name.size()], kChar_token)) return line;
  }
  return {};
}

// Of the request that it answers.
uint64_t request_of(const SipKey& key, Text head) noexcept {
  SipHasher hash(key);
  for (const Text name : {Text("Via"), Text("v"), Text("Call-ID"), Text("i"), Text("CSeq")}) {
    const Text line = line_of(head, name);
    hash.add(line.data(), line.size());
  }
  return hash.finish();
}

}  // namespace

bool WithheldAnswers::keep(const ReturnPath& back, Text head, Text body) noexcept {
  const SourceKey source(back.remote);
  const uint32_t now = ground_.clock.tick();
  uint32_t asked_at = now;
  bool asks = true;
  for (const Held& one : held_) {
    if (!(one.source == source) || ground_.clock.reached(one.asked_at + kAskAgain)) continue;
    asked_at = one.asked_at;
    asks = false;
  }
  const uint64_t request = request_of(ground_.config.table_key, head);
  make_room(source, request, head.size() + body.size());
  Held one{back, source, request, now, asked_at, {}};
  if (!one.octets.keep(head, body)) return asks;
  octets_ += one.octets.size();
  held_.push_back(std::move(one));
  ground_.counters.add(Counter::answers_waiting);
  return asks;
}

bool WithheldAnswers::is_late(const Held& one) const noexcept { return ground_.clock.reached(one.since + kTooLate); }

void WithheldAnswers::make_room(const SourceKey& source, uint64_t request, size_t octets) noexcept {
  size_t of_source = 0, oldest_of_source = 0;
  for (size_t i = 0; i < held_.size();) {
    const Held& one = held_[i];
    if (is_late(one) || (one.source == source && one.request == request)) {
      drop(i);
      continue;
    }
    if (one.source == source && of_source++ == 0) oldest_of_source = i;
    ++i;
  }
  if (of_source >= kMostOfSource) drop(oldest_of_source);
  while (!held_.empty() && (held_.size() >= kMost || octets_ + octets > kMostOctets)) drop(0);
}

void WithheldAnswers::drop(size_t at) noexcept {
  octets_ -= held_[at].octets.size();
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(at));
  ground_.counters.add(Counter::answers_waiting, -1);
}

void WithheldAnswers::freeze(ImageWriter& image) const noexcept {
  image.count(held_.size());
  for (const Held& one : held_) {
    describe_return_path(image, one.back);
    image.fields(one.request, one.since, one.asked_at);
    image.text(one.octets.text());
  }
}

void WithheldAnswers::adopt(ImageReader& image) noexcept {
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0; --left) {
    ReturnPath back;
    describe_return_path(image, back);
    Held one{back, SourceKey(back.remote), 0, 0, 0, {}};
    image.fields(one.request, one.since, one.asked_at);
    const Text octets = image.text();
    const bool is_udp = back.kind != BackKind::stream && back.listener < ground_.config.listeners.size() && !is_stream(ground_.config.listeners[back.listener].transport);
    image.expect(is_udp && held_.size() < kMost && octets_ + octets.size() <= kMostOctets,
                 "a response that is withheld is out of range");
    if (!image.good() || !one.octets.keep(octets)) return;
    octets_ += one.octets.size();
    held_.push_back(std::move(one));
    ground_.counters.add(Counter::answers_waiting);
  }
}

}  // namespace sluice
