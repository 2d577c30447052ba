#include "core/shard/client_transactions.h"

#include <algorithm>

#include "core/home/proxied_copy.h"

namespace sluice {
namespace {

constexpr uint32_t kLongestInterval = 4'000;  // T2, RFC 3261 17.1.2.2
constexpr uint32_t kLeastD = 32'000;          // RFC 6026 8.4
constexpr size_t kCopyOctets = 2'048;         // besides the request, as in src/transaction/table.ts

// What is remembered of one after its final response.
uint32_t kept_octets(const ClientTransaction& one) noexcept { return static_cast<uint32_t>(sizeof one) + one.ack.size(); }

}  // namespace

ClientTransactions::ClientTransactions(Ground& ground, Outbox& outbox, ObjectGate& object) noexcept
    : ground_(ground),
      outbox_(outbox),
      object_(object),
      timers_(nodes_, ground.clock),
      memory_(ground, "answered copies", {4, 1'024}, {Counter::copies_held, Counter::copy_octets_held, Counter::copies_forgotten}) {}

ClientTransactions::~ClientTransactions() noexcept {
  by_branch_.each([this](uint32_t index) {
    for (FlowBuffer** buffer : {&at(index).sent, &at(index).reasons}) give_back(ground_.pool, *buffer);
  });
}

uint64_t ClientTransactions::key_of(Text branch, bool is_cancel) const noexcept {
  // A CANCEL shares the branch of its INVITE (RFC 3261 17.1.3).
  return siphash(ground_.config.table_key, branch.data(), branch.size()) ^ (is_cancel ? 1 : 0);
}

uint64_t ClientTransactions::flow_key(Text id) const noexcept { return siphash(ground_.config.table_key, id.data(), id.size()); }

ClientTransactions::Started ClientTransactions::start(const ClientWay& way, Text branch, Text head, Text body, uint32_t silence, const Address& payer, bool is_exempt,
                                                      uint32_t& index) noexcept {
  const bool is_cancel = way.method == Method::cancel;
  // A CANCEL is part of what its INVITE was given room for.
  const uint32_t place = is_cancel ? 0 : object_.reserve(payer, 0, static_cast<uint32_t>(head.size() + body.size() + kCopyOctets), Room::opening, is_exempt);
  if (place == 0 && !is_cancel) return Started::no_room;
  FlowBuffer* sent = nullptr;
  if (!append(ground_.pool, sent, head) || (!body.empty() && !append(ground_.pool, sent, body))) {
    give_back(ground_.pool, sent);
    object_.release(place);
    return Started::no_room;
  }
  ClientWay made = way;
  if (!dispatch(made, sent->text())) {
    give_back(ground_.pool, sent);
    object_.release(place);
    return Started::no_way;
  }
  index = slab_.take();
  ClientTransaction& one = at(index);
  static_cast<ClientWay&>(one) = made;
  one.serial = ++serials_;
  one.sent = sent;
  one.place = place;
  one.share = is_exempt ? uint16_t{0} : memory_.share_of(payer);
  one.interval_ms = ground_.config.t1_ms;
  one.ends_at = timers_.after(uint64_t{ground_.config.branch_seconds} * 1'000);
  if (!one.is_reliable()) one.resend_at = timers_.after(one.interval_ms);
  if (silence > 0) one.overdue_at = timers_.after(silence);
  else if (one.is_invite()) one.overdue_at = timers_.after(timer_c_);
  by_branch_.add(index, key_of(branch, is_cancel));
  char id[kMaxFlowId];
  by_flow_.add(index, flow_key(Text(id, format_flow_id(ground_.config, source_of(made.flow), id))));
  arm(index);
  return Started::sent;
}

bool ClientTransactions::dispatch(ClientWay& one, Text octets) noexcept {
  if (one.goes_over_flow) return object_.send_to_flow(one.flow, octets);
  char ip[kMaxIpText];
  const int upstream = one.binding == 0 ? object_.upstreams().find(one.to, one.transport) : -1;
  Text host;
  if (upstream >= 0) host = object_.upstreams().name(upstream);
  else if (one.transport != Transport::udp) host = Text(ip, format_ip(one.to, ip));
  Source way;
  if (!object_.send_to_address(one.transport, one.to, host, octets, way)) return false;
  one.flow = flow_id_of(ground_.config, way);
  return true;
}

bool ClientTransactions::send_again(const ClientWay& one, Text octets) noexcept {
  ClientWay copy = one;
  return dispatch(copy, octets);
}

// From the flow that was asked, or from the neighbour (OB-5.3.1-11, TX-10).
bool ClientTransactions::may_answer(const ClientWay& one, const Source& source) const noexcept {
  if (!one.goes_over_flow) return source.from_core || source.remote.same_ip(one.to);
  const FlowName& name = one.flow.name;
  if (name.kind != source.kind || one.flow.listener != source.listener) return false;
  if (name.kind == FlowKind::udp) return name.remote == source.remote;
  return name.shard == source.shard && name.slot == source.slot && name.generation == source.generation;
}

bool ClientTransactions::receive(const Item& item) noexcept {
  const Message& response = item.message;
  const uint32_t index = by_branch_.find(key_of(item.facts.top_via.branch, response.method == Method::cancel));
  if (index == 0) return false;
  const ClientTransaction& one = at(index);
  if ((one.is_invite() != (response.method == Method::invite)) || !may_answer(one, item.source)) return false;
  if (item.source.kind == FlowKind::udp && !item.source.from_core) ground_.commons.answers.heard_us(item.source.remote);
  if (response.status < 200) provisional(index, response);
  else final(index, response);
  return true;
}

void ClientTransactions::provisional(uint32_t index, const Message& response) noexcept {
  ClientTransaction& one = at(index);
  if (!one.is_pending()) return;
  const bool is_first = one.state == ClientState::calling;
  if (is_first) {
    one.state = ClientState::proceeding;
    if (one.is_invite()) {
      // RFC 3261 17.1.1.2: it has responded; from here on timer C applies.
      one.resend_at = one.ends_at = 0;
    } else if (!one.is_reliable()) {
      one.interval_ms = kLongestInterval;
      one.resend_at = timers_.after(one.interval_ms);
    }
  }
  one.was_heard = true;
  if (one.is_cancelling || one.has_ended) send_cancel(index);
  else if (!one.is_invite()) one.overdue_at = 0;
  // A further 100 does not prolong the wait (RFC 3261 16.7 step 2).
  else if (is_first || response.status > 100) one.overdue_at = timers_.after(timer_c_);
  arm(index);
  if (!one.has_ended && response.status > 100 && one.is_invite()) user_->heard(index, response);
}

void ClientTransactions::final(uint32_t index, const Message& response) noexcept {
  ClientTransaction& one = at(index);
  if (!one.is_invite()) {
    if (!one.has_ended && one.method != Method::cancel) user_->heard(index, response);
    return forget(index);
  }
  if (response.status < 300) {
    // RFC 6026 7.2: each 2xx passes; its ACK is no part of this transaction. An abandoned one passes too (RFC 3261 16.7 step 5).
    const bool is_first = one.is_pending();
    if (is_first) {
      settle(one);
      one.state = ClientState::accepted;
      one.has_ended = true;
      one.ends_at = timers_.after(64 * uint64_t{ground_.config.t1_ms});
      arm(index);
    }
    if (one.state != ClientState::accepted) return;
    const uint64_t serial = one.serial;
    user_->heard(index, response);
    if (is_first && holds(index, serial) && !remember(index)) forget(index);
    return;
  }
  if (one.state == ClientState::completed && !one.ack.empty()) return void(send_again(one, outbox_.copied(one.ack.text())));
  if (!one.is_pending()) return;
  acknowledge(one, response);
  const bool was_awaited = !one.has_ended;
  settle(one);
  one.state = ClientState::completed;
  one.has_ended = true;
  one.ends_at = timers_.after(std::max(kLeastD, 64 * ground_.config.t1_ms));
  const uint64_t serial = one.serial;
  if (was_awaited) user_->heard(index, response);
  if (!holds(index, serial)) return;
  if (at(index).is_reliable() || at(index).ack.empty() || !remember(index)) return forget(index);
  if (holds(index, serial)) arm(index);
}

void ClientTransactions::acknowledge(ClientTransaction& one, const Message& response) noexcept {
  CopyParts sent;
  if (one.sent == nullptr || !read_copy(one.sent->text(), sent)) return;
  Writer out = outbox_.scratch();
  if (!write_hop_by_hop("ACK", sent, response.text(response.to_value), Text(), out)) return;
  const Text octets = outbox_.commit(out);
  send_again(one, octets);
  if (!one.is_reliable()) one.ack.keep(octets);
}

// A final response has come: what it took from the share of its sender goes back.
void ClientTransactions::settle(ClientTransaction& one) noexcept {
  give_back(ground_.pool, one.sent);
  give_back(ground_.pool, one.reasons);
  object_.release(std::exchange(one.place, 0));
  one.resend_at = one.overdue_at = 0;
}

void ClientTransactions::cancel(uint32_t index, Text reasons) noexcept {
  ClientTransaction& one = at(index);
  if (one.has_ended || !one.is_invite() || one.is_cancelling) return;
  one.is_cancelling = true;
  if (!reasons.empty()) append(ground_.pool, one.reasons, reasons);
  if (one.was_heard) send_cancel(index);
}

void ClientTransactions::send_cancel(uint32_t index) noexcept {
  ClientTransaction& one = at(index);
  if (one.cancel_sent || !one.is_cancelling || one.sent == nullptr) return;
  one.cancel_sent = true;
  CopyParts sent;
  Via via;
  if (!read_copy(one.sent->text(), sent) || !parse_via(sent.via, via)) return;
  Writer out = outbox_.scratch();
  if (!write_hop_by_hop("CANCEL", sent, sent.to, one.reasons == nullptr ? Text() : one.reasons->text(), out)) return;
  const Text octets = outbox_.commit(out);
  ClientWay way;
  way.method = Method::cancel;
  way.goes_over_flow = one.goes_over_flow;
  way.transport = one.transport;
  way.flow = one.flow;
  way.to = one.to;
  way.binding = one.binding;
  uint32_t made = 0;
  start(way, via.branch, octets, Text(), 0, Address(), true, made);
  if (one.has_ended) return;
  one.overdue_at = timers_.after(64 * uint64_t{ground_.config.t1_ms});
  arm(index);
}

// RFC 3261 16.8: a target that has responded is cancelled; for one that has not, a 408 is assumed.
void ClientTransactions::overdue(uint32_t index) noexcept {
  ClientTransaction& one = at(index);
  one.overdue_at = 0;
  if (one.was_heard && !one.is_cancelling) return cancel(index, Text());
  // Should it wake up later, it is cancelled then; its 2xx would still pass.
  if (!one.was_heard && one.is_invite()) one.is_cancelling = true;
  const bool is_over = one.cancel_sent || !one.is_invite();
  if (!one.has_ended) {
    one.has_ended = true;
    user_->failed(index, ClientFailure::timeout);
  }
  if (is_over) forget(index);
}

void ClientTransactions::fail(uint32_t index, ClientFailure why) noexcept {
  ClientTransaction& one = at(index);
  if (!one.is_pending()) return;
  if (!one.has_ended && one.method != Method::cancel) {
    one.has_ended = true;
    user_->failed(index, why);
  }
  forget(index);
}

void ClientTransactions::flow_ended(Text id) noexcept {
  const uint64_t key = flow_key(id);
  // A failure may start others over the same flow, which then fail at once; each one is looked at once.
  std::vector<std::pair<uint32_t, uint64_t>> those;
  for (uint32_t index = by_flow_.find(key); index != 0; index = by_flow_.after(index))
    if (at(index).is_pending()) those.emplace_back(index, at(index).serial);
  for (const auto& [index, serial] : those)
    if (at(index).serial == serial) fail(index, ClientFailure::transport);
}

void ClientTransactions::send_failed(Text branch, ClientFailure why) noexcept {
  if (const uint32_t index = by_branch_.find(key_of(branch, false)); index != 0) fail(index, why);
}

size_t ClientTransactions::flow_of(Text branch, char* id) noexcept {
  const uint32_t index = by_branch_.find(key_of(branch, false));
  return index == 0 ? 0 : format_flow_id(ground_.config, source_of(at(index).flow), id);
}

// It has its final response. False: there is no room to remember it.
bool ClientTransactions::remember(uint32_t index) noexcept {
  ClientTransaction& one = at(index);
  const auto kind = one.state == ClientState::completed ? AnswerMemory::Kind::answered : AnswerMemory::Kind::accepted;
  if (!memory_.take(kind, {index, one.serial}, one.share, kept_octets(one))) return false;
  one.is_remembered = true;
  make_room();
  return true;
}

void ClientTransactions::make_room() noexcept {
  memory_.make_room([this](uint32_t index, uint64_t serial) { return holds(index, serial); }, [this](uint32_t index) { forget(index); });
}

void ClientTransactions::arm(uint32_t index) noexcept {
  const ClientTransaction& one = at(index);
  timers_.arm(index, {one.resend_at, one.ends_at, one.overdue_at});
}

void ClientTransactions::due(uint32_t index) noexcept {
  ClientTransaction& one = at(index);
  const uint64_t serial = one.serial;
  if (one.ends_at != 0 && ground_.clock.reached(one.ends_at)) return one.is_pending() ? fail(index, ClientFailure::timeout) : forget(index);
  if (one.overdue_at != 0 && ground_.clock.reached(one.overdue_at)) {
    overdue(index);
    if (at(index).serial != serial) return;
  }
  if (one.resend_at != 0 && ground_.clock.reached(one.resend_at) && one.sent != nullptr) {
    ground_.counters.add(Counter::retransmissions);
    if (!send_again(one, one.sent->text())) return fail(index, ClientFailure::transport);
    one.interval_ms = one.is_invite() ? one.interval_ms * 2 : std::min(one.interval_ms * 2, kLongestInterval);
    if (one.state == ClientState::proceeding) one.interval_ms = kLongestInterval;
    one.resend_at = timers_.after(one.interval_ms);
  }
  arm(index);
}

void ClientTransactions::forget(uint32_t index) noexcept {
  ClientTransaction& one = at(index);
  for (FlowBuffer** buffer : {&one.sent, &one.reasons}) give_back(ground_.pool, *buffer);
  if (one.place != 0) object_.release(one.place);
  if (one.is_remembered) memory_.give(one.share, kept_octets(one));
  timers_.cancel(index);
  by_branch_.remove(index);
  by_flow_.remove(index);
  one = ClientTransaction();
  slab_.give(index);
}

void ClientTransactions::tick() noexcept {
  timers_.tick([this](uint32_t index) { due(index); });
  make_room();
}

}  // namespace sluice
