#include "core/relay/probe.h"

namespace sluice {
namespace {

void put_uri(const Probe& probe, Writer& out) noexcept {
  char ip[kMaxIpText];
  const Text host(ip, format_ip(probe.to, ip));
  const bool v4 = probe.to.is_v4();
  out.put("sip:");
  if (!v4) out.put('[');
  out.put(host);
  if (!v4) out.put(']');
  out.put(':');
  out.put_number(probe.to.port);
  out.put(transport_param(probe.transport));
}

}  // namespace

void write_probe(const EdgeConfig& config, const Probe& probe, Writer& out) noexcept {
  ReturnPath back;
  back.kind = BackKind::probe;
  back.keeper = back.shard = config.shard;
  back.slot = probe.target;
  back.generation = probe.count;
  char branch[kMaxBranchText];
  const size_t branch_size = make_branch(config, back, probe.next, probe.count, 0, branch);
  out.put("OPTIONS ");
  put_uri(probe, out);
  out.put(" SIP/2.0\r\n");
  put_own_via(out, config.listeners[probe.listener], probe.transport, Text(branch, branch_size));
  out.put("Max-Forwards: 70\r\nFrom: <sip:sluice@");
  out.put(config.listeners[probe.listener].sent_by);
  out.put(">;tag=sl-probe\r\nTo: <");
  put_uri(probe, out);
  out.put(">\r\nCall-ID: sl-");
  out.put(probe.kind);
  out.put('-');
  out.put_number(config.boot);
  out.put('-');
  out.put_number(config.shard);
  out.put('-');
  out.put_number(probe.count);
  out.put("\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace sluice
