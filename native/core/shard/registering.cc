#include "core/shard/registering.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/invariant.h"
#include "core/base/now_ns.h"
#include "core/home/response_head.h"
#include "core/relay/flow_id.h"
#include "core/relay/stateless_answer.h"
#include "core/shard/claimant.h"
#include "core/sip/route_set.h"

namespace sluice {
namespace {

// Octets of a response besides its Contacts and what it copies from the request.
constexpr size_t kOwn = 512;
}  // namespace

void Registering::open(std::shared_ptr<BindingStore> store, int64_t clock_offset, std::unique_ptr<Sealer> sealer, int32_t* rows) {
  desk_ = std::make_unique<Desk>(std::move(store), ground_.config.limits.max_pending);
  desk_->clock_offset = clock_offset;
  desk_->rests_until = ground_.clock.tick();
  desk_->rows = rows;
  if (sealer) desk_->gruus = std::make_unique<GruuWriter>(std::move(sealer));
}

void Registering::open_shared(NodeName node, std::unique_ptr<Sealer> sealer, int32_t* rows) {
  open(nullptr, 0, std::move(sealer), rows);
  desk_->shared = std::make_unique<SharedRegisters>(ground_, responder_, object_, inspect_, desk_->memory, std::move(node));
}

void Registering::answer_shared(uint32_t batch, Text outcomes) noexcept {
  if (shared() != nullptr) desk_->shared->answer(batch, outcomes, store_now(), desk_->gruus.get(), desk_->contacts, desk_->date);
}

void Registering::read(unsigned i) noexcept {
  int32_t* const row = desk_->rows + i * k_register_fields;
  std::memset(row, 0, k_register_fields * sizeof *row);
  const Item& item = turn_.item(i);
  const Message& message = item.message;
  if (!message.is_request || message.method != Method::register_ || message.error != ScanError::none) return;
  const uint64_t transaction = desk_->transactions[i] = transaction_of(item);
  if (item.source.kind == FlowKind::udp) desk_->memory.expect(transaction);
  while (desk_->requests.size() <= i) desk_->requests.emplace_back();
  RegisterRequest& request = desk_->requests[i];
  const bool is_read = read_register(message, item.source, settings_.domains, request);
  if (!request.aor.empty()) row[kRegister_who] = static_cast<int32_t>(table_hash(ground_.config.table_key, request.aor.data(), request.aor.size()) | 1);
  RegisterState state = RegisterState::open;
  if (item.source.kind == FlowKind::udp) state = desk_->memory.find(transaction, ground_.clock.tick());
  if (state == RegisterState::answered && !is_read && !request.aor.empty()) state = RegisterState::damaged;
  else if (state == RegisterState::open && !ground_.clock.reached(desk_->rests_until)) state = RegisterState::unread;
  else if (!is_read && state != RegisterState::held && state != RegisterState::refused) state = RegisterState::unread;
  row[kRegister_state] = static_cast<int32_t>(state);
  row[kRegister_asked] = request.asked;
  const bool has_credentials = message.line(credentials_header(message)) != nullptr;
  row[kRegister_flags] = static_cast<int32_t>(request.flags | (has_credentials ? kAsk_credentials : 0u));
}

// The same for a retransmission, different for every other client's request (TX-10), and for every other address of record: the response
// lists the bindings of the To, and the credentials are not checked again.
uint64_t Registering::transaction_of(const Item& item) const noexcept {
  SipHasher hash = item.facts.hash;
  const Source& source = item.source;
  hash.add(source.remote.ip, sizeof source.remote.ip);
  // A datagram comes from an address. Its first REGISTER makes it a flow, but what is retransmitted stays the same.
  const bool is_connection = !source.from_core && source.kind == FlowKind::stream;
  const uint32_t way[] = {source.from_core ? 0u : uint32_t{source.remote.port} << 16 | source.listener, is_connection ? source.slot : 0u, is_connection ? source.generation : 0u};
  hash.add(way, sizeof way);
  const Text to = item.message.text(item.message.to_value);
  const uint64_t size = to.size();
  hash.add(&size, sizeof size);
  hash.add(to.data(), to.size());
  return transaction_hash(hash, item.facts.top_via.branch, item.facts.top_via.host);
}

LoginState Registering::check_login(unsigned i) noexcept {
  static_assert(k_batch_size <= 64);
  if (desk_ == nullptr || state(i) != RegisterState::open) return LoginState::left;
  // The credentials count only once, so those of a retransmission are not checked again.
  for (unsigned first = 0; first < i; ++first) {
    if ((desk_->proven >> first & 1) == 0 || !is_copy_of(i, first)) continue;
    desk_->copies |= uint64_t{1} << i;
    return LoginState::proven;
  }
  const LoginState login = login_.check(turn_.item(i), desk_->requests[i].aor, settings_.domains);
  if (login == LoginState::proven) desk_->proven |= uint64_t{1} << i;
  return login;
}

void Registering::carry_out(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  const bool is_known = desk_ != nullptr && item.message.method == Method::register_ && state(i) != RegisterState::unread && state(i) != RegisterState::held;
  if (is_known && is_waiting(i)) return ground_.counters.add(Counter::absorbed);
  const bool is_refused = is_known && state(i) == RegisterState::refused;
  const auto grants = is_refused ? 0 : static_cast<uint32_t>(turn_.verdict(i)[kVerdict_edits]);
  const bool challenges = (grants & (kGrant_challenge | kGrant_stale_challenge)) != 0;
  const bool asks_flow = is_known && (desk_->requests[i].flags & kAsk_flow) != 0;
  const Done* const original = is_known && !challenges ? original_of(i) : nullptr;
  const bool is_orphan = is_known && (desk_->copies >> i & 1) != 0 && original == nullptr;
  if (!is_known || is_orphan || (!challenges && !is_again(i) && ((grants & kGrant_outbound) != 0) != asks_flow)) return ground_.counters.add(Counter::dropped);
  ground_.counters.add(Counter::registers_by_numbers);
  if (!item.source.from_core) ground_.counters.add(Counter::registers_in);
  object_.await_answer(item);
  if (desk_->done.empty()) {
    desk_->answers.clear();
    if (desk_->store != nullptr) desk_->failures = desk_->store->journal().failures();
  }
  if (desk_->shared != nullptr && !challenges && !is_refused && hold(i)) return;
  Done done;
  done.item = i;
  done.is_copy = original != nullptr;
  Outcome outcome = Outcome::saved;
  const uint64_t now = store_now();
  if (challenges) refuse(401, "Unauthorized", done);
  else if (is_refused) refuse_as_before(done);
  else if (desk_->shared != nullptr) refuse_for_now(done);
  else if (original != nullptr && original->status != 200) refuse(original->status, original->reason, done);
  else if (!save(i, done.is_copy, now, outcome)) refuse_for_now(done);
  else if (outcome == Outcome::out_of_order) refuse(500, refusal_reason(500), done);
  else if (outcome == Outcome::full) refuse(403, refusal_reason(403), done);
  else if (outcome == Outcome::no_room) rest(done);
  else if (outcome == Outcome::source_full) refuse_source(done);
  else accept(done);
  desk_->done.push_back(done);
}

bool Registering::is_copy_of(unsigned i, unsigned first) const noexcept {
  return turn_.item(i).source.kind == FlowKind::udp && desk_->transactions[first] == desk_->transactions[i];
}

// What became of the REGISTER of this batch that it retransmits; nullptr: there is none. A challenge does not count, because the client may
// answer it in the same batch.
const Registering::Done* Registering::original_of(unsigned i) const noexcept {
  const auto found = std::find_if(desk_->done.begin(), desk_->done.end(), [&](const Done& done) { return done.status != 401 && is_copy_of(i, done.item); });
  return found == desk_->done.end() ? nullptr : &*found;
}

// RFC 3261 10.3 step 7. False: the store cannot save anything now.
bool Registering::save(unsigned i, bool is_copy, uint64_t now, Outcome& outcome) noexcept {
  const RegisterRequest& request = desk_->requests[i];
  desk_->contacts.begin(request.aor, request.key, now, (granted(i).grants & kGrant_gruu) != 0 ? desk_->gruus.get() : nullptr);
  if (is_again(i) || is_copy) {
    if (state(i) == RegisterState::damaged) desk_->contacts.watch(turn_.item(i).message.text(turn_.item(i).message.call_id), request.cseq);
    desk_->store->table().lookup(request.aor, now, desk_->contacts);
    return true;
  }
  if (desk_->store->journal().fault() != 0) return false;
  write_operation(i, now);
  outcome = desk_->store->table().save(desk_->operation, desk_->contacts);
  return true;
}

// What the REGISTER asks of the store.
void Registering::write_operation(unsigned i, uint64_t now) noexcept {
  const Item& item = turn_.item(i);
  const RegisterRequest& request = desk_->requests[i];
  const int32_t* const verdict = turn_.verdict(i);
  const auto grants = static_cast<uint32_t>(verdict[kVerdict_edits]);
  RegisterOperation& operation = desk_->operation;
  operation.aor = request.aor;
  operation.call_id = request.call_id;
  operation.cseq = request.cseq;
  operation.max_contacts = settings_.max_contacts;
  operation.max_flows = settings_.max_flows;
  operation.now = now;
  operation.put.clear();
  operation.drop.clear();
  const auto seconds = static_cast<uint64_t>(std::max(verdict[kVerdict_target], 0));
  if (seconds == 0) {
    operation.drop.push_back(request.key);
  } else {
    const bool is_flow = (grants & kGrant_outbound) != 0;
    Binding& binding = operation.put.emplace_back();
    binding.expires = now + seconds * 1'000;
    binding.updated = now;
    binding.cseq = request.cseq;
    binding.reg_id = is_flow ? request.reg_id : 0;
    binding.q = 1'000;
    binding.flags = is_flow ? kOutbound : 0;
    if (desk_->store != nullptr) binding.payer = payer_of(item);
    binding[Part::uri] = request.uri;
    binding[Part::params] = request.params;
    binding[Part::instance] = request.instance;
    binding[Part::path] = request.path;
    binding[Part::call_id] = request.call_id;
    binding[Part::key] = request.key;
    // A device behind an edge is reached along its Path; the REGISTER's flow belongs to the edge.
    if (!item.source.from_core) binding[Part::flow] = Text(desk_->flow, object_.flow_id_of(i, desk_->flow));
    binding[Part::agent] = request.agent;
  }
}

// False: there is no room for what it would hold.
bool Registering::hold(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  const int32_t* const verdict = turn_.verdict(i);
  RegisterOperation& operation = desk_->operation;
  write_operation(i, store_now());
  SharedRegisters::Asked asked;
  asked.changes = state(i) == RegisterState::open;
  if (!asked.changes) {
    operation.put.clear();
    operation.drop.clear();
  }
  for (Binding& binding : operation.put) desk_->shared->name_node(binding);
  asked.item = i;
  asked.message = &item;
  asked.request = &desk_->requests[i];
  asked.transaction = desk_->transactions[i];
  asked.grants = granted(i).grants;
  asked.is_exempt = !find_client(item, asked.client);
  asked.is_charged = settings_.is_open && !asked.is_exempt && !operation.put.empty();
  asked.seconds = static_cast<uint32_t>(std::max(verdict[kVerdict_target], 0));
  asked.keep_seconds = settings_.keep_seconds;
  asked.extras = extras_of(i);
  return desk_->shared->hold(asked, operation);
}

// A retransmission gets what the first one got, whatever the rules, or its other fields, say now.
RegisterGranted Registering::granted(unsigned i) const noexcept {
  if (is_again(i)) return desk_->memory.granted(desk_->transactions[i], ground_.clock.tick());
  const int32_t* const verdict = turn_.verdict(i);
  return {static_cast<uint32_t>(verdict[kVerdict_edits]), static_cast<uint32_t>(std::max(verdict[kVerdict_flow_timer], 0))};
}

RegisterExtras Registering::extras_of(unsigned i) const noexcept {
  const RegisterGranted got = granted(i);
  RegisterExtras extras;
  extras.path = state(i) == RegisterState::damaged ? desk_->contacts.watched_path() : desk_->requests[i].path;
  extras.requires_outbound = (got.grants & kGrant_require_outbound) != 0;
  extras.flow_timer = got.flow_timer;
  extras.supported = settings_.supported;
  return extras;
}

// A copy of one whose answer waits for the store.
bool Registering::is_waiting(unsigned i) const noexcept {
  if (desk_->shared == nullptr || turn_.item(i).source.kind != FlowKind::udp) return false;
  return desk_->memory.find(desk_->transactions[i], ground_.clock.tick()) == RegisterState::waiting;
}

void Registering::accept(Done& done) noexcept {
  const unsigned i = done.item;
  const Item& item = turn_.item(i);
  const ContactLines& contacts = desk_->contacts;
  done.changes = state(i) == RegisterState::open;
  size_t most = SIZE_MAX;
  // A source that may be forged gets no more octets than its account allows.
  if (contacts.count() > 1 && !item.source.from_core && item.source.kind == FlowKind::udp) {
    const size_t room = ground_.commons.answers.room(object_.answer_way_of(i).remote), taken = item.message.size + kOwn;
    most = room > taken ? room - taken : 0;
  }
  if (!contacts.is_whole()) return refuse(500, "Server Internal Error", done);
  Writer out = desk_->answers.room(2 * size_t{item.message.head_size} + contacts.size() + settings_.supported.size() + 2 * kOwn);
  char tag[StatelessAnswers::kTag];
  write_response_head(item.message, item.source, 200, "OK", StatelessAnswers::tag(ground_.config, desk_->transactions[done.item], nullptr, tag), settings_.keep_seconds, out);
  contacts.put(most, out);
  put_extras(extras_of(i), out);
  out.put(desk_->date.at(ground_.clock.unix_seconds()));
  out.put(kRegisterEnd);
  SLUICE_INVARIANT(!out.full());
  keep(200, out, done);
}

void Registering::refuse(int status, Text reason, Done& done) noexcept {
  done.reason = reason;
  const Item& item = turn_.item(done.item);
  const Text aor = desk_->requests[done.item].aor;
  Writer out = desk_->answers.room(2 * size_t{item.message.head_size} + kOwn + login_.challenge_octets(aor));
  char tag[StatelessAnswers::kTag];
  write_response_head(item.message, item.source, status, reason, StatelessAnswers::tag(ground_.config, desk_->transactions[done.item], nullptr, tag), 0, out);
  if (status == 401) {
    const auto grants = static_cast<uint32_t>(turn_.verdict(done.item)[kVerdict_edits]);
    login_.put_challenge(item, aor, (grants & kGrant_stale_challenge) != 0, out);
  } else if (status == 503) {
    put_retry_after(desk_->transactions[done.item], out);
  }
  out.put(kRegisterEnd);
  keep(status, out, done);
}

void Registering::keep(int status, const Writer& out, Done& done) noexcept {
  done.status = status;
  done.answer_at = desk_->answers.size();
  done.answer_size = out.size();
  desk_->answers.commit(out);
}

void Registering::refuse_for_now(Done& done) noexcept { refuse(503, refusal_reason(503), done); }

// RFC 3261 17.2.2: whatever has changed since, in the store or in what its sender says.
void Registering::refuse_as_before(Done& done) noexcept {
  const int status = desk_->memory.refusal(desk_->transactions[done.item], ground_.clock.tick());
  // What the object path has remembered meanwhile may have taken its place.
  if (status == 0) return refuse_for_now(done);
  refuse(status, refusal_reason(status), done);
}

// Of a user who has authenticated the limits of his own address are enough. A neighbour that does not name its client vouches for it.
uint16_t Registering::payer_of(const Item& item) const noexcept {
  Address client;
  return settings_.is_open && find_client(item, client) ? desk_->store->table().payer_of(client) : 0;
}

void Registering::refuse_source(Done& done) noexcept {
  Address client;
  find_client(turn_.item(done.item), client);
  object_.refused_binding(client);
  refuse_for_now(done);
}

// For a second all REGISTERs go to the object path, which tells the operator that the table is full.
void Registering::rest(Done& done) noexcept {
  desk_->rests_until = ground_.clock.tick() + Clock::kTicksPerSecond;
  refuse_for_now(done);
}

void Registering::leave(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  if (!item.message.is_request || item.message.method != Method::register_) return;
  ground_.counters.add(Counter::registers_by_objects);
  if (desk_ == nullptr || item.source.kind != FlowKind::udp || is_again(i) || state(i) == RegisterState::waiting) return;
  desk_->memory.remember(transaction_of(item), RegisterState::held, ground_.clock.tick(), ground_.branch_end());
}

// A 200 promises that the binding outlives the process.
void Registering::leave_together() noexcept {
  const auto changes = [](const Done& done) { return done.changes; };
  if (std::any_of(desk_->done.begin(), desk_->done.end(), changes)) {
    BindingStore& store = *desk_->store;
    int error = store.flush();
    // Another thread may have tried to write our changes, and failed.
    if (error == 0 && desk_->failures != store.journal().failures()) error = EIO;
    for (Done& done : desk_->done)
      if (error != 0 && done.changes) {
        refuse_for_now(done);
        done.changes = false;
      }
  }
  for (const Done& done : desk_->done) send(done);
  desk_->done.clear();
}

void Registering::send(const Done& done) noexcept {
  const Item& item = turn_.item(done.item);
  if (item.source.kind == FlowKind::udp) remember(done);
  if (done.changes && !done.is_copy && !item.source.from_core) bind(done.item);
  ground_.counters.add(Counter::replies);
  responder_.count(done.status, Method::register_);
  const ReturnPath back = return_path_of(ground_.config, object_.answer_way_of(done.item));
  responder_.answer_register(back, desk_->answers.part(done.answer_at, done.answer_size), item.tapped);
}

void Registering::remember(const Done& done) noexcept {
  const uint64_t transaction = desk_->transactions[done.item];
  if (done.changes) desk_->memory.remember(transaction, RegisterState::answered, ground_.clock.tick(), ground_.branch_end(), granted(done.item));
  // No state is kept for a challenge (RFC 3261 26.3.2.4).
  else if (state(done.item) == RegisterState::open && done.status >= 300 && done.status != 401) desk_->memory.refuse(transaction, done.status, ground_.clock.tick(), ground_.branch_end());
}

// From now on the bindings end with the client's flow; requests that carry its token afterwards are routed to the owner's bindings.
void Registering::bind(unsigned i) noexcept {
  const RegisterRequest& request = desk_->requests[i];
  const int32_t* const verdict = turn_.verdict(i);
  char id[kMaxFlowId];
  const Text flow(id, object_.flow_id_of(i, id));
  object_.bind_flow(flow, static_cast<uint32_t>(std::max(verdict[kVerdict_flow_timer], 0)));
  if (verdict[kVerdict_target] > 0) {
    const bool is_flow = (verdict[kVerdict_edits] & static_cast<int32_t>(kGrant_outbound)) != 0;
    object_.own_flow(flow, request.aor, is_flow ? request.instance : Text(), request.key);
  }
  inspect_.note_register(flow, turn_.item(i).message, static_cast<uint32_t>(std::max(verdict[kVerdict_target], 0)));
}

}  // namespace sluice
