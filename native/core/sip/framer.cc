#include "core/sip/framer.h"

#include <algorithm>

#include "core/sip/char_class.h"
#include "core/sip/line_index.h"

namespace sluice {

namespace {

Frame broken(FramerState& state, size_t size) noexcept {
  state = FramerState{};
  return {FrameKind::broken, static_cast<uint32_t>(size)};
}

Frame not_sip(FramerState& state, const char* data, size_t size, const ScanLimits& limits, Message& message) noexcept {
  scan(data, 0, 0, Carrier::stream, limits, message);
  message.error = ScanError::not_sip;
  return broken(state, size);
}

}  // namespace

Frame next_frame(FramerState& state, const char* data, size_t size, const ScanLimits& limits, Message& message) noexcept {
  size_t skipped = 0;
  if (state.searched == 0 && state.need == 0) {
    for (; skipped < size; ++skipped) {
      const bool wants_lf = (state.crlf & 1) != 0;
      if (data[skipped] != (wants_lf ? '\n' : '\r')) {
        // A CR without an LF, or something that cannot begin a start line.
        if (wants_lf || !is_class(data[skipped], kChar_token)) {
          return not_sip(state, data + skipped, size, limits, message);
        }
        break;
      }
      if (++state.crlf == 4) {
        state.crlf = 0;
        return {FrameKind::ping, static_cast<uint32_t>(skipped + 1)};
      }
    }
    if (skipped == size) return {FrameKind::more, static_cast<uint32_t>(size)};
    state.crlf = 0;
  }
  const char* start = data + skipped;
  const size_t there = size - skipped;
  if (there < state.need) return {FrameKind::more, static_cast<uint32_t>(skipped)};

  // Octets must be refused for the same reason however they were split, so we look at no more than max_head of them.
  const size_t window = std::min<size_t>(there, limits.max_head);
  // Most messages arrive whole. The head of one that does not is searched once more from its beginning, and then never again.
  const bool scanned = state.searched == 0 && scan_arrived(start, there, limits, message);
  const size_t head_size = scanned ? message.head_size : find_head_end(start, window, state.searched);
  if (head_size == 0) {
    if (has_bare_lf(start, window, state.searched) || there >= limits.max_head) {
      scan(start, window, 0, Carrier::stream, limits, message);
      if (message.error != ScanError::line_end && message.error != ScanError::control_octet) message.error = ScanError::head_too_large;
      return broken(state, size);
    }
    state.searched = static_cast<uint32_t>(window);
    return {FrameKind::more, static_cast<uint32_t>(skipped)};
  }
  if (!scanned) scan(start, there, head_size, Carrier::stream, limits, message);
  if (!message.is_framed) return broken(state, size);
  if (there < message.size) {
    state.need = message.size;
    state.searched = static_cast<uint32_t>(head_size - 1);
    return {FrameKind::more, static_cast<uint32_t>(skipped)};
  }
  state = FramerState{};
  return {FrameKind::message, static_cast<uint32_t>(skipped + message.size)};
}

}  // namespace sluice
