#include "core/shard/server_transactions.h"

#include <algorithm>

#include "core/base/base64url.h"
#include "core/home/response_head.h"
#include "core/relay/answer.h"
#include "core/relay/own_output.h"

namespace sluice {
namespace {

constexpr uint32_t kT2 = 4'000, kT4 = 5'000;  // RFC 3261 17.1.2.2
constexpr size_t kHeldOctets = 2'048;  // besides its messages, as in src/transaction/table.ts
constexpr size_t kOwnTag = 11;
constexpr size_t kMostCancelAnswer = 1'024;  // part of kHeldOctets; a longer one is made anew each time

// When the sender's timer E has reached T2 (RFC 4320 4.1): T1, 2 T1, 4 T1 ... up to the first interval of at least T2.
uint32_t until_t2(uint32_t t1) noexcept {
  uint32_t sum = 0;
  for (uint32_t interval = std::max(t1, 1u); interval < kT2; interval *= 2) sum += interval;
  return std::max(sum, t1);
}

}  // namespace

ServerTransactions::ServerTransactions(Ground& ground, Turn& turn, Outbox& outbox, ObjectGate& object) noexcept
    : ground_(ground),
      turn_(turn),
      outbox_(outbox),
      object_(object),
      timers_(nodes_, ground.clock),
      memory_(ground, "answered shares", {1, 1'024}, {Counter::answers_held, Counter::answer_octets_held, Counter::answers_forgotten}),
      tags_(derive(ground.config.table_key, "To tags")) {}

ServerTransactions::~ServerTransactions() noexcept {
  by_key_.each([this](uint32_t index) {
    give_back(ground_.pool, at(index).request);
    give_back(ground_.pool, at(index).last);
  });
}

uint64_t ServerTransactions::key_of(const Item& item, Method method) const noexcept {
  const Message& message = item.message;
  const Via& via = item.facts.top_via;
  const Source& source = item.source;
  SipHasher hash(ground_.config.table_key);
  const uint32_t numbers[] = {static_cast<uint32_t>(method), static_cast<uint32_t>(via.branch.size()), static_cast<uint32_t>(via.host.size()), via.port};
  hash.add(numbers, sizeof numbers);
  hash.add(via.branch.data(), via.branch.size());
  char small[64];
  for (Text left = via.host; !left.empty();) {
    Writer some(small, sizeof small);
    some.put_lower(left.substr(0, sizeof small));
    hash.add(small, some.size());
    left.remove_prefix(some.size());
  }
  if (method == Method::unknown) hash.add(message.data + message.method_text.at, message.method_text.len);
  if (source.from_core || source.kind == FlowKind::udp) hash.add(source.remote.ip, sizeof source.remote.ip);
  if (source.from_core) return hash.finish();
  const uint32_t way[] = {source.listener, source.kind == FlowKind::udp ? source.remote.port : uint32_t{source.shard}, source.kind == FlowKind::udp ? 0 : source.slot, source.kind == FlowKind::udp ? 0 : source.generation};
  hash.add(way, sizeof way);
  return hash.finish();
}

uint32_t ServerTransactions::open(const Item& item, const ReturnPath& back, uint64_t key, const Address& payer, bool is_exempt, bool was_answered) noexcept {
  const Message& message = item.message;
  const uint32_t place = object_.reserve(payer, 1, message.size + static_cast<uint32_t>(kHeldOctets), message.method == Method::bye ? Room::ending : Room::opening, is_exempt);
  if (place == 0) return 0;
  FlowBuffer* request = nullptr;
  if (!append(ground_.pool, request, Text(message.data, message.size))) {
    object_.release(place);
    ground_.counters.add(Counter::requests_refused);
    return 0;
  }
  const uint32_t index = slab_.take();
  ServerTransaction& one = at(index);
  one.serial = ++serials_;
  one.request = request;
  one.source = item.source;
  one.back = back;
  one.payer = payer;
  one.is_exempt = is_exempt;
  one.place = place;
  one.loop = item.facts.loop_hash;
  one.method = message.method;
  one.interval_ms = ground_.config.t1_ms;
  by_key_.add(index, key);
  ++open_;
  if (one.is_invite()) {
    const Text octets = write_own(message, one, 100, Text());
    keep(one, 100, octets);
    if (!was_answered) put(one, 100, octets, true);
  } else {
    one.resend_at = timers_.after(until_t2(ground_.config.t1_ms));
    arm(index);
  }
  return index;
}

Text ServerTransactions::tag(uint64_t serial, char* out) const noexcept {
  const uint64_t hash = siphash(tags_, &serial, sizeof serial);
  uint8_t octets[sizeof hash];
  std::memcpy(octets, &hash, sizeof hash);
  return Text(out, base64url_encode(octets, sizeof octets, out));
}

Text ServerTransactions::write_own(const Message& request, const ServerTransaction& one, int status, Text lines) noexcept {
  char room[kOwnTag + 1];
  Writer out = outbox_.scratch();
  if (!write_response_head(request, one.source, status, reason_of(status), tag(one.serial, room), 0, out)) return Text();
  out.put(lines);
  out.put("Content-Length: 0\r\n\r\n");
  ground_.counters.add(Counter::replies);
  return out.full() ? Text() : outbox_.commit(out);
}

void ServerTransactions::respond(uint32_t index, int status, Text lines) noexcept {
  ServerTransaction& one = at(index);
  if (!one.is_open() || one.request == nullptr) return;
  if (!scan_own_output(one.request->text(), *ground_.spare)) return close(index);
  const Text octets = write_own(*ground_.spare, one, status, lines);
  if (octets.empty()) return close(index);
  send(index, status, octets, true);
}

void ServerTransactions::put(const ServerTransaction& one, int status, Text octets, bool own) noexcept {
  object_.answer(one.back, {octets, status, one.is_open() ? one.method : Method::unknown, status >= 200, own});
}

void ServerTransactions::put_again(ServerTransaction& one) noexcept {
  const Text octets = one.last != nullptr ? one.last->text() : one.is_invite() ? Text() : one.answer.text();
  if (!octets.empty()) object_.answer(one.back, {octets, one.last_status, Method::unknown, false, false});
}

void ServerTransactions::keep(ServerTransaction& one, int status, Text octets) noexcept {
  one.last_status = status;
  give_back(ground_.pool, one.last);
  // Over a connection nothing comes twice.
  if (one.is_reliable() || append(ground_.pool, one.last, octets)) return;
  give_back(ground_.pool, one.last);
}

void ServerTransactions::send(uint32_t index, int status, Text octets, bool own) noexcept {
  ServerTransaction& one = at(index);
  if (one.state == ServerState::accepted && status >= 200 && status < 300) return put(one, status, octets, own);
  if (!one.is_open()) return;
  put(one, status, octets, own);
  if (status < 200) return keep(one, status, octets);
  --open_;
  one.resend_at = 0;
  const uint64_t memory = 64 * uint64_t{ground_.config.t1_ms};
  if (!one.is_invite()) {
    if (one.is_reliable()) return close(index);
    give_back(ground_.pool, one.last);
    one.last_status = status;
    one.answer.keep(octets);
    return finish(index, ServerState::answered, memory);
  }
  if (status < 300) {
    give_back(ground_.pool, one.last);
    return finish(index, ServerState::accepted, memory);
  }
  // Until the ACK comes it keeps its place.
  keep(one, status, octets);
  give_back(ground_.pool, one.request);
  one.state = ServerState::completed;
  one.ends_at = timers_.after(memory);
  if (!one.is_reliable()) one.resend_at = timers_.after(one.interval_ms);
  arm(index);
}

void ServerTransactions::repeat(uint32_t index) noexcept {
  ground_.counters.add(Counter::absorbed);
  put_again(at(index));
}

void ServerTransactions::acknowledge(uint32_t index) noexcept {
  ServerTransaction& one = at(index);
  ground_.counters.add(Counter::absorbed);
  if (one.state != ServerState::completed) return;
  if (one.is_reliable()) return close(index);
  give_back(ground_.pool, one.last);
  one.resend_at = 0;
  finish(index, ServerState::confirmed, one.is_cancelled ? cancel_memory() : kT4);
}

void ServerTransactions::answer_cancel(unsigned i, uint32_t index, uint32_t keep_seconds) noexcept {
  const Item& item = turn_.item(i);
  const ReturnPath back = return_path_of(ground_.config, object_.answer_way_of(i));
  // RFC 3261 17.2.2: as it was, even if the sender has changed its From or Via.
  if (index != 0 && !at(index).answer.empty()) {
    ground_.counters.add(Counter::absorbed);
    return object_.answer(back, {at(index).answer.text(), 200, Method::unknown, false, false});
  }
  const int status = index == 0 ? 481 : 200;
  const uint64_t serial = index == 0 ? ++serials_ : at(index).serial;
  char room[kOwnTag + 1];
  Writer out = outbox_.scratch();
  if (!write_response_head(item.message, item.source, status, reason_of(status), tag(serial, room), status == 200 ? keep_seconds : 0, out)) return;
  out.put("Content-Length: 0\r\n\r\n");
  ground_.counters.add(Counter::replies);
  if (out.full()) return;
  const Text octets = outbox_.commit(out);
  if (index != 0 && !at(index).is_cancelled) remember_cancel(at(index), index, octets);
  object_.answer(back, {octets, status, Method::cancel, true, true});
}

void ServerTransactions::remember_cancel(ServerTransaction& one, uint32_t index, Text octets) noexcept {
  one.is_cancelled = true;
  // Over a connection nothing comes twice.
  if (!one.is_reliable() && octets.size() <= kMostCancelAnswer && one.answer.keep(octets) && one.is_remembered) memory_.grow(one.answer.size());
  if (one.state != ServerState::confirmed) return;
  one.ends_at = timers_.after(cancel_memory());
  arm(index);
}

// It has been answered: what is left of it takes no place from what waits.
void ServerTransactions::finish(uint32_t index, ServerState state, uint64_t milliseconds) noexcept {
  ServerTransaction& one = at(index);
  one.state = state;
  give_back(ground_.pool, one.request);
  object_.release(std::exchange(one.place, 0));
  one.ends_at = timers_.after(milliseconds);
  const auto kind = state == ServerState::accepted ? AnswerMemory::Kind::accepted : AnswerMemory::Kind::answered;
  const uint16_t share = one.is_exempt ? uint16_t{0} : memory_.share_of(one.payer);
  if (!memory_.take(kind, {index, one.serial}, share, one.answer.size())) return close(index);
  one.share = share;
  one.is_remembered = true;
  arm(index);
  make_room();
}

// A binding that turns out to lead nowhere is removed as long as a copy waits.
void ServerTransactions::drop_context(uint32_t index) noexcept {
  ServerTransaction& one = at(index);
  if (one.context == 0) return;
  ProxiedContext& context = contexts_.at(one.context);
  if (context.place != 0) object_.release(context.place);
  context = ProxiedContext();
  contexts_.give(std::exchange(one.context, 0));
  one.aor = std::string();
}

void ServerTransactions::charge_best(uint32_t index, Room room) noexcept {
  const ServerTransaction& one = at(index);
  ProxiedContext& context = contexts_.at(one.context);
  if (context.place != 0) object_.release(std::exchange(context.place, 0));
  if (context.best.empty()) return;
  context.place = object_.reserve(one.payer, 0, static_cast<uint32_t>(context.best.text().size()), room, one.is_exempt);
  if (context.place != 0) return;
  context.best.forget();
  context.lacked_room = true;
}

void ServerTransactions::make_room() noexcept {
  memory_.make_room([this](uint32_t index, uint64_t serial) { return holds(index, serial); }, [this](uint32_t index) { close(index); });
}

void ServerTransactions::arm(uint32_t index) noexcept {
  const ServerTransaction& one = at(index);
  timers_.arm(index, {one.resend_at, one.ends_at});
}

void ServerTransactions::due(uint32_t index) noexcept {
  ServerTransaction& one = at(index);
  const uint64_t serial = one.serial;
  if (one.ends_at != 0 && ground_.clock.reached(one.ends_at)) return close(index);
  if (one.resend_at != 0 && ground_.clock.reached(one.resend_at)) {
    one.resend_at = 0;
    if (one.is_open()) {
      respond(index, 100);
    } else if (one.last != nullptr) {
      put_again(one);
      one.interval_ms = std::min(one.interval_ms * 2, kT2);
      one.resend_at = timers_.after(one.interval_ms);
    }
  }
  if (holds(index, serial)) arm(index);
}

void ServerTransactions::close(uint32_t index) noexcept {
  ServerTransaction& one = at(index);
  if (one.is_open()) --open_;
  if (one.is_remembered) memory_.give(one.share, one.answer.size());
  give_back(ground_.pool, one.request);
  give_back(ground_.pool, one.last);
  if (one.place != 0) object_.release(one.place);
  drop_context(index);
  timers_.cancel(index);
  by_key_.remove(index);
  one = ServerTransaction();
  slab_.give(index);
}

void ServerTransactions::tick() noexcept {
  timers_.tick([this](uint32_t index) { due(index); });
  make_room();
}

}  // namespace sluice
