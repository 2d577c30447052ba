// WebSocket flows: the handshake, SIP in messages, and control frames (RFC 7118, RFC 6455).
#include "core/shard/stream_reader.h"

namespace sluice {
namespace {

constexpr size_t kMaxBlank = 16;

bool is_crlf(Text text) noexcept {
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != (i % 2 == 0 ? '\r' : '\n')) return false;
  return text.size() % 2 == 0 && text.size() <= kMaxBlank;
}

bool is_all_blank(Text text) noexcept { return text.find_first_not_of("\r\n \t") == Text::npos; }

}  // namespace

void StreamReader::take_upgrade(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = ground_.flows.at(slot);
  Upgrade upgrade;
  if (read_upgrade(Text(data, size), ground_.config.upgrades, upgrade) == UpgradeRead::more) return keep_unfinished(slot, Text(data, size), false);
  flow.marks &= static_cast<uint8_t>(~kMark_partial);
  UpgradeWord word;
  word.status = upgrade.status;
  if (upgrade.status == 101 && gate_ != nullptr) word = gate_->judge(upgrade, flow.remote, flow.listener);
  char answer[kMaxUpgradeAnswer];
  Writer out(answer, sizeof answer);
  write_upgrade_answer(upgrade, word.status, Text(), word.headers, out);
  if (!out.full()) outbox_.streams().add_plain(slot, outbox_.copied(out.text()));
  if (out.full() || word.status != 101) {
    ground_.counters.add(Counter::ws_refused);
    return close_after_answer(slot);
  }
  ground_.counters.add(Counter::ws_upgrades);
  flow.stream.layer->stage = Stage::open;
  ground_.kept.note_layer(slot);
  connections_.handshake_done(slot);
  timers_.arm(slot);
  if (size > upgrade.head.size()) frame_websocket(slot, data + upgrade.head.size(), size - upgrade.head.size());
}

void StreamReader::frame_websocket(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = ground_.flows.at(slot);
  StreamLayer& layer = *flow.stream.layer;
  if (layer.pinged) {
    layer.pinged = false;
    timers_.arm(slot);
  }
  WsReader reader(layer.ws, data, size, ground_.config.limits.scan.max_body);
  bool whole = false;
  while (!turn_.full()) {
    const WsEvent event = reader.next();
    switch (event.kind) {
      case WsKind::more: return keep_frames(slot, reader, whole);
      case WsKind::message:
        whole = true;
        if (!take_websocket_message(slot, event)) return;
        break;
      case WsKind::ping:
        if (!may_ping(slot)) break;
        outbox_.streams().add_frame(slot, Opcode::pong, outbox_.copied(event.payload));
        break;
      case WsKind::pong: break;  // a sign of life, as every octet is
      case WsKind::close: return end_websocket(slot, event.code == CloseCode::none ? CloseCode::normal : event.code, Counter::flows_closed);
      case WsKind::broken: return end_websocket(slot, event.code, Counter::flows_faulty);
    }
    if (flow.marks & (kMark_closing | kMark_deaf)) return;
  }
  keep_frames(slot, reader, whole);
}

void StreamReader::keep_frames(uint32_t slot, WsReader& reader, bool whole) noexcept {
  const Text rest = reader.rest();
  ground_.kept.note_part(slot);
  ground_.flows.at(slot).framer.need = static_cast<uint32_t>(reader.need());
  keep_unfinished(slot, rest, whole);
}

// False: the connection ends.
bool StreamReader::take_websocket_message(uint32_t slot, const WsEvent& event) noexcept {
  Flow& flow = ground_.flows.at(slot);
  Text text = event.payload;
  if (is_crlf(text)) {
    // An RFC 5626 4.4.1 ping in its own message, answered in a message of the same type (RFC 7118 6).
    if (text.size() == 4 && may_ping(slot)) outbox_.streams().add_frame(slot, event.opcode, "\r\n");
    return (flow.marks & kMark_closing) == 0;
  }
  while (text.starts_with("\r\n")) text.remove_prefix(2);
  Message& message = turn_.next().message;
  scan(text.data(), text.size(), kFindHead, Carrier::frame, ground_.config.limits.scan, message);
  if (message.error != ScanError::none && message.top_via.empty()) {
    // RFC 7118 4.1: only SIP is allowed here.
    ground_.counters.add(Counter::not_sip);
    end_websocket(slot, CloseCode::unsupported, Counter::flows_faulty);
    return false;
  }
  // RFC 7118 5: a WebSocket message contains exactly one SIP message.
  if (message.error == ScanError::none && !is_all_blank(text.substr(message.size))) message.error = ScanError::bad_content_length;
  flow.marks |= kMark_spoke;
  ground_.kept.takes(1);
  intake_.take(source_of_flow(ground_.config, slot, flow), false);
  return true;
}

void StreamReader::end_websocket(uint32_t slot, CloseCode code, Counter why) noexcept {
  const char payload[2] = {static_cast<char>(static_cast<uint16_t>(code) >> 8), static_cast<char>(code)};
  if (why == Counter::flows_faulty) ground_.alerts.add(Event::ws_faulty, ground_.flows.at(slot).remote, static_cast<int32_t>(code));
  outbox_.streams().add_frame(slot, Opcode::close, outbox_.copied(Text(payload, sizeof payload)));
  ground_.flows.at(slot).stream.layer->close_sent = true;
  close_after_answer(slot);
}

void StreamReader::ping_websocket(uint32_t slot) noexcept {
  ground_.flows.at(slot).stream.layer->pinged = true;
  outbox_.streams().add_frame(slot, Opcode::ping, Text());
}

}  // namespace sluice
