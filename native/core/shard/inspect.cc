// What the operator asks of a shard and changes in it. Nothing here runs because of a message, except the tap while somebody looks.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/relay/flow_id.h"
#include "core/shard/wheels.h"

namespace sluice {
namespace {

bool holds_text(Text text, Text part) noexcept {
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [](char a, char b) { return lower(a) == b; }) != text.end();
}

bool has_note(const Registration* note, Text part) noexcept {
  for (; note != nullptr; note = note->next.get())
    if (holds_text(note->aor(), part) || holds_text(note->instance(), part)) return true;
  return false;
}

// The kernel counts the octets of a connection anyway, so nobody else needs to.
void read_tcp_info(int fd, FlowFacts& facts) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  facts.octets_in = info.tcpi_bytes_received;
  facts.octets_out = info.tcpi_bytes_acked > 0 ? info.tcpi_bytes_acked - 1 : 0;  // the SYN counts as one
  facts.round_trip_us = info.tcpi_rtt;
  facts.resent = info.tcpi_total_retrans;
}

}  // namespace

void Shard::flows(uint32_t& cursor, uint32_t steps, size_t most, const FlowFilter& filter, std::vector<FlowFacts>& out) noexcept {
  read_clock();
  const uint32_t end = flows_.slots();
  uint32_t slot = std::max<uint32_t>(cursor, 1);
  if (filter.slot != 0) slot = filter.slot;
  for (; slot < end && steps > 0 && out.size() < most; ++slot, --steps) {
    const Flow& flow = flows_.at(slot);
    const Registration* notes = notes_.of(slot);
    const bool met = flow.state != FlowState::free_slot && (filter.generation == 0 || flow.generation == filter.generation) &&
                     (!filter.by_address || (flow.remote.same_ip(filter.address) &&
                                             (filter.address.port == 0 || flow.remote.port == filter.address.port))) &&
                     (filter.text.empty() || has_note(notes, filter.text));
    if (met) {
      FlowFacts facts;
      facts.slot = slot;
      facts.flow = &flow;
      facts.notes = notes;
      facts.idle_ms = ms_since(flow.last_seen);
      if (flow.kind == FlowKind::stream) facts.age_ms = ms_since(flow.birth);
      for (const Registration* note = notes; note != nullptr && flow.kind == FlowKind::udp; note = note->next.get())
        facts.age_ms = std::max<int64_t>(facts.age_ms, ms_since(note->since));
      if (flow.out != nullptr) facts.unsent = flow.out->size - flow.out->done;
      read_tcp_info(flow.fd, facts);
      out.push_back(facts);
    }
    if (filter.slot != 0) break;
  }
  cursor = filter.slot != 0 || slot >= end ? 0 : slot;
}

FlowSurvey Shard::survey() noexcept {
  read_clock();
  FlowSurvey result;
  const auto step_of = [](uint32_t milliseconds) {
    size_t step = 0;
    while (step < std::size(kSurveySteps) && milliseconds / 1000 >= kSurveySteps[step]) ++step;
    return step;
  };
  for (uint32_t slot = 1; slot < flows_.slots(); ++slot) {
    const Flow& flow = flows_.at(slot);
    if (flow.state == FlowState::free_slot || (flow.flags & (kFlow_core | kFlow_dead))) continue;
    if (flow.kind == FlowKind::stream) ++result.ages[step_of(ms_since(flow.birth))];
    ++result.silence[step_of(ms_since(flow.last_seen))];
    result.outbound += (flow.flags & kFlow_outbound) != 0;
    result.supervised += (flow.flags & kFlow_supervised) != 0;
  }
  return result;
}

TokenFacts Shard::token(Text user) noexcept {
  TokenFacts facts;
  facts.verdict = read_token(keys_, user, facts.flow, facts.side);
  if (facts.verdict != TokenVerdict::ok) return facts;
  facts.of_this_boot = facts.flow.kind == FlowKind::udp || facts.flow.boot == config_.boot;
  const Surroundings around{config_, keys_, upstreams_, flows_, birth_now()};
  facts.alive = judge_flow(around, facts.flow) == RouteKind::alive;
  return facts;
}

uint32_t Shard::upstream_silence(int target) const noexcept {
  const uint32_t asked = health_[static_cast<size_t>(target)].asked;
  return asked == 0 ? 0 : ms_since(asked);
}

void Shard::set_limits(const FlowLimits& limits, uint32_t flow_timer) noexcept {
  config_.limits = limits;
  config_.flow_timer = flow_timer;
}

