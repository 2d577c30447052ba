#include "core/shard/inspect.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/relay/flow_id.h"
#include "core/relay/own_output.h"

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

bool is_in_address(const Address& address, Text part) noexcept {
  char ip[kMaxIpText];
  return holds_text(Text(ip, format_ip(address, ip)), part);
}

bool meets(const FlowFilter& filter, const Flow& flow, const Registration* notes) noexcept {
  if (filter.generation != 0 && flow.generation != filter.generation) return false;
  if (filter.by_address && !flow.remote.same_ip(filter.address)) return false;
  if (filter.by_address && filter.address.port != 0 && flow.remote.port != filter.address.port) return false;
  return filter.text.empty() || has_note(notes, filter.text) || (filter.text_in_address && is_in_address(flow.remote, filter.text));
}

// The kernel counts the octets of a connection anyway, so we need not.
void read_tcp_info(int fd, FlowFacts& facts) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  facts.octets_in = info.tcpi_bytes_received;
  facts.octets_out = info.tcpi_bytes_acked > 0 ? info.tcpi_bytes_acked - 1 : 0;  // the SYN counts as one
  facts.round_trip_us = info.tcpi_rtt;
  facts.resent = info.tcpi_total_retrans;
}

size_t step_of(uint32_t milliseconds) noexcept {
  size_t step = 0;
  while (step < std::size(kSurveySteps) && milliseconds / 1000 >= kSurveySteps[step]) ++step;
  return step;
}

}  // namespace

FlowFacts Inspect::facts_of(uint32_t slot, const Flow& flow, const Registration* notes) const noexcept {
  FlowFacts facts;
  facts.slot = slot;
  facts.flow = &flow;
  facts.notes = notes;
  facts.idle_ms = ms_since(flow.last_seen);
  if (flow.kind == FlowKind::stream) facts.age_ms = ms_since(flow.birth);
  for (const Registration* note = notes; note != nullptr && flow.kind == FlowKind::udp; note = note->next.get())
    facts.age_ms = std::max<int64_t>(facts.age_ms, ms_since(note->since));
  facts.unsent = flow.kind == FlowKind::stream ? flow.stream.out.octets() : 0;
  facts.recent = recent_of(slot, flow);
  read_tcp_info(flow.fd, facts);
  return facts;
}

bool Inspect::is_as_old(const FlowFilter& filter, const Flow& flow) const noexcept {
  const uint32_t idle = ms_since(flow.last_seen);
  if (idle < filter.least_idle_ms || idle >= filter.idle_below_ms) return false;
  if (!filter.by_age) return true;
  const uint32_t age = ms_since(flow.birth);
  return flow.kind == FlowKind::stream && age >= filter.least_age_ms && age < filter.age_below_ms;
}

uint32_t Inspect::flows(uint32_t& cursor, uint32_t steps, size_t most, const FlowFilter& filter, std::vector<FlowFacts>& out) noexcept {
  ground_.clock.read();
  uint32_t count = 0;
  const uint32_t end = ground_.flows.slots();
  uint32_t slot = filter.slot != 0 ? filter.slot : std::max<uint32_t>(cursor, 1);
  for (; slot < end && steps > 0 && out.size() < most; ++slot, --steps) {
    const Flow* flow = ground_.flows.open_at(slot);
    const Registration* notes = notes_.of(slot);
    if (flow == nullptr || !meets(filter, *flow, notes)) {
      if (filter.slot != 0) break;
      continue;
    }
    const bool is_quiet = filter.least_recent != 0 && recent_of(slot, *flow) < filter.least_recent;
    const bool is_wanted = !is_quiet && is_as_old(filter, *flow) && !(filter.clients_only && (flow->flags & (kFlow_core | kFlow_dead)));
    count += is_wanted;
    if (is_wanted && ms_since(flow->last_seen) >= filter.counted_below_ms) out.push_back(facts_of(slot, *flow, notes));
    if (filter.slot != 0) break;
  }
  cursor = filter.slot != 0 || slot >= end ? 0 : slot;
  return count;
}

void Inspect::begin_sample() {
  sample_.assign(ground_.flows.slots(), Sampled{});
  for (uint32_t slot = 1; slot < sample_.size(); ++slot)
    if (const Flow* flow = ground_.flows.open_at(slot); flow != nullptr) sample_[slot] = {flow->generation, flow->messages};
}

// For a flow that began since, all its messages.
uint32_t Inspect::recent_of(uint32_t slot, const Flow& flow) const noexcept {
  if (sample_.empty()) return 0;
  if (slot >= sample_.size() || sample_[slot].generation != flow.generation) return flow.messages;
  return flow.messages - sample_[slot].messages;
}

