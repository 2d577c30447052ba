#include "core/shard/transactions_image.h"

#include <algorithm>
#include <vector>

#include "core/base/buffer_image.h"
#include "core/home/plain_request.h"
#include "core/shard/context_image.h"

namespace sluice {
namespace {

constexpr uint32_t kPlaceOctets = 2'048;  // besides the message, as where they are opened
constexpr const char* kOutOfRange = "a transaction is out of range";
constexpr const char* kTooMuch = "it holds more octets than a shard may";

size_t octets_in(const FlowBuffer* buffer) noexcept { return buffer == nullptr ? 0 : buffer->size - buffer->done; }

template <typename Image, typename AnyServer>
void describe_server(Image& image, AnyServer& one, uint32_t& breadth) noexcept {
  image.fields(one.link.hash, one.serial, one.neighbour.transport, one.neighbour.address, one.payer, one.is_exempt, one.is_remembered, one.loop);
  // Max-Breadth.
  if (image.version() < kForksSince) image.fields(breadth);
  image.fields(one.interval_ms, one.resend_at, one.ends_at, one.last_status, one.method, one.state);
  describe_source(image, one.source);
  describe_return_path(image, one.back);
  image.fields(one.back.transaction);
}

template <typename Image, typename AnyClient>
void describe_client(Image& image, AnyClient& one) noexcept {
  auto& name = one.flow.name;
  image.fields(one.by_branch.hash, one.by_flow.hash, one.serial, one.goes_over_flow, one.transport, one.method, one.to, one.owner, one.owner_serial, one.way, one.binding, one.updated,
               one.interval_ms, one.resend_at, one.ends_at, one.overdue_at, one.state, one.was_heard, one.has_ended, one.is_cancelling, one.cancel_sent, one.is_remembered, one.share);
  image.fields(one.flow.listener, name.kind, name.node, name.shard, name.boot, name.slot, name.generation, name.birth, name.remote, name.local);
}

// Its callee, in the place of an address of record: a version that knows no more finds nobody by a GRUU, and tries no further way.
std::string callee_text(const ServerTransaction& one, const ProxiedContext* context) {
  return context == nullptr || context->instance.empty() ? one.aor : one.aor + "\n" + context->instance + "\n" + context->life;
}

void read_callee(Text text, ServerTransaction& one, ProxiedContext* context) {
  const size_t first = text.find('\n'), second = first == Text::npos ? first : text.find('\n', first + 1);
  one.aor = text.substr(0, first);
  if (context == nullptr || second == Text::npos) return;
  context->instance = text.substr(first + 1, second - first - 1);
  context->life = text.substr(second + 1);
}

// In the order in which they began, which is that of what is forgotten first.
template <typename Table, typename Chains>
std::vector<uint32_t> in_order(Table& table, Chains& chains) {
  std::vector<uint32_t> all;
  chains.each([&](uint32_t index) { all.push_back(index); });
  std::sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) { return table.at(a).serial < table.at(b).serial; });
  return all;
}

}  // namespace

// Thousands of answers a second are remembered for those who ask several times: with all shards at rest there is only time for those who have not
// heard theirs yet.
bool TransactionsImage::moves(const ServerTransaction& one) const noexcept {
  if (one.state != ServerState::answered) return true;
  const uint32_t age_left = one.ends_at - ground_.clock.tick();
  const uint32_t memory = Clock::ticks(64 * uint64_t{ground_.config.t1_ms});
  return age_left + Clock::ticks(k_asks_again_ms) > memory;
}

void TransactionsImage::freeze(ImageWriter& image) noexcept {
  image.fields(servers_.serials_, clients_.serials_);
  size_t at = image.later();
  uint32_t count = 0;
  for (const uint32_t index : in_order(servers_, servers_.by_key_)) {
    if (!moves(servers_.at(index))) continue;
    freeze_server(image, index);
    ++count;
  }
  image.set(at, count);
  at = image.later();
  count = 0;
  for (const uint32_t index : in_order(clients_, clients_.by_branch_)) {
    freeze_client(image, index);
    ++count;
  }
  image.set(at, count);
}

