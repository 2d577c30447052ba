// The response context of a request with one device (RFC 3261 16.6, 16.7): its ways one after the other (RFC 5626 7), and what goes back.
#include <algorithm>

#include "core/base/now_ns.h"
#include "core/home/proxied_copy.h"
#include "core/relay/neighbour.h"
#include "core/relay/own_output.h"
#include "core/shard/proxying.h"

namespace sluice {
namespace {

constexpr int kFlowFailed = 430, kTimedOut = 408, kUnavailable = 503, kDeclinedByAll = 600;
constexpr Text kElsewhere = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
constexpr size_t kOwnLines = 2'048;  // our Via and Record-Routes

// An unknown method may create a dialog (RFC 3261 16.6 step 4).
bool may_form_dialog(Method method) noexcept {
  switch (method) {
    case Method::options:
    case Method::message:
    case Method::publish:
    case Method::register_:
    case Method::info:
    case Method::update:
    case Method::prack:
    case Method::bye:
    case Method::cancel:
    case Method::ack: return false;
    default: return true;
  }
}

FlowId flow_of(const EdgeConfig& config, const Source& source) noexcept {
  FlowId flow;
  flow.name = name_of_flow(config, source);
  flow.listener = source.listener;
  return flow;
}

}  // namespace

uint32_t Proxying::owner_of(const ClientWay& branch) noexcept { return desk_->servers.holds(branch.owner, branch.owner_serial) ? branch.owner : 0; }

// Those that Max-Breadth and their q let ring now. One that cannot be reached ends in the same moment, and the next one begins.
void Proxying::start_waiting(uint32_t index, const Ways* ways, const Message* request) noexcept {
  ProxiedContext& context = *desk_->servers.context_of(index);
  while (Fork* const fork = context.next_to_start()) {
    if (ways == nullptr && asks_store(index)) {
      ask(index, fork, nullptr);
      continue;
    }
    if (ways == nullptr) look_up(index);
    if (!try_next(index, *fork, ways == nullptr ? desk_->ways : *ways, request)) context.end(*fork);
  }
}

// A copy that cannot be sent at once ends its branch in the same moment (RFC 3261 16.9). False: no way is left.
bool Proxying::try_next(uint32_t index, Fork& fork, const Ways& ways, const Message* request) noexcept {
  using Started = ClientTransactions::Started;
  ProxiedContext& context = *desk_->servers.context_of(index);
  fork.branch = 0;
  while (!context.closed) {
    const Way* const way = context.next_way(fork, ways);
    if (way == nullptr) return false;
    const Started started = send_copy(index, fork, *way, request);
    if (started == Started::sent) return true;
    if (started == Started::no_room) return context.lacked_room = true, false;
    note_unreachable(index);
  }
  return false;
}

void Proxying::look_again(uint32_t index, Fork& fork, const Message* last) noexcept {
  if (asks_store(index)) return ask(index, &fork, last);
  look_up(index);
  if (!try_next(index, fork, desk_->ways, nullptr)) end_fork(index, fork, last);
}

// A device has ended. What it said waits for what the others say, unless it was the only one.
void Proxying::end_fork(uint32_t index, Fork& fork, const Message* response) noexcept {
  ProxiedContext& context = *desk_->servers.context_of(index);
  if (response != nullptr && !(context.best.empty() && context.is_last(fork))) {
    context.best.hear(*response, outbox_.scratch(response->size + context.best.text().size()));
    desk_->servers.charge_best(index, Room::opening);
    response = nullptr;
  }
  context.end(fork);
  start_waiting(index, nullptr, nullptr);
  if (!context.is_trying()) conclude(index, response);
}

void Proxying::close(ProxiedContext& context, Text reasons, const Fork* but) noexcept {
  context.closed = true;
  for (const Fork& one : context.all())
    if (&one != but && one.branch != 0) desk_->clients.cancel(one.branch, reasons);
}

ClientTransactions::Started Proxying::send_copy(uint32_t index, Fork& fork, const Way& way, const Message* received) noexcept {
  using Started = ClientTransactions::Started;
  ServerTransaction& server = desk_->servers.at(index);
  ClientWay branch;
  branch.goes_over_flow = !way.flow.empty();
  branch.transport = way.transport;
  branch.to = way.to;
  if (branch.goes_over_flow && (!parse_flow_id(ground_.config, way.flow, branch.flow) || !object_.flow_lives(branch.flow))) return Started::no_way;
  branch.method = server.method;
  branch.owner = index;
  branch.owner_serial = server.serial;
  // An upstream has no binding.
  if (!way.binding.empty()) {
    branch.way = way.identity;
    branch.binding = way.key;
  }
  branch.updated = way.updated;
  const EdgeConfig& config = ground_.config;
  const uint16_t listener = branch.goes_over_flow ? branch.flow.listener : core_listener(config, way.transport, way.to.is_v4());
  const Transport transport = branch.goes_over_flow ? config.listeners[listener].transport : way.transport;
  char branch_room[kMaxObjectBranch];
  const Text branch_text(branch_room, object_.new_branch(server.loop, KeptBy::numbers, branch_room));
  char lines[kOwnLines];
  Writer own(lines, sizeof lines);
  put_own_via(own, config.listeners[listener], transport, branch_text);
  if (may_form_dialog(server.method)) put_record_routes(server, branch, own);
  if (own.full() || server.request == nullptr || (received == nullptr && !scan_own_output(server.request->text(), *ground_.spare))) return Started::no_way;
  const Message& request = received != nullptr ? *received : *ground_.spare;
  Forwarding forwarding;
  forwarding.uri = way.uri;
  forwarding.own_lines = own.text();
  forwarding.path = way.path;
  forwarding.max_breadth = fork.breadth;
  forwarding.source = &server.source;
  forwarding.realms = &config.realms;
  Writer out = outbox_.scratch();
  if (!write_forwarded(request, forwarding, out)) return Started::no_way;
  const uint32_t silence = desk_->servers.context_of(index)->has_other(fork) ? settings_.silence_ms : 0;
  const Started started = desk_->clients.start(branch, branch_text, outbox_.commit(out), request.body(), silence, server.payer, server.is_exempt, fork.branch);
  fork.tried = KeptOctets();
  // Another node's bindings are that node's to judge.
  if (desk_->shared != nullptr && !way.is_foreign) fork.tried.keep(way.binding);
  return started;
}

// Each end that is connected here directly gets the two URIs of its flow, so that everything later in the dialog is relayed by its tokens
// (RFC 5626 5.3, RFC 5658). Each side reads the URI of its own side first.
void Proxying::put_record_routes(const ServerTransaction& server, const ClientWay& to, Writer& out) noexcept {
  if (to.goes_over_flow) put_pair(to.flow, Side::client, server.source.from_core ? &server.neighbour : nullptr, out);
  if (server.source.from_core) return;
  Neighbour callee;
  callee.transport = to.transport;
  callee.address = to.to;
  put_pair(flow_of(ground_.config, server.source), Side::core, to.goes_over_flow ? nullptr : &callee, out);
}

void Proxying::put_pair(const FlowId& flow, Side first, const Neighbour* neighbour, Writer& out) noexcept {
  const FlowName name = object_.flow_name(flow);
  for (const Side side : {first, first == Side::client ? Side::core : Side::client}) {
    char token_room[kMaxTokenText];
    const Text token(token_room, make_token(ground_.keys, name, side, token_room));
    if (token.empty()) continue;
    out.put("Record-Route: <sip:");
    out.put(token);
    out.put('@');
    out.put(ground_.config.listeners[flow.listener].uri_end);
    out.put(";lr");
    if (side == Side::core && neighbour != nullptr) {
      char mark[kMaxNeighbourText];
      out.put(";nb=");
      out.put(Text(mark, object_.neighbour_mark(token, *neighbour, mark)));
    }
    out.put(">\r\n");
  }
}

void Proxying::heard(uint32_t index, const Message& response) noexcept {
  const ClientWay branch = desk_->clients.at(index);
  const uint32_t server = owner_of(branch);
  if (server == 0) return;
  ProxiedContext* const context = desk_->servers.context_of(server);
  Fork* const fork = context == nullptr ? nullptr : context->fork_of(index);
  if (fork != nullptr) note_silence(branch, false);
  if (response.status >= 300) {
    if (fork == nullptr) return;
    if (response.status >= kDeclinedByAll) close(*context, Text(), fork);
    return failed_with(server, *fork, branch, response.status, &response);
  }
  if (response.status < 200) return pass_on(server, response);
  if (context != nullptr) close(*context, kElsewhere, fork);
  if (fork != nullptr) context->end(*fork);
  pass_on(server, response);
  // What may be left is to answer a request whose 2xx led nowhere.
  if (context != nullptr && desk_->servers.holds(server, branch.owner_serial) && !context->is_trying()) conclude(server, nullptr);
}

void Proxying::failed(uint32_t index, ClientFailure why) noexcept {
  const ClientWay branch = desk_->clients.at(index);
  const uint32_t server = owner_of(branch);
  ProxiedContext* const context = server == 0 ? nullptr : desk_->servers.context_of(server);
  Fork* const fork = context == nullptr ? nullptr : context->fork_of(index);
  if (fork == nullptr) return;
  if (why == ClientFailure::timeout && !desk_->clients.at(index).was_heard) note_silence(branch, true);
  if (why == ClientFailure::timeout) return failed_with(server, *fork, branch, kTimedOut, nullptr);
  if (why == ClientFailure::transport) return failed_with(server, *fork, branch, kFlowFailed, nullptr);
  // The next request may well get through, so the binding stays; the next way may be a connection, which takes any length. A 513 that an edge sends for
  // the same reason is a response, after which RFC 5626 7 allows no other flow.
  if (why == ClientFailure::too_large) context->too_large = true;
  else note_unreachable(server);
  fork->branch = 0;
  go_on(server, *fork, nullptr, true);
}

void Proxying::failed_with(uint32_t index, Fork& fork, const ClientWay& branch, int status, const Message* response) noexcept {
  const ServerTransaction& server = desk_->servers.at(index);
  fork.branch = 0;
  const bool is_upstream = server.aor.empty(), is_unreachable = response == nullptr && status == kFlowFailed;
  if (is_unreachable) note_unreachable(index);
  // RFC 3263 4.3: one that stays silent, cannot be reached or answers 503 is skipped for the next.
  if (is_upstream) return go_on(index, fork, response, response == nullptr || status == kUnavailable);
  // An edge said so, or our own flow ended; an unreachable edge says nothing about the flows behind it.
  if (status == kFlowFailed && (response != nullptr || branch.goes_over_flow)) drop_binding(server, fork, branch);
  go_on(index, fork, response, is_unreachable || settings_.failover.test(static_cast<size_t>(status)));
}

void Proxying::go_on(uint32_t index, Fork& fork, const Message* response, bool moves) noexcept {
  if (moves && !desk_->servers.context_of(index)->closed && desk_->servers.at(index).is_open()) look_again(index, fork, response);
  else end_fork(index, fork, response);
}

// Only that of a phone is a reason for 480; an upstream may be back in a moment.
void Proxying::note_unreachable(uint32_t index) noexcept {
  ProxiedContext& context = *desk_->servers.context_of(index);
  (desk_->servers.at(index).aor.empty() ? context.lacked_room : context.flow_failed) = true;
}

void Proxying::drop_binding(const ServerTransaction& server, const Fork& fork, const ClientWay& branch) noexcept {
  if (desk_->shared != nullptr) {
    if (!fork.tried.empty()) desk_->shared->remove(server.aor, fork.tried.text(), branch.updated);
    return;
  }
  find_ways({server.aor, Text(), Text()}, desk_->ways);
  for (size_t i = 0; i < desk_->ways.count(); ++i) {
    const Way& way = desk_->ways.at(i);
    if (way.key == branch.binding && desk_->store->table().remove(server.aor, way.binding, branch.updated)) desk_->changed = true;
  }
}

void Proxying::note_silence(const ClientWay& branch, bool silent) noexcept {
  if (branch.way == 0) return;
  if (silent) desk_->silences->add(branch.way, static_cast<uint32_t>(now_ns() / 1'000'000'000));
  else desk_->silences->remove(branch.way);
}

// Without our Via, nothing else changes (RFC 3261 16.7 step 3). One without the caller's Via leads nowhere, but its status is the answer.
void Proxying::pass_on(uint32_t index, const Message& response) noexcept {
  Writer head = outbox_.scratch(response.size + 256);
  bool leads_back = write_passed_on(response, head);
  if (leads_back) head.put(response.body());
  leads_back = leads_back && !head.full();
  if (!leads_back) {
    ground_.counters.add(Counter::send_dropped);
    if (response.status >= 300) desk_->servers.respond(index, response.status);
    return;
  }
  ground_.counters.add(Counter::responses_relayed);
  desk_->servers.send(index, response.status, outbox_.commit(head));
}

// All devices have ended: the best response goes back, if any (RFC 3261 16.7 step 6).
void Proxying::conclude(uint32_t index, const Message* best) noexcept {
  ServerTransactions& servers = desk_->servers;
  const uint64_t serial = servers.at(index).serial;
  if (servers.at(index).is_open()) answer(index, *servers.context_of(index), best);
  if (servers.holds(index, serial)) servers.drop_context(index);
}

void Proxying::answer(uint32_t index, ProxiedContext& context, const Message* best) noexcept {
  ServerTransactions& servers = desk_->servers;
  const bool is_invite = servers.at(index).is_invite();
  // Its answer ends the context.
  const BestResponse kept = std::move(context.best);
  if (best == nullptr && !kept.empty() && scan_own_output(kept.text(), *ground_.spare)) best = ground_.spare.get();
  const int status = best == nullptr ? 0 : best->status;
  if (context.cancelled && (status == 0 || status == kTimedOut || status == kFlowFailed)) return servers.respond(index, 487);
  if (best == nullptr) {
    if (context.too_large) return servers.respond(index, kTooLargeStatus);
    if (context.flow_failed && !context.lacked_room) return servers.respond(index, 480);
    if (context.lacked_room) return servers.respond(index, kUnavailable, "Retry-After: 10\r\n");
    // RFC 4320 4.2: whoever sent a request other than INVITE has given up already.
    return is_invite ? servers.respond(index, kTimedOut) : servers.abandon(index);
  }
  if (status == kTimedOut && !is_invite) return servers.abandon(index);
  // Neither is true of the server that passes it on (RFC 5626 11.5, RFC 3261 16.7 step 6).
  if (status == kFlowFailed) return servers.respond(index, 480);
  if (status == kUnavailable) return servers.respond(index, 500);
  pass_on(index, *best);
}

}  // namespace sluice
