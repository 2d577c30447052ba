#include "core/shard/shared_registers.h"

#include "core/base/invariant.h"
#include "core/home/response_head.h"
#include "core/relay/flow_id.h"
#include "core/relay/own_output.h"
#include "core/relay/stateless_answer.h"

namespace sluice {
namespace {

// Octets of a response besides its Contacts and what it copies from the request.
constexpr size_t kAnswerOwn = 512;

void put_line(Text text, std::string& out) {
  out.append(text);
  out += '\n';
}

}  // namespace

void SharedRegisters::name_node(Binding& binding) noexcept {
  if (binding[Part::flow].empty()) return;
  binding[Part::node] = node_.name;
  char token[kMaxTokenText];
  const size_t size = node_.route_head.empty() ? 0 : object_.flow_token(binding[Part::flow], Side::core, token);
  if (size == 0) return;
  path_ = std::to_string(node_.route_head.size() + size + node_.route_tail.size()) + ':';
  path_.append(node_.route_head).append(token, size).append(node_.route_tail);
  binding[Part::path] = path_;
}

bool SharedRegisters::hold(const Asked& asked, const RegisterOperation& operation) noexcept {
  const Item& item = *asked.message;
  const Message& message = item.message;
  const RegisterRequest& request = *asked.request;
  const Source& source = item.source;
  char flow[kMaxFlowId];
  const Text id(flow, source.from_core ? 0 : object_.flow_id_of(asked.item, flow));
  const Text copied[] = {request.aor, request.key, request.instance, id, Text(message.data, message.head_size)};
  size_t most = 2 * size_t{message.head_size} + request.path.size() + asked.extras.supported.size() + 2 * kAnswerOwn;
  for (const Text text : copied) most += text.size();
  const Room room = (source.flow_flags & kFlow_registered) != 0 ? Room::known : Room::registering;
  const uint32_t place = object_.reserve(asked.client, 1, static_cast<uint32_t>(most + sizeof(Held)), room, asked.is_exempt);
  if (place == 0) return false;
  uint32_t index = static_cast<uint32_t>(held_.size());
  if (free_.empty()) {
    held_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Held& held = held_[index];
  held.octets.reset(new char[most]);
  Writer out(held.octets.get(), most);
  char tag[StatelessAnswers::kTag];
  write_response_head(message, source, 200, "OK", StatelessAnswers::tag(ground_.config, asked.transaction, nullptr, tag), asked.keep_seconds, out);
  held.ends[kHead] = static_cast<uint32_t>(out.size());
  put_extras(asked.extras, out);
  held.ends[kTail] = static_cast<uint32_t>(out.size());
  for (unsigned piece = kAor; piece < kPieces; ++piece) {
    out.put(copied[piece - kAor]);
    held.ends[piece] = static_cast<uint32_t>(out.size());
  }
  SLUICE_INVARIANT(!out.full());
  held.source = source;
  held.back = return_path_of(ground_.config, object_.answer_way_of(asked.item));
  held.client = asked.client;
  held.transaction = asked.transaction;
  held.place = place;
  held.tapped = item.tapped;
  held.seconds = asked.seconds;
  held.flow_timer = asked.extras.flow_timer;
  held.changes = asked.changes;
  held.grants = asked.grants;
  if (asked.changes && source.kind == FlowKind::udp)
    memory_.remember(asked.transaction, RegisterState::waiting, ground_.clock.tick(), ground_.branch_end());
  if (new_.empty()) {
    names_.clear();
    saves_.clear();
  }
  new_.push_back(index);
  ++waiting_;
  saves_.add(operation, asked.is_charged);
  put_line(request.aor, names_);
  put_line(operation.put.empty() ? Text() : operation.put.front()[Part::flow], names_);
  char ip[kMaxIpText];
  put_line(asked.is_charged ? Text(ip, format_ip(asked.client, ip)) : Text(), names_);
  put_line(std::to_string(operation.put.empty() ? 0 : operation.put.front().expires), names_);
  return true;
}

SharedRegisters::Batch SharedRegisters::take() noexcept {
  const uint32_t number = ++batches_;
  batches_out_.emplace(number, std::move(new_));
  new_.clear();
  return {number, saves_.octets(), names_};
}

void SharedRegisters::answer(uint32_t batch, Text octets, uint64_t now, GruuWriter* gruus, ContactLines& contacts, DateLine& date) {
  const auto found = batches_out_.find(batch);
  if (found == batches_out_.end()) return;
  SharedOutcomes outcomes(octets);
  answers_.clear();
  made_.clear();
  for (const uint32_t index : found->second) {
    switch (outcomes.next()) {
      case SharedOutcome::saved: made_.push_back(accept(index, outcomes, now, gruus, contacts, date)); break;
      case SharedOutcome::out_of_order: made_.push_back(refuse(index, 500, refusal_reason(500))); break;
      case SharedOutcome::full: made_.push_back(refuse(index, 403, refusal_reason(403))); break;
      case SharedOutcome::source_full:
        object_.refused_binding(held_[index].client);
        [[fallthrough]];
      case SharedOutcome::failed: made_.push_back(refuse(index, 503, refusal_reason(503))); break;
    }
  }
  batches_out_.erase(found);
  for (const Answer& answer : made_) send(answer);
}

SharedRegisters::Answer SharedRegisters::accept(uint32_t index, SharedOutcomes& outcomes, uint64_t now, GruuWriter* gruus, ContactLines& contacts, DateLine& date) {
  const Held& held = held_[index];
  contacts.begin(held.piece(kAor), held.piece(kKey), now, (held.grants & kGrant_gruu) != 0 ? gruus : nullptr);
  using Row = SharedOutcomes::Row;
  Binding binding;
  // A row that cannot be read leads nowhere, but the others do.
  for (Row row; (row = outcomes.next_row(binding)) != Row::none;) {
    if (row == Row::read) contacts.take(binding);
    else ground_.counters.add(Counter::rows_unreadable);
  }
  if (!outcomes.is_sound() || !contacts.is_whole()) return refuse(index, 500, "Server Internal Error");
  size_t most = SIZE_MAX;
  // As in Registering::accept().
  if (contacts.count() > 1 && !held.source.from_core && held.source.kind == FlowKind::udp) {
    const size_t room = ground_.commons.answers.room(held.back.remote), taken = held.piece(kRequest).size() + kAnswerOwn;
    most = room > taken ? room - taken : 0;
  }
  Writer out = answers_.room(held.piece(kHead).size() + contacts.size() + held.piece(kTail).size() + kAnswerOwn);
  out.put(held.piece(kHead));
  contacts.put(most, out);
  out.put(held.piece(kTail));
  out.put(date.at(ground_.clock.unix_seconds()));
  out.put(kRegisterEnd);
  return answer_to(index, 200, out);
}

SharedRegisters::Answer SharedRegisters::refuse(uint32_t index, int status, Text reason) {
  const Held& held = held_[index];
  const Text request = held.piece(kRequest);
  Writer out = answers_.room(2 * request.size() + kAnswerOwn);
  char tag[StatelessAnswers::kTag];
  // It was read before.
  if (scan_own_output(request, *ground_.spare))
    write_response_head(*ground_.spare, held.source, status, reason, StatelessAnswers::tag(ground_.config, held.transaction, nullptr, tag), 0, out);
  if (status == 503) put_retry_after(held.transaction, out);
  out.put(kRegisterEnd);
  Answer answer = answer_to(index, status, out);
  // Rows that could not be read may be mended by the time it asks again.
  answer.is_refusal = reason == refusal_reason(status);
  return answer;
}

SharedRegisters::Answer SharedRegisters::answer_to(uint32_t index, int status, const Writer& out) {
  const Answer answer{index, status, answers_.size(), out.size()};
  answers_.commit(out);
  return answer;
}

void SharedRegisters::send(const Answer& answer) noexcept {
  Held& held = held_[answer.held];
  const bool is_saved = held.changes && answer.status == 200;
  if (held.changes && held.source.kind == FlowKind::udp) {
    if (is_saved) memory_.remember(held.transaction, RegisterState::answered, ground_.clock.tick(), ground_.branch_end(), {held.grants, held.flow_timer});
    else if (answer.is_refusal) memory_.refuse(held.transaction, answer.status, ground_.clock.tick(), ground_.branch_end());
    else memory_.forget(held.transaction);
  }
  if (is_saved && !held.source.from_core) bind(held);
  ground_.counters.add(Counter::replies);
  responder_.count(answer.status, Method::register_);
  responder_.answer_register(held.back, answers_.part(answer.at, answer.size), held.tapped);
  object_.release(held.place);
  held.octets.reset();
  free_.push_back(answer.held);
  --waiting_;
}

// If the flow has ended while the store was asked, that is an event at once.
void SharedRegisters::bind(const Held& held) noexcept {
  const Text flow = held.piece(kFlow);
  object_.bind_flow(flow, held.flow_timer);
  if (held.seconds > 0) object_.own_flow(flow, held.piece(kAor), (held.grants & kGrant_outbound) != 0 ? held.piece(kInstance) : Text(), held.piece(kKey));
  inspect_.note_register(flow, held.piece(kRequest), held.seconds);
}

}  // namespace sluice