FlowSurvey Inspect::survey() noexcept {
  ground_.clock.read();
  FlowSurvey result;
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* flow = ground_.flows.open_at(slot);
    if (flow == nullptr || (flow->flags & (kFlow_core | kFlow_dead))) continue;
    if (flow->kind == FlowKind::stream) ++result.ages[step_of(ms_since(flow->birth))];
    ++result.silence[step_of(ms_since(flow->last_seen))];
    result.outbound += (flow->flags & kFlow_outbound) != 0;
    result.supervised += (flow->flags & kFlow_supervised) != 0;
  }
  return result;
}

TokenFacts Inspect::token(Text user) noexcept {
  TokenFacts facts;
  facts.verdict = read_token(ground_.keys, user, facts.flow, facts.side);
  if (facts.verdict != TokenVerdict::ok) return facts;
  facts.of_this_boot = facts.flow.node == ground_.config.node && (facts.flow.kind == FlowKind::udp || facts.flow.boot == ground_.config.boot);
  const Surroundings around{ground_.config, ground_.keys, upstreams_.targets(), ground_.flows, ground_.commons, ground_.clock.birth()};
  facts.alive = judge_flow(around, facts.flow) == RouteKind::alive;
  return facts;
}

void Inspect::note_register(Text flow_id, Text request, uint32_t seconds) noexcept {
  // It arrived within the limits for clients, which are narrower.
  if (scan_own_output(request, *ground_.spare)) note_register(flow_id, *ground_.spare, seconds);
}

void Inspect::note_register(Text flow_id, const Message& request, uint32_t seconds) noexcept {
  ground_.counters.add(Counter::registers_ok);
  FlowId flow;
  if (!ground_.config.notes || !parse_flow_id(ground_.config, flow_id, flow) || flow.name.shard != ground_.config.shard) return;
  uint32_t slot = flow.name.slot;
  if (flow.name.kind == FlowKind::udp) slot = ground_.flows.find_udp(flow.name.remote, flow.listener);
  else if (ground_.flows.find_stream(slot, flow.name.generation) == nullptr) slot = 0;
  if (slot == 0) return;
  constexpr uint64_t kKey = 1;  // asked and granted at once, so it collides with nobody
  notes_.asked(kKey, request, slot);
  notes_.granted(kKey, slot, ground_.flows.at(slot).remote, ground_.clock.tick(), seconds);
}

void Inspect::end(uint32_t slot, Counter why) noexcept {
  if (ground_.flows.at(slot).kind == FlowKind::stream) connections_.close_soon(slot, why);
  else udp_flows_.died(slot, why);
}

void Inspect::set_bans(const std::vector<BannedNet>& banned) noexcept {
  bans_.replace(banned);
  for (uint32_t slot = 1; slot < ground_.flows.slots() && !bans_.empty(); ++slot) {
    const Flow* flow = ground_.flows.open_at(slot);
    if (flow != nullptr && (flow->flags & kFlow_core) == 0 && bans_.holds(flow->remote)) end(slot, Counter::flows_refused);
  }
}

bool Inspect::close_flow(FlowHandle flow) noexcept {
  if (ground_.flows.find(flow) == nullptr) return false;
  end(flow.slot, Counter::flows_moved);
  return true;
}

// Those that have been silent for longest go first, since they notice it last; among these, the oldest.
uint32_t Inspect::move_out(uint32_t most, bool busy_ones) noexcept {
  struct Candidate {
    uint32_t silent;  // ticks
    uint32_t age;
    uint32_t slot;
  };
  const uint32_t now = ground_.clock.tick();
  std::vector<Candidate> candidates;
  uint32_t left = 0;
  for (uint32_t slot = 1; slot < ground_.flows.slots(); ++slot) {
    const Flow* flow = ground_.flows.open_at(slot);
    if (flow == nullptr || flow->kind != FlowKind::stream || (flow->flags & kFlow_core)) continue;
    ++left;
    const bool busy = owes_answer(*flow, now) || flow->pending != 0 || !flow->stream.out.empty();
    if (!busy || busy_ones) candidates.push_back({now - flow->last_seen, now - flow->birth, slot});
  }
  const size_t count = std::min<size_t>(most, candidates.size());
  const auto first = [](const Candidate& a, const Candidate& b) { return a.silent != b.silent ? a.silent > b.silent : a.age > b.age; };
  if (count < candidates.size()) std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), candidates.end(), first);
  for (size_t i = 0; i < count; ++i) connections_.close(candidates[i].slot, Counter::flows_moved);
  return left - static_cast<uint32_t>(count);
}

}  // namespace sluice
