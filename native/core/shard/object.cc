// The object path's way out and back in: sending what TypeScript wrote, and telling it what became of its flows and requests.
#include "core/relay/flow_id.h"
#include "core/relay/neighbour.h"
#include "core/relay/object_branch.h"
#include "core/shard/shard.h"

namespace sluice {

size_t Shard::flow_id_of(unsigned item, char* out) const noexcept { return format_flow_id(config_, items_[item].source, out); }

size_t Shard::answer_flow_of(unsigned item, char* out) const noexcept {
  const int32_t* record = &records_[item * k_record_fields];
  const bool outbound = items_[item].message.method == Method::register_ && (record[kRecord_contact] & static_cast<int32_t>(kContact_reg_id));
  const bool keep = record[kRecord_headers] & static_cast<int32_t>(kHeader_keep);
  Source way = items_[item].source;
  if (way.kind == FlowKind::udp) way.remote = answer_address(items_[item], outbound || keep ? uint32_t{kEdit_mark_outbound} : 0u);
  return format_flow_id(config_, way, out);
}

size_t Shard::new_branch(uint32_t loop, char* out) noexcept { return make_object_branch(config_, ++branches_made_, loop, out); }

size_t Shard::flow_token(Text id, Side side, char* out) noexcept {
  FlowId flow;
  if (!parse_flow_id(config_, id, flow)) return 0;
  if (flow.name.kind == FlowKind::stream) return make_token(keys_, flow.name, side, out);
  return make_token(keys_, name_of_source(udp_source(flow.name.remote, flow.listener), true), side, out);
}

size_t Shard::neighbour_mark(Text token, const Neighbour& neighbour, char* out) const noexcept {
  return write_neighbour(config_.branch_key, token, neighbour, out);
}

Neighbour Shard::neighbour_of_item(unsigned item) noexcept {
  return neighbour_of(Surroundings{config_, keys_, upstreams_, flows_, birth_now()}, items_[item].message, items_[item].source);
}

Source Shard::udp_source(const Address& remote, uint16_t listener) noexcept {
  Source source;
  source.remote = remote;
  source.listener = listener;
  source.shard = config_.shard;
  source.slot = flows_.find_udp(remote, listener);
  return source;
}

bool Shard::flow_lives(Text id) noexcept {
  FlowId flow;
  if (!parse_flow_id(config_, id, flow)) return false;
  if (flow.name.kind == FlowKind::udp) {
    const uint32_t slot = flows_.find_udp(flow.name.remote, flow.listener);
    return slot == 0 || (flows_.at(slot).flags & kFlow_dead) == 0;
  }
  // Only its own shard can judge it; a flow that is gone there comes back as a failure.
  return flow.name.shard != config_.shard || flows_.find_stream(flow.name.slot, flow.name.generation) != nullptr;
}

bool Shard::send_to_flow(Text id, Text octets) noexcept {
  FlowId flow;
  if (!parse_flow_id(config_, id, flow) || !flow_lives(id)) return false;
  if (flow.name.kind == FlowKind::stream) return send_over(flow.name, octets, RingHead::object_request);
  const Text copy = copied(octets);
  if (copy.size() != octets.size()) return false;
  counters_.add(Counter::requests_relayed);
  if (tap_ != nullptr) tap_sent(flow.name.remote, flow.listener, copy);
  datagrams_[flow.listener].add(flow.name.remote, copy, Text(), counters_);
  return true;
}

bool Shard::send_over(const FlowName& flow, Text octets, uint8_t kind) noexcept {
  if (flow.shard != config_.shard) {
    RingHead head{};
    head.kind = static_cast<RingHead::Kind>(kind);
    head.slot = flow.slot;
    head.generation = flow.generation;
    const iovec parts[2] = {{&head, sizeof head}, {const_cast<char*>(octets.data()), octets.size()}};
    return push_to(flow.shard, parts, 2);
  }
  Flow* known = flows_.find_stream(flow.slot, flow.generation);
  if (known == nullptr) return false;
  const Text copy = copied(octets);
  if (copy.size() != octets.size()) return false;
  known->marks |= kMark_bound;
  counters_.add(Counter::requests_relayed);
  if (tap_ != nullptr) tap_sent(known->remote, known->listener, copy);
  streams_.add(flow.slot, copy, Text());
  return true;
}

void Shard::answer_flow(Text id, Text octets, bool final) noexcept {
  FlowId flow;
  if (!parse_flow_id(config_, id, flow)) return counters_.add(Counter::send_dropped);
  ReturnPath back;
  back.listener = static_cast<uint8_t>(flow.listener);
  back.shard = flow.name.shard;
  if (flow.name.kind == FlowKind::udp) {
    back.kind = flow.name.remote.is_v4() ? BackKind::udp_v4 : BackKind::udp_v6;
    back.remote = flow.name.remote;
  } else {
    back.boot = flow.name.boot;
    back.slot = flow.name.slot;
    back.generation = flow.name.generation;
  }
  counters_.add(Counter::replies);
  constexpr size_t kVersion = 8;  // "SIP/2.0 "
  if (octets.size() > kVersion + 3) count_response((octets[kVersion] - '0') * 100);
  if (tap_ != nullptr) {
    const Flow* known = back.kind == BackKind::stream && back.shard == config_.shard ? flows_.find_stream(back.slot, back.generation) : nullptr;
    tap_sent(known != nullptr ? known->remote : back.remote, known != nullptr ? known->listener : back.listener, octets);
  }
  send_back(back, copied(octets), Text(), final);
}

size_t Shard::send_to_address(Transport transport, const Address& to, Text host, Text octets, char* id) noexcept {
  if (to.is_unusable_peer()) return 0;
  Source way;
  if (transport == Transport::udp) {
    const uint16_t listener = core_listener(transport, to.is_v4());
    if (datagrams_[listener].fd() < 0) return 0;
    way = udp_source(to, listener);
    // A neighbour that was unreachable a moment ago is tried again: it is an address, not a flow of somebody.
    if (way.slot != 0) flows_.at(way.slot).flags &= static_cast<uint8_t>(~kFlow_dead);
    const Text copy = copied(octets);
    if (copy.size() != octets.size()) return 0;
    if (tap_ != nullptr) tap_sent(to, listener, copy);
    datagrams_[listener].add(to, copy, Text(), counters_);
  } else {
    const uint32_t slot = core_connection(to, transport, host);
    if (slot == 0) return 0;
    way = source_of_flow(slot);
    FlowName name;
    name.shard = config_.shard;
    name.slot = slot;
    name.generation = way.generation;
    if (!send_over(name, octets, RingHead::object_request)) return 0;
  }
  counters_.add(Counter::requests_relayed);
  return format_flow_id(config_, way, id);
}

void Shard::bind_flow(Text id, uint32_t supervise_seconds) noexcept {
  FlowId flow;
  if (!parse_flow_id(config_, id, flow) || flow.name.shard != config_.shard) return;
  uint32_t slot = flow.name.slot;
  if (flow.name.kind == FlowKind::udp) {
    slot = remember_udp_flow(flow.name.remote, flow.listener, 0);
    if (slot == 0) return;
    name_of_source(udp_source(flow.name.remote, flow.listener), true);
  } else if (flows_.find_stream(slot, flow.name.generation) == nullptr) {
    return flow_ended(id);
  }
  flows_.at(slot).marks |= kMark_bound;
  flows_.at(slot).flags |= kFlow_outbound | kFlow_registered;
  supervise(slot, supervise_seconds == 0 ? 0 : supervise_seconds + config_.flow_grace);
}

void Shard::flush_object() noexcept {
  flush();
  close_failed();
  flush();  // what the closing of flows had to say
  scratch_used_ = 0;
}

void Shard::bound_flow_ended(uint32_t slot) noexcept {
  Flow& flow = flows_.at(slot);
  if ((flow.marks & kMark_bound) == 0) return;
  flow.marks &= static_cast<uint8_t>(~kMark_bound);
  char id[kMaxFlowId];
  flow_ended(Text(id, format_flow_id(config_, source_of_flow(slot), id)));
}

void Shard::udp_peer_unreachable(const Address& peer, uint16_t listener) noexcept {
  char id[kMaxFlowId];
  flow_ended(Text(id, format_flow_id(config_, udp_source(peer, listener), id)));
}

// The shard that owns the flow ends its bindings; the others may wait for answers over it.
void Shard::flow_ended(Text id) noexcept {
  object_events_.push_back(ObjectEvent{ObjectEventKind::flow_gone, std::string(id)});
  for (unsigned shard = 0; shard < config_.shards; ++shard)
    if (shard != config_.shard) send_event(static_cast<uint8_t>(shard), RingHead::flow_gone, id);
}

void Shard::send_event(uint8_t shard, uint8_t kind, Text text) noexcept {
  RingHead head{};
  head.kind = static_cast<RingHead::Kind>(kind);
  const iovec parts[2] = {{&head, sizeof head}, {const_cast<char*>(text.data()), text.size()}};
  push_to(shard, parts, 2);
}

bool Shard::object_send_failed(Text branch) noexcept {
  uint8_t keeper = 0;
  if (!config_.home || !read_object_branch(config_, branch, keeper)) return false;
  if (keeper == config_.shard) object_events_.push_back(ObjectEvent{ObjectEventKind::send_failed, std::string(branch)});
  else send_event(keeper, RingHead::send_failed, branch);
  return true;
}

bool Shard::take_object_answer(const Source& source, bool crossed) noexcept {
  Item& item = items_[count_];
  uint8_t keeper = 0;
  if (!config_.home || !read_object_branch(config_, item.facts.top_via.branch, keeper)) return false;
  if (keeper != config_.shard) {
    if (!crossed) hand_over(keeper, count_);
    return true;
  }
  int32_t* record = &records_[count_ * k_record_fields];
  read_response_facts(item.message, source, item.facts, record);
  record[kRecord_headers] |= static_cast<int32_t>(kHeader_object_answer);
  ++count_;
  return true;
}

void Shard::take_object_record(const RingHead& head, Text octets) noexcept {
  switch (head.kind) {
    case RingHead::object_request: {
      Flow* flow = flows_.find_stream(head.slot, head.generation);
      if (flow == nullptr) {
        // It was meant for this flow alone: the sender tries another one, nobody here does.
        const size_t head_end = find_head_end(octets.data(), octets.size(), 0);
        if (head_end != 0 && scan(octets.data(), octets.size(), head_end, Carrier::datagram, config_.limits.scan, *spare_) == ScanError::none)
          answer_sent(*spare_, 503);
        return;
      }
      flow->marks |= kMark_bound;
      counters_.add(Counter::requests_relayed);
      if (tap_ != nullptr) tap_sent(flow->remote, flow->listener, octets);
      streams_.add(head.slot, octets, Text());
      return;
    }
    case RingHead::flow_gone:
      object_events_.push_back(ObjectEvent{ObjectEventKind::flow_gone_elsewhere, std::string(octets)});
      return;
    case RingHead::send_failed:
      object_events_.push_back(ObjectEvent{ObjectEventKind::send_failed, std::string(octets)});
      return;
    default: return;
  }
}

// The sender waits for our answer, so its connection outlives its FIN (TR-24).
void Shard::hand_to_object_path(unsigned i) noexcept {
  const Item& item = items_[i];
  counters_.add(Counter::object_messages);
  if (item.message.is_request && item.message.method == Method::register_ && !item.source.from_core) counters_.add(Counter::registers_in);
  if (!item.message.is_request || item.message.method == Method::ack || item.source.kind != FlowKind::stream || item.source.shard != config_.shard) return;
  Flow* flow = flows_.find_stream(item.source.slot, item.source.generation);
  if (flow != nullptr) ++flow->waiting;
}

}  // namespace sluice
