// Requests whose ways a store has that several nodes share. They get their transaction first, so that their sender has its 100 and its CANCEL
// finds them; then the store is asked, and what numbers cannot do goes to the object path, which asks no more who the caller is.
#include "core/shard/proxying.h"

namespace sluice {

// `best`: what goes back if there is no further way.
void Proxying::ask(uint32_t index, const Message* best) noexcept {
  ServerTransaction& server = desk_->servers.at(index);
  if (best != nullptr) server.best.keep(Text(best->data, best->size));
  desk_->shared->ask({index, server.serial}, server.aor);
}

void Proxying::answer_shared(uint32_t batch, Text octets) noexcept {
  if (shared() == nullptr) return;
  SharedOutcomes outcomes(octets);
  for (const SharedLookups::Asker& asker : desk_->shared->end(batch)) {
    const bool is_found = outcomes.next() == SharedOutcome::saved;
    if (!desk_->servers.holds(asker.server, asker.serial) || !desk_->servers.at(asker.server).is_open()) continue;
    if (is_found) {
      find_shared(asker.server, outcomes);
      continue;
    }
    desk_->servers.at(asker.server).context.lacked_room = true;
    conclude(asker.server, nullptr);
  }
}

void Proxying::find_shared(uint32_t index, SharedOutcomes& outcomes) noexcept {
  const ServerTransaction& server = desk_->servers.at(index);
  Ways& ways = desk_->ways;
  ways.begin(ground_.config.table_key, server.aor, desk_->shared->node());
  const uint64_t now = store_now();
  using Row = SharedOutcomes::Row;
  Binding binding;
  for (Row row; (row = outcomes.next_row(binding)) != Row::none;) {
    if (row == Row::damaged) ways.miss();
    else if (binding.expires > now) ways.take(binding);
  }
  sort(ways);
  if (server.context.closed || server.context.planned > 0) return try_next(index, ways, nullptr);
  if (are_plain(ways)) return start(index, ways);
  leave_admitted(index);
}

// It comes again as it was received, and has no transaction here any more.
void Proxying::leave_admitted(uint32_t index) noexcept {
  const ServerTransaction& server = desk_->servers.at(index);
  if (server.request == nullptr || !object_.take_again(server.source, server.request->text())) {
    desk_->servers.at(index).context.lacked_room = true;
    return conclude(index, nullptr);
  }
  remember_held(server.link.hash, server.source);
  desk_->servers.abandon(index);
}

// Over a connection nothing comes twice.
void Proxying::remember_held(uint64_t key, const Source& source) noexcept {
  if (source.kind != FlowKind::udp) return;
  const uint32_t now = ground_.clock.tick();
  desk_->held.remember(key, RegisterState::held, now, now + Clock::ticks(uint64_t{ground_.config.branch_seconds} * 1'000));
}

}  // namespace sluice