void TransactionsImage::freeze_server(ImageWriter& image, uint32_t index) noexcept {
  const ServerTransaction& one = servers_.at(index);
  const ProxiedContext* const context = servers_.context_of(index);
  const bool knows_one = image.version() < kForksSince;
  const Fork* const fork = knows_one ? one_of(context) : nullptr;
  uint32_t breadth = fork != nullptr ? fork->breadth : context != nullptr ? context->free : kMostBreadth;
  image.fields(index);
  describe_server(image, one, breadth);
  put_context(image, context, fork);
  put_buffer(image, one.request);
  put_buffer(image, one.last);
  // Layout 1 has here what goes back for one that is open if its device says no more.
  const bool is_heard = fork != nullptr && one.is_open();
  // What answered the CANCEL of an INVITE is nothing that it knows.
  const Text answer = knows_one && one.is_invite() ? Text() : one.answer.text();
  image.text(!is_heard ? answer : fork->last.empty() ? context->best.text() : fork->last.text());
  image.text(callee_text(one, context));
}

void TransactionsImage::freeze_client(ImageWriter& image, uint32_t index) noexcept {
  ClientTransaction& one = clients_.at(index);
  const uint32_t overdue_at = one.overdue_at;
  // As if timer C were over: whoever has responded gets a CANCEL at once, the others when they do (ClientTransactions::overdue).
  if (image.version() < kForksSince && is_left_out(index)) one.overdue_at = clients_.timers_.after(0);
  image.fields(index);
  describe_client(image, std::as_const(one));
  one.overdue_at = overdue_at;
  put_buffer(image, one.sent);
  put_buffer(image, one.reasons);
  image.text(one.ack.text());
}

const Fork* TransactionsImage::one_of(const ProxiedContext* context) noexcept {
  if (context == nullptr || !context->has_begun()) return nullptr;
  const Fork* found = nullptr;
  for (const Fork& fork : context->all()) {
    if (fork.state != Fork::State::trying) continue;
    if (fork.branch != 0 && clients_.at(fork.branch).was_heard) return &fork;
    if (found == nullptr) found = &fork;
  }
  return found == nullptr ? context->forks.data() : found;
}

// What is no INVITE cannot be cancelled, and its 2xx passes whoever sends it.
bool TransactionsImage::is_left_out(uint32_t client) noexcept {
  const ClientTransaction& one = clients_.at(client);
  if (!one.is_invite() || one.has_ended || one.is_cancelling || !servers_.holds(one.owner, one.owner_serial)) return false;
  ProxiedContext* const context = servers_.context_of(one.owner);
  const Fork* const fork = context == nullptr ? nullptr : context->fork_of(client);
  return fork != nullptr && fork != one_of(context);
}

void TransactionsImage::adopt(ImageReader& image) noexcept {
  image.fields(servers_.serials_, clients_.serials_);
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0 && image.good(); --left) adopt_server(image);
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0 && image.good(); --left) adopt_client(image);
  for (const auto& [there, here] : server_places_) {
    ProxiedContext* const context = servers_.context_of(here);
    if (context == nullptr) continue;
    for (Fork& fork : context->all()) {
      const auto found = client_places_.find(fork.branch);
      fork.branch = found == client_places_.end() ? 0 : found->second;
    }
  }
  servers_.make_room();
  clients_.make_room();
}