void Shard::set_bans(std::vector<Address> banned) noexcept {
  bans_.replace(std::move(banned));
  for (uint32_t slot = 1; slot < flows_.slots() && !bans_.empty(); ++slot) {
    const Flow& flow = flows_.at(slot);
    if (flow.state == FlowState::free_slot || (flow.flags & kFlow_core) || !bans_.holds(flow.remote)) continue;
    if (flow.kind == FlowKind::stream) close_flow(slot, Counter::flows_refused);
    else udp_flow_died(slot, Counter::flows_refused);
  }
  flush();
}

bool Shard::close_flow_of(uint32_t slot, uint32_t generation) noexcept {
  if (slot == 0 || slot >= flows_.slots()) return false;
  const Flow& flow = flows_.at(slot);
  if (flow.state == FlowState::free_slot || flow.generation != generation) return false;
  if (flow.kind == FlowKind::stream) close_flow(slot, Counter::flows_moved);
  else udp_flow_died(slot, Counter::flows_moved);
  flush();
  return true;
}

uint32_t Shard::move_out(uint32_t most, bool busy_ones) noexcept {
  uint32_t left = 0;
  for (uint32_t slot = 1; slot < flows_.slots(); ++slot) {
    const Flow& flow = flows_.at(slot);
    if (flow.state == FlowState::free_slot || flow.kind != FlowKind::stream || (flow.flags & kFlow_core)) continue;
    const bool busy = flow.waiting > 0 || flow.pending != 0 || flow.out != nullptr;
    if (most == 0 || (busy && !busy_ones)) {
      ++left;
      continue;
    }
    --most;
    close_flow(slot, Counter::flows_moved);
  }
  flush();
  return left;
}

void Shard::set_tap(std::vector<TapFilter> filters) noexcept {
  // What the old tap still holds is lost with it: whoever changes the tap drains it before.
  tap_ = filters.empty() ? nullptr : std::make_unique<WireTap>(std::move(filters), config_.table_key);
}

std::vector<char> Shard::tapped() noexcept {
  if (tap_ == nullptr) return {};
  uint64_t lost = 0;
  std::vector<char> octets = tap_->drain(lost);
  if (lost > 0) counters_.add(Counter::tapped_lost, static_cast<int64_t>(lost));
  return octets;
}

void Shard::tap_received(Item& item) noexcept {
  const Message& message = item.message;
  item.tapped = tap_->match(item.source.remote) | tap_->match(message);
  // What another shard handed over was copied there.
  if (item.tapped != 0 && !item.crossed) tap_->put(item.tapped, false, item.source.remote, item.source.listener, Text(message.data, message.size), Text());
}

void Shard::tap_sent(const Address& to, uint16_t listener, Text octets) noexcept {
  const size_t head = find_head_end(octets.data(), octets.size(), 0);
  uint32_t filters = tap_->match(to);
  if (head != 0 && scan(octets.data(), octets.size(), head, Carrier::datagram, config_.limits.scan, *spare_) == ScanError::none) filters |= tap_->match(*spare_);
  if (filters != 0) tap_->put(filters, true, to, listener, octets, Text());
}

void Shard::note_register(Text flow_id, Text request) noexcept {
  counters_.add(Counter::registers_ok);
  FlowId flow;
  if (!config_.notes || !parse_flow_id(config_, flow_id, flow) || flow.name.shard != config_.shard) return;
  uint32_t slot = flow.name.slot;
  if (flow.name.kind == FlowKind::udp) slot = flows_.find_udp(flow.name.remote, flow.listener);
  else if (flows_.find_stream(slot, flow.name.generation) == nullptr) slot = 0;
  const size_t head = find_head_end(request.data(), request.size(), 0);
  if (slot == 0 || head == 0 || scan(request.data(), request.size(), head, Carrier::datagram, config_.limits.scan, *spare_) != ScanError::none) return;
  constexpr uint64_t kKey = 1;  // asked and granted at once, so it meets nobody
  notes_.asked(kKey, *spare_, slot);
  notes_.granted(kKey, slot, now_tick_);
}

void Shard::tap_answer(uint32_t filters, const ReturnPath& back, Text head, Text body) noexcept {
  Address peer = back.remote;
  uint16_t listener = back.listener;
  if (back.kind == BackKind::stream) {
    const Flow* flow = back.shard == config_.shard ? flows_.find_stream(back.slot, back.generation) : nullptr;
    peer = flow != nullptr ? flow->remote : Address{};
    listener = flow != nullptr ? flow->listener : listener;
  }
  tap_->put(filters, true, peer, listener, head, body);
}

}  // namespace sluice
