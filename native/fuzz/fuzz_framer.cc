// Any stream, cut in two ways, yields the same frames (TR-17). The first octets choose the cuts.
#include <cstdlib>
#include <string>
#include <vector>

#include "core/sip/framer.h"

using namespace sluice;

namespace {

struct Seen {
  FrameKind kind;
  ScanError error;
  std::string octets;
  bool operator==(const Seen&) const = default;
};

// Feeds `stream` in pieces of the given lengths, cyclically; keeps octets after `consumed` as a connection does.
std::vector<Seen> frames_of(const std::string& stream, const std::string& cuts) {
  std::vector<Seen> seen;
  FramerState state;
  std::string held;
  const ScanLimits limits;
  size_t at = 0;
  for (size_t piece = 0; at < stream.size(); ++piece) {
    const size_t length = cuts.empty() ? stream.size() : 1 + static_cast<uint8_t>(cuts[piece % cuts.size()]);
    held += stream.substr(at, length);
    at += length;
    for (;;) {
      // Exactly sized, so that a read beyond the end is detected.
      const std::string window(held);
      Message message;
      const Frame frame = next_frame(state, window.data(), window.size(), limits, message);
      if (frame.consumed > window.size()) std::abort();
      if (frame.kind == FrameKind::more) {
        held.erase(0, frame.consumed);
        break;
      }
      const bool whole = frame.kind == FrameKind::message;
      if (whole && (message.size > frame.consumed || message.data + message.size != window.data() + frame.consumed)) std::abort();
      seen.push_back({frame.kind, frame.kind == FrameKind::ping ? ScanError::none : message.error, whole ? std::string(message.data, message.size) : ""});
      held.erase(0, frame.consumed);
      if (frame.kind == FrameKind::broken) return seen;
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::string cuts(reinterpret_cast<const char*>(data), 4);
  const std::string stream(reinterpret_cast<const char*>(data) + 4, size - 4);
  if (frames_of(stream, "") != frames_of(stream, cuts)) std::abort();
  return 0;
}