void TransactionsImage::adopt_server(ImageReader& image) noexcept {
  uint32_t there = 0;
  ServerTransaction read;
  image.fields(there);
  uint32_t breadth = 0;
  describe_server(image, read, breadth);
  std::unique_ptr<ProxiedContext> context = read_context(image, breadth);
  const uint64_t key = std::exchange(read.link.hash, 0);
  image.expect(is_in_range(ground_.config, read.source) && read.back.kind <= BackKind::probe && read.back.listener < ground_.config.listeners.size() && read.back.shard < ground_.config.shards &&
                   read.state <= ServerState::answered && (context != nullptr || read.state != ServerState::proceeding),
               kOutOfRange);
  read.request = read_buffer(image, ground_.pool);
  read.last = read_buffer(image, ground_.pool);
  const Text answer = image.text();
  read_callee(image.text(), read, context.get());
  // Layout 1 has here what goes back if the lookup that an open one waits for finds no further way.
  const bool is_heard = image.version() < kForksSince && read.is_open();
  if (!image.good() || (!answer.empty() && !(is_heard ? context->forks[0].last : read.answer).keep(answer))) {
    give_back(ground_.pool, read.request);
    give_back(ground_.pool, read.last);
    return image.fail(kTooMuch);
  }
  if (read.is_remembered) {
    const auto kind = read.state == ServerState::accepted ? AnswerMemory::Kind::accepted : AnswerMemory::Kind::answered;
    read.share = read.is_exempt ? uint16_t{0} : servers_.memory_.share_of(read.payer);
    give_back(ground_.pool, read.last);
    const uint32_t index = servers_.slab_.take();
    // What is remembered beyond the limits of now has no right to it.
    if (!servers_.memory_.take(kind, {index, read.serial}, read.share, read.answer.size())) return servers_.slab_.give(index);
    servers_.at(index) = std::move(read);
    server_places_[there] = index;
  } else {
    const auto octets = static_cast<uint32_t>(octets_in(read.request) + octets_in(read.last));
    read.place = servers_.object_.reserve(read.payer, 1, octets + kPlaceOctets, Room::ending, read.is_exempt);
    const uint32_t index = servers_.slab_.take();
    servers_.at(index) = std::move(read);
    server_places_[there] = index;
  }
  const uint32_t index = server_places_[there];
  if (image.version() < kForksSince && !servers_.at(index).is_open()) context.reset();
  if (context != nullptr) {
    servers_.open_context(index) = std::move(*context);
    servers_.charge_best(index, Room::ending);
  }
  if (servers_.at(index).is_open()) ++servers_.open_;
  servers_.by_key_.add(index, key);
  servers_.arm(index);
}

void TransactionsImage::adopt_client(ImageReader& image) noexcept {
  uint32_t there = 0;
  ClientTransaction read;
  image.fields(there);
  describe_client(image, read);
  const uint64_t branch = std::exchange(read.by_branch.hash, 0), flow = std::exchange(read.by_flow.hash, 0);
  image.expect(read.flow.listener < ground_.config.listeners.size() && read.state <= ClientState::accepted && read.serial != 0 && read.share < PendingShares::kPlaces, kOutOfRange);
  read.sent = read_buffer(image, ground_.pool);
  read.reasons = read_buffer(image, ground_.pool);
  const Text ack = image.text();
  if (!image.good() || (!ack.empty() && !read.ack.keep(ack))) {
    give_back(ground_.pool, read.sent);
    give_back(ground_.pool, read.reasons);
    return image.fail(kTooMuch);
  }
  const auto owner = server_places_.find(read.owner);
  read.owner = owner == server_places_.end() ? 0 : owner->second;
  const uint32_t index = clients_.slab_.take();
  if (!read.is_remembered && read.method != Method::cancel && read.is_pending()) {
    const Address payer = read.owner == 0 ? Address() : servers_.at(read.owner).payer;
    const bool is_exempt = read.owner == 0 || servers_.at(read.owner).is_exempt;
    read.place = clients_.object_.reserve(payer, 0, static_cast<uint32_t>(octets_in(read.sent)) + kPlaceOctets, Room::ending, is_exempt);
  }
  const bool is_remembered = std::exchange(read.is_remembered, false);
  clients_.at(index) = std::move(read);
  clients_.by_branch_.add(index, branch);
  clients_.by_flow_.add(index, flow);
  client_places_[there] = index;
  if (is_remembered && !clients_.remember(index)) {
    client_places_.erase(there);
    return clients_.forget(index);
  }
  clients_.arm(index);
}

void TransactionsImage::let_go() noexcept {
  for (const uint32_t index : in_order(servers_, servers_.by_key_)) servers_.close(index);
  for (const uint32_t index : in_order(clients_, clients_.by_branch_)) clients_.forget(index);
}

}  // namespace sluice
