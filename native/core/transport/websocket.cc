#include "core/transport/websocket.h"

#include <cstring>

#include "core/base/utf8.h"

namespace sluice {
namespace {

// More fragments than any client needs; an empty one costs us a pass of the loop and the peer no payload.
constexpr uint16_t kMaxFragments = 128;

// RFC 6455 7.4: the codes allowed in a close frame.
bool may_be_sent(unsigned code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace

WsEvent WsReader::next() noexcept {
  need_ = 0;
  for (;;) {
    WsHeader header;
    const size_t there = static_cast<size_t>(end_ - at_);
    const WsRead read = read_ws_header(at_, there, header);
    if (read == WsRead::broken) return broken(CloseCode::protocol_error);
    if (read == WsRead::more) return {};
    if (!is_control(header.opcode)) {
      // A continuation needs a message that has begun; a new message needs the previous one to have ended (RFC 6455 5.4).
      if ((header.opcode == Opcode::continuation) != (state_.opcode != Opcode::continuation)) return broken(CloseCode::protocol_error);
      if (header.payload > most_ || header.payload > most_ - state_.assembled) return broken(CloseCode::too_big);
    }
    const size_t payload = static_cast<size_t>(header.payload);
    if (there - header.size < payload) {
      need_ = state_.assembled + header.size + payload;
      return {};
    }
    char* const begin = at_ + header.size;
    unmask(begin, payload, header.mask);
    at_ = begin + payload;
    if (is_control(header.opcode)) return control(header, Text(begin, payload));
    const bool first = header.opcode != Opcode::continuation;
    const Opcode opcode = first ? header.opcode : state_.opcode;
    Text message(begin, payload);
    if (!first || !header.fin) {
      if (++state_.fragments > kMaxFragments) return broken(CloseCode::too_big);
      if (payload > 0) std::memmove(base_ + state_.assembled, begin, payload);
      state_.assembled += static_cast<uint32_t>(payload);
      state_.opcode = opcode;
      if (!header.fin) continue;
      message = Text(base_, state_.assembled);
    }
    state_ = WsState{};
    base_ = at_;
    if (opcode == Opcode::text && !is_utf8(message)) return broken(CloseCode::bad_utf8);
    return {WsKind::message, opcode, CloseCode::none, message};
  }
}

WsEvent WsReader::control(const WsHeader& header, Text payload) noexcept {
  if (header.opcode == Opcode::ping) return {WsKind::ping, Opcode::ping, CloseCode::none, payload};
  if (header.opcode == Opcode::pong) return {WsKind::pong, Opcode::pong, CloseCode::none, payload};
  if (payload.empty()) return {WsKind::close, Opcode::close, CloseCode::none, payload};
  if (payload.size() < 2) return broken(CloseCode::protocol_error);
  const unsigned code = static_cast<unsigned>(static_cast<uint8_t>(payload[0])) << 8 | static_cast<uint8_t>(payload[1]);
  if (!may_be_sent(code)) return broken(CloseCode::protocol_error);
  if (!is_utf8(payload.substr(2))) return broken(CloseCode::bad_utf8);
  return {WsKind::close, Opcode::close, static_cast<CloseCode>(code), payload};
}

Text WsReader::rest() noexcept {
  const size_t raw = static_cast<size_t>(end_ - at_);
  char* const seam = base_ + state_.assembled;
  if (seam != at_ && raw > 0) std::memmove(seam, at_, raw);
  return Text(base_, state_.assembled + raw);
}

}  // namespace sluice
