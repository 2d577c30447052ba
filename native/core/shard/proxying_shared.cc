// Requests whose ways a store has that several nodes share. They get their transaction first, so that their sender has its 100 and its CANCEL
// finds them; then the store is asked, and what numbers cannot do goes to the object path, which asks no more who the caller is.
#include "core/base/now_ns.h"
#include "core/relay/own_output.h"
#include "core/shard/proxying.h"

namespace sluice {

void Proxying::ask(uint32_t index, Fork* fork, const Message* last) noexcept {
  const ServerTransaction& server = desk_->servers.at(index);
  if (fork != nullptr && last != nullptr) fork->last.keep(Text(last->data, last->size));
  const uint8_t number = fork == nullptr ? SharedLookups::Asker::kWhole : desk_->servers.context_of(index)->number_of(*fork);
  desk_->shared->ask({index, server.serial, number}, server.aor);
}

void Proxying::answer_shared(uint32_t batch, Text octets) noexcept {
  if (shared() == nullptr) return;
  SharedOutcomes outcomes(octets);
  for (const SharedLookups::Asker& asker : desk_->shared->end(batch)) {
    const bool is_found = outcomes.next() == SharedOutcome::saved;
    ProxiedContext* const context = desk_->servers.holds(asker.server, asker.serial) ? desk_->servers.context_of(asker.server) : nullptr;
    if (context == nullptr) continue;
    if (is_found) find_shared(asker.server, outcomes);
    else context->lacked_room = true;
    if (asker.fork < context->fork_count) answer_fork(asker.server, context->forks[asker.fork], is_found);
    else if (!is_found || context->closed) conclude(asker.server, nullptr);
    else if (are_plain(desk_->ways)) start(asker.server, desk_->ways);
    else leave_admitted(asker.server);
  }
}

// The rows become `ways`.
void Proxying::find_shared(uint32_t index, SharedOutcomes& outcomes) noexcept {
  Ways& ways = desk_->ways;
  ways.begin(ground_.config.table_key, callee_of(index), desk_->shared->node());
  const uint64_t now = now_ns();
  using Row = SharedOutcomes::Row;
  Binding binding;
  for (Row row; (row = outcomes.next_row(binding)) != Row::none;) {
    if (row == Row::damaged) ways.miss();
    else if (binding.expires > store_time(now)) ways.take(binding);
  }
  ways.end();
  sort(ways, now);
}

void Proxying::answer_fork(uint32_t index, Fork& fork, bool is_found) noexcept {
  if (fork.state != Fork::State::trying || fork.branch != 0) return;
  const KeptOctets last = std::move(fork.last);
  if (is_found && try_next(index, fork, desk_->ways, nullptr)) return;
  const bool has_said = !last.empty() && scan_own_output(last.text(), *ground_.spare);
  end_fork(index, fork, has_said ? ground_.spare.get() : nullptr);
}

// It comes again as it was received, and has no transaction here any more.
void Proxying::leave_admitted(uint32_t index) noexcept {
  const ServerTransaction& server = desk_->servers.at(index);
  if (server.request == nullptr || !object_.take_again(server.source, server.request->text())) {
    desk_->servers.context_of(index)->lacked_room = true;
    return conclude(index, nullptr);
  }
  remember_held(server.link.hash, server.source);
  if (!desk_->servers.context_of(index)->was_decided) ground_.counters.add(Counter::requests_by_objects);
  desk_->servers.abandon(index);
}

bool Proxying::is_held(uint64_t key, const Source& source) const noexcept {
  return source.kind == FlowKind::udp && desk_->held.find(key, ground_.clock.tick()) == RegisterState::held;
}

// Over a connection nothing comes twice.
void Proxying::remember_held(uint64_t key, const Source& source) noexcept {
  if (source.kind == FlowKind::udp) desk_->held.remember(key, RegisterState::held, ground_.clock.tick(), ground_.branch_end());
}

}  // namespace sluice
