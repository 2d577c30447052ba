// A client's WebSocket messages, reassembled from frames in place (RFC 6455 5.4): nothing is copied unless a message is fragmented.
#pragma once

#include "core/transport/websocket_frame.h"

namespace sluice {

// What must be remembered between two reads of a connection; all zero at the start.
struct WsState {
  uint32_t assembled = 0;  // octets of earlier fragments, unmasked, at the start of the kept data
  uint16_t fragments = 0;  // frames of the unfinished message
  Opcode opcode = Opcode::continuation;  // of the unfinished message; continuation: none
};

enum class WsKind : uint8_t {
  more,     // nothing complete is left: keep rest()
  message,  // `payload` is a message, text or binary
  ping,     // answer with a pong with the same payload
  pong,
  close,    // the peer closes with `code`
  broken,   // it cannot go on: close with `code`
};

struct WsEvent {
  WsKind kind = WsKind::more;
  Opcode opcode = Opcode::text;
  CloseCode code = CloseCode::none;
  Text payload;
};

// Reads kept and new octets, in one piece of memory that it may write to.
class WsReader {
 public:
  // `most`: longest message in octets, however many frames it comes in; a longer one is refused by its announced length.
  WsReader(WsState& state, char* data, size_t size, size_t most) noexcept
      : state_(state), base_(data), at_(data + state.assembled), end_(data + size), most_(most) {}

  // A payload stays valid until the turn ends; that of a control frame, only until the next call.
  WsEvent next() noexcept;

  // After `more`: what must precede the next octets that arrive.
  Text rest() noexcept;
  // After rest(): how large it must grow before there is something to do, if that is known; else 0.
  size_t need() const noexcept { return need_; }

 private:
  WsEvent control(const WsHeader& header, Text payload) noexcept;
  WsEvent broken(CloseCode code) noexcept { return {WsKind::broken, Opcode::close, code, Text()}; }

  WsState& state_;
  char* base_;  // start of the fragments of the unfinished message
  char* at_;    // first unread octet
  char* end_;
  size_t most_;
  size_t need_ = 0;
};

}  // namespace sluice
