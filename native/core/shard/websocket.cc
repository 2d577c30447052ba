// WebSocket flows: the handshake, SIP in messages, and the control frames (RFC 7118, RFC 6455).
#include "core/shard/wheels.h"

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

void Shard::take_upgrade(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = flows_.at(slot);
  Upgrade upgrade;
  if (read_upgrade(Text(data, size), config_.upgrades, upgrade) == UpgradeRead::more) return keep_unfinished(slot, Text(data, size), false);
  flow.marks &= static_cast<uint8_t>(~kMark_partial);
  UpgradeWord word;
  word.status = upgrade.status;
  if (upgrade.status == 101 && gate_ != nullptr) word = gate_->judge(upgrade, flow.remote, flow.listener);
  char answer[kMaxUpgradeAnswer];
  Writer out(answer, sizeof answer);
  write_upgrade_answer(upgrade, word.status, Text(), word.headers, out);
  if (!out.full()) streams_.add_plain(slot, copied(out.text()));
  if (out.full() || word.status != 101) {
    counters_.add(Counter::ws_refused);
    closing_after_answer_.push_back(slot);
    return;
  }
  counters_.add(Counter::ws_upgrades);
  flow.layer->stage = Stage::open;
  arm_flow(slot);
  if (size > upgrade.head.size()) frame_websocket(slot, data + upgrade.head.size(), size - upgrade.head.size());
}

void Shard::frame_websocket(uint32_t slot, char* data, size_t size) noexcept {
  Flow& flow = flows_.at(slot);
  StreamLayer& layer = *flow.layer;
  if (layer.pinged) {
    layer.pinged = false;
    arm_flow(slot);
  }
  WsReader reader(layer.ws, data, size, config_.limits.scan.max_body);
  bool whole = false;
  while (count_ < k_batch_size) {
    const WsEvent event = reader.next();
    switch (event.kind) {
      case WsKind::more: return keep_frames(slot, reader, whole);
      case WsKind::message:
        whole = true;
        if (!take_websocket_message(slot, event)) return;
        break;
      case WsKind::ping:
        if (!may_ping(slot)) break;
        streams_.add_frame(slot, Opcode::pong, copied(event.payload));
        break;
      case WsKind::pong: break;  // a life sign, as every octet is
      case WsKind::close: return end_websocket(slot, event.code == CloseCode::none ? CloseCode::normal : event.code, Counter::flows_closed);
      case WsKind::broken: return end_websocket(slot, event.code, Counter::flows_faulty);
    }
    if (flow.marks & kMark_closing || flow.state == FlowState::free_slot || flow.layer == nullptr) return;
  }
  keep_frames(slot, reader, whole);
}

void Shard::keep_frames(uint32_t slot, WsReader& reader, bool whole) noexcept {
  const Text rest = reader.rest();
  flows_.at(slot).framer.need = static_cast<uint32_t>(reader.need());
  keep_unfinished(slot, rest, whole);
}

// False: the connection ends.
bool Shard::take_websocket_message(uint32_t slot, const WsEvent& event) noexcept {
  Flow& flow = flows_.at(slot);
  Text text = event.payload;
  if (is_crlf(text)) {
    // RFC 5626 4.4.1 in a message of its own, answered in one of the same kind (RFC 7118 6).
    if (text.size() == 4 && may_ping(slot)) streams_.add_frame(slot, event.opcode, "\r\n");
    return (flow.marks & kMark_closing) == 0;
  }
  while (text.starts_with("\r\n")) text.remove_prefix(2);
  Message& message = items_[count_].message;
  scan(text.data(), text.size(), find_head_end(text.data(), text.size(), 0), Carrier::frame, config_.limits.scan, message);
  if (message.error != ScanError::none && message.top_via.empty()) {
    // RFC 7118 4.1: nothing but SIP comes this way.
    counters_.add(Counter::not_sip);
    end_websocket(slot, CloseCode::unsupported, Counter::flows_faulty);
    return false;
  }
  // RFC 7118 5: one SIP message fills a WebSocket message.
  if (message.error == ScanError::none && !is_all_blank(text.substr(message.size))) message.error = ScanError::bad_content_length;
  flow.marks |= kMark_spoke;
  take_message(source_of_flow(slot), false);
  return true;
}

void Shard::end_websocket(uint32_t slot, CloseCode code, Counter why) noexcept {
  const char payload[2] = {static_cast<char>(static_cast<uint16_t>(code) >> 8), static_cast<char>(code)};
  flows_.at(slot).marks &= static_cast<uint8_t>(~kMark_partial);
  if (why == Counter::flows_faulty) alert(Event::ws_faulty, flows_.at(slot).remote, static_cast<int32_t>(code), Text());
  streams_.add_frame(slot, Opcode::close, copied(Text(payload, sizeof payload)));
  flows_.at(slot).layer->close_sent = true;
  closing_after_answer_.push_back(slot);
}

void Shard::ping_websocket(uint32_t slot) noexcept {
  flows_.at(slot).layer->pinged = true;
  streams_.add_frame(slot, Opcode::ping, Text());
}

}  // namespace sluice
