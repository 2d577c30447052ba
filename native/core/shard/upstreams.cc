// The health of the upstreams: a target that was asked and stays silent is probed by OPTIONS, skipped when it is dead, and probed
// until it answers (RFC 3263 4.3).
#include "core/shard/shard.h"

namespace sluice {
namespace {

constexpr uint32_t kSuspectMs = 8000;   // silence behind a request that makes a target suspect
constexpr uint32_t kSuspectProbeMs = 1000;
constexpr uint8_t kProbesToDie = 3;

}  // namespace

void Shard::set_upstreams(const UpstreamSet& upstreams) noexcept {
  // A target that stays keeps what is known of its health.
  UpstreamSet next = upstreams;
  std::array<Health, kMaxTargets> health{};
  for (int i = 0; i < next.size(); ++i) {
    const int before = upstreams_.find(next.at(i).address, next.at(i).transport);
    if (before < 0) continue;
    next.set_alive(i, upstreams_.at(before).alive);
    health[static_cast<size_t>(i)] = health_[static_cast<size_t>(before)];
  }
  upstreams_ = next;
  health_ = health;
  for (const CoreConnection& open : core_connections_)
    flows_.at(open.slot).upstream = static_cast<int8_t>(upstreams_.find(open.address, open.transport));
}

void Shard::upstream_asked(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  if (health.asked == 0) health.asked = now_tick_ | 1;
}

void Shard::upstream_heard(const Address& peer, Transport transport) noexcept {
  const int target = upstreams_.find(peer, transport);
  if (target >= 0) upstream_lives(target);
}

void Shard::upstream_failed(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  health.missed = kProbesToDie;
  health.probe_due = now_tick_ + ticks(uint64_t{config_.probe_seconds} * 1000);
  if (!upstreams_.at(target).alive) return;
  upstreams_.set_alive(target, false);
  counters_.add(Counter::upstream_failures);
  alert(Event::upstream_down, upstreams_.at(target).address, target, Text());
}

void Shard::upstream_lives(int target) noexcept {
  Health& health = health_[static_cast<size_t>(target)];
  health.asked = 0;
  health.missed = 0;
  if (upstreams_.at(target).alive) return;
  upstreams_.set_alive(target, true);
  alert(Event::upstream_up, upstreams_.at(target).address, target, Text());
}

void Shard::probe_upstreams() noexcept {
  if (config_.probe_seconds == 0) return;
  for (int i = 0; i < upstreams_.size(); ++i) {
    Health& health = health_[static_cast<size_t>(i)];
    const bool alive = upstreams_.at(i).alive;
    if (alive && (health.asked == 0 || now_tick_ - health.asked < ticks(kSuspectMs))) continue;
    if (static_cast<int32_t>(now_tick_ - health.probe_due) < 0) continue;
    if (alive && health.missed >= kProbesToDie) {
      upstream_failed(i);
      continue;
    }
    if (alive) ++health.missed;
    health.probe_due = now_tick_ + ticks(alive ? kSuspectProbeMs : uint64_t{config_.probe_seconds} * 1000);
    probe(i);
  }
}

void Shard::probe(int target) noexcept {
  const Upstream& upstream = upstreams_.at(target);
  const bool stream = is_stream(upstream.transport);
  const uint16_t listener = core_listener(upstream.transport, upstream.address.is_v4());
  ReturnPath back;
  back.kind = BackKind::probe;
  back.keeper = back.shard = config_.shard;
  back.slot = static_cast<uint32_t>(target);
  back.generation = ++probes_sent_;
  char branch[kMaxBranchText];
  const size_t branch_size = make_branch(config_, back, NextHop{}, probes_sent_, 0, branch);
  char ip[kMaxIpText];
  const Text host(ip, format_ip(upstream.address, ip));
  const bool v4 = upstream.address.is_v4();
  const Text sent_by = config_.listeners[listener].sent_by;
  Writer out = scratch();
  const auto put_uri = [&] {
    out.put("sip:");
    if (!v4) out.put('[');
    out.put(host);
    if (!v4) out.put(']');
    out.put(':');
    out.put_number(upstream.address.port);
    out.put(transport_param(upstream.transport));
  };
  out.put("OPTIONS ");
  put_uri();
  out.put(" SIP/2.0\r\nVia: SIP/2.0/");
  out.put(transport_text(upstream.transport));
  out.put(' ');
  out.put(sent_by);
  out.put(stream ? ";branch=" : ";rport;branch=");
  out.put(Text(branch, branch_size));
  out.put("\r\nMax-Forwards: 70\r\nFrom: <sip:sluice@");
  out.put(sent_by);
  out.put(">;tag=sl-probe\r\nTo: <");
  put_uri();
  out.put(">\r\nCall-ID: sl-probe-");
  out.put_number(config_.boot);
  out.put('-');
  out.put_number(config_.shard);
  out.put('-');
  out.put_number(probes_sent_);
  out.put("\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
  scratch_used_ += out.size();
  if (!stream) {
    datagrams_[listener].add(upstream.address, out.text(), Text(), counters_);
  } else if (const uint32_t slot = core_connection(upstream.address, upstream.transport, upstreams_.name(target)); slot != 0) {
    streams_.add(slot, out.text(), Text());
  }
}

}  // namespace sluice
