#include "core/shard/proxying.h"

#include <algorithm>
#include <ctime>
#include <optional>

#include "core/base/now_ns.h"
#include "core/relay/own_output.h"
#include "core/shard/claimant.h"
#include "core/sip/lexer.h"

namespace sluice {
namespace {

constexpr uint32_t kSilenceSeconds = 600;  // how long a way that stayed silent is tried last, as in native/addon/object_path.cc

// RFC 3326: why the caller cancels, as lines.
void put_reasons(const Message& cancel, Writer& out) noexcept {
  constexpr Text kName = "Reason";
  for (unsigned i = 0; i < cancel.line_count; ++i) {
    const HeaderLine& line = cancel.lines[i];
    if (line.id != HeaderId::other || line.value_at <= line.line_at + kName.size()) continue;
    const char* const name = cancel.data + line.line_at;
    if (!same_text(Text(name, kName.size()), kName) || is_class(name[kName.size()], kChar_token)) continue;
    out.put("Reason: ");
    out.put(cancel.value(line));
    out.put("\r\n");
  }
}

// If a request alone has failed, rather than a flow.
std::optional<ClientFailure> failure_of(ObjectEventKind kind) noexcept {
  switch (kind) {
    case ObjectEventKind::send_failed: return ClientFailure::transport;
    case ObjectEventKind::too_large: return ClientFailure::too_large;
    case ObjectEventKind::held_back: return ClientFailure::held_back;
    default: return std::nullopt;
  }
}

}  // namespace

void Proxying::open(std::shared_ptr<BindingStore> store, int64_t clock_offset, RecentSet& silences, int32_t* rows) {
  desk_ = std::make_unique<Desk>(ground_, turn_, outbox_, object_, std::move(store));
  desk_->clock_offset = clock_offset;
  desk_->silences = &silences;
  desk_->rows = rows;
  desk_->clients.serve(*this);
  desk_->clients.configure(settings_.timer_c_ms);
  events_.serve_numbers();
}

void Proxying::open_shared(std::string node, RecentSet& silences, int32_t* rows) {
  open(nullptr, 0, silences, rows);
  desk_->shared = std::make_unique<SharedLookups>(std::move(node));
}

void Proxying::configure(ProxySettings settings) {
  settings_ = std::move(settings);
  if (desk_ != nullptr) desk_->clients.configure(settings_.timer_c_ms);
}

void Proxying::read(unsigned i) noexcept {
  int32_t* const row = desk_->rows + i * k_request_fields;
  while (desk_->asked.size() <= i) desk_->asked.emplace_back();
  uint32_t caller = 0;
  desk_->asked[i].key = 0;
  row[kRequest_state] = static_cast<int32_t>(judge(i, desk_->asked[i], caller));
  row[kRequest_caller] = static_cast<int32_t>(caller);
  row[kRequest_twin] = twin_of(i);
}

// Nothing has happened yet to the messages before it, so their transactions are unknown: a CANCEL in the batch of its INVITE.
int32_t Proxying::twin_of(unsigned i) const noexcept {
  const uint64_t key = desk_->asked[i].key;
  for (unsigned first = 0; key != 0 && first < i; ++first)
    if (desk_->asked[first].key == key) return static_cast<int32_t>(first) + 1;
  return 0;
}

RequestState Proxying::judge(unsigned i, Asked& asked, uint32_t& caller) noexcept {
  const Item& item = turn_.item(i);
  const Message& message = item.message;
  if (!message.is_request || message.error != ScanError::none || message.method == Method::register_ || !has_cookie(message)) return RequestState::unread;
  // It follows the token of a flow.
  for (int32_t route = 0; route < turn_.record(i)[kRecord_own_routes]; ++route)
    if (item.facts.routes[route].kind != RouteKind::plain) return RequestState::unread;
  const bool is_about_another = message.method == Method::ack || message.method == Method::cancel;
  // RFC 3261 17.2.2: a CANCEL that overtook its INVITE got 481 there, and gets it again.
  if (message.method == Method::cancel && is_held(desk_->servers.key_of(item, Method::cancel), item.source)) return RequestState::held;
  asked.key = desk_->servers.key_of(item, is_about_another ? Method::invite : message.method);
  if (item.admitted) return RequestState::admitted;
  const uint32_t known = desk_->servers.find(asked.key);
  // The ACK of a 2xx is no part of its transaction (RFC 6026 7.1).
  if (is_about_another) return known != 0 && (message.method == Method::cancel || desk_->servers.at(known).state != ServerState::accepted) ? RequestState::own : RequestState::unread;
  if (known != 0) return RequestState::own;
  if (is_held(asked.key, item.source)) return RequestState::held;
  const int32_t* const record = turn_.record(i);
  if (record[kRecord_next_route] != static_cast<int32_t>(Hop::none) || (record[kRecord_headers] & static_cast<int32_t>(kHeader_strict_uri)) != 0 || item.facts.is_sips)
    return RequestState::unread;
  if (!read_plain_request(message, static_cast<uint32_t>(record[kRecord_contact]), settings_.domains, asked.request)) return RequestState::unread;
  // A store that nodes share is asked once the caller is admitted.
  if (desk_->shared == nullptr && (!find_ways({asked.request.aor, Text(), Text()}, asked.ways) || !are_plain(asked.ways))) return RequestState::unread;
  asked.vouched = is_vouched(item.source);
  caller = (asked.request.caller_realm.empty() ? 0u : kCaller_ours) | (asked.vouched ? kCaller_vouched : 0u);
  return RequestState::open;
}

bool Proxying::is_about_held(unsigned i) const noexcept {
  const Item& item = turn_.item(i);
  if (desk_ == nullptr || (item.message.method != Method::ack && item.message.method != Method::cancel)) return false;
  return desk_->asked[i].key != 0 && is_held(desk_->asked[i].key, item.source);
}

// As `Admission` in src/proxy/admission.ts.
bool Proxying::is_vouched(const Source& source) const noexcept {
  if (!source.from_core) return false;
  return !is_in(settings_.edges, source.remote) || is_in(settings_.trusted, source.remote) || object_.upstreams().has_host(source.remote);
}

bool Proxying::find_ways(const Callee& callee, Ways& out) noexcept {
  const uint64_t now = now_ns();
  out.begin(ground_.config.table_key, callee);
  desk_->store->table().lookup(callee.aor, store_time(now), out);
  out.end();
  sort(out, now);
  return out.count() > 0;
}

bool Proxying::find_upstreams(const Message& request, Ways& out) noexcept {
  out.begin(ground_.config.table_key, Callee());
  std::array<int, UpstreamSet::kCapacity> order;
  const size_t count = object_.choose_upstreams(request.text(request.call_id), order);
  const Text uri = request.text(request.request_uri);
  for (size_t i = 0; i < count; ++i) {
    const Upstream& one = object_.upstreams().at(order[i]);
    // RFC 3261 18.1.1: what is too large for UDP goes by TCP to a neighbour that speaks it.
    const bool prefers_stream = one.transport == Transport::udp && is_too_large_for_udp(request.size + kGrowth) && object_.takes_stream(one.address);
    if ((prefers_stream && !out.add_upstream(Transport::tcp, one.address, uri)) || !out.add_upstream(one.transport, one.address, uri)) return false;
  }
  return out.count() > 0;
}

// An upstream that was chosen at first is tried even if it has died since; no other one is.
void Proxying::look_up(uint32_t index) noexcept {
  const ServerTransaction& server = desk_->servers.at(index);
  if (!server.aor.empty()) return void(find_ways(callee_of(index), desk_->ways));
  Ways& ways = desk_->ways;
  ways.begin(ground_.config.table_key, Callee());
  if (server.request == nullptr || !scan_own_output(server.request->text(), *ground_.spare)) return;
  const Text uri = ground_.spare->text(ground_.spare->request_uri);
  const UpstreamSet& upstreams = object_.upstreams();
  const ProxiedContext& context = *desk_->servers.context_of(index);
  for (int i = 0; i < upstreams.size(); ++i)
    for (const Transport transport : {Transport::tcp, upstreams.at(i).transport})
      if (context.plans(ways.upstream_key(transport, upstreams.at(i).address))) ways.add_upstream(transport, upstreams.at(i).address, uri);
}

Callee Proxying::callee_of(uint32_t index) noexcept {
  const ProxiedContext& context = *desk_->servers.context_of(index);
  return {desk_->servers.at(index).aor, context.instance, context.life};
}

void Proxying::sort(Ways& ways, uint64_t now) noexcept {
  if (ways.count() < 2) return;
  const auto seconds = static_cast<uint32_t>(now / 1'000'000'000);
  ways.sort([&](uint64_t way) { return desk_->silences->holds(way, seconds, kSilenceSeconds); });
}

// Whether numbers are enough for these ways.
bool Proxying::are_plain(const Ways& ways) noexcept {
  if (!ways.is_plain()) return false;
  for (size_t i = 0; i < ways.count(); ++i) {
    const Way& way = ways.at(i);
    // The object path removes a binding whose flow has ended.
    if (!way.flow.empty() && !object_.flow_lives(way.flow)) return false;
    // It names another node, but leads here.
    char ip[kMaxIpText];
    if (way.is_foreign && is_own_host(ground_.config, Text(ip, format_ip(way.to, ip)), way.to.port)) return false;
  }
  return true;
}

LoginState Proxying::check_login(unsigned i) noexcept {
  if (desk_ == nullptr || state(i) != RequestState::open || desk_->asked[i].request.caller_realm.empty()) return LoginState::left;
  return registering_.login().check(turn_.item(i), desk_->asked[i].request.caller_realm, settings_.domains);
}

void Proxying::carry_out(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  const Message& message = item.message;
  if (desk_ == nullptr) return ground_.counters.add(Counter::dropped);
  if (!message.is_request) {
    if (!desk_->clients.receive(item)) return ground_.counters.add(Counter::unsolicited_responses);
    ground_.news.response(Event::call_failed, message.method, message.status, item.source.remote, Text(message.data, message.head_size));
    return;
  }
  const RequestState is = state(i);
  const bool has_twin = desk_->rows[i * k_request_fields + kRequest_twin] != 0;
  if (is != RequestState::open && is != RequestState::own && !has_twin) return ground_.counters.add(Counter::dropped);
  const Asked& asked = desk_->asked[i];
  // The same request may be twice in the batch.
  const uint32_t server = desk_->servers.find(asked.key);
  if (message.method == Method::ack) {
    if (server != 0) desk_->servers.acknowledge(server);
    return;
  }
  object_.await_answer(item);
  if (message.method == Method::cancel) return cancel(i, server);
  if (server != 0) return desk_->servers.repeat(server);
  // Of the first of them nothing is left, and nobody has admitted this one, which may say something else.
  if (has_twin) return refuse_for_now(item);
  if (is == RequestState::open) begin(i, asked);
}

void Proxying::refuse_for_now(const Item& item) noexcept { responder_.reply(item, 503, Text(), 0, "Retry-After: 10\r\n"); }

void Proxying::begin(unsigned i, const Asked& asked) noexcept {
  const Item& item = turn_.item(i);
  Address payer = item.source.remote;
  if (!asked.vouched) find_client(item, payer);
  const uint32_t index = desk_->servers.open(item, return_path_of(ground_.config, object_.answer_way_of(i)), asked.key, payer, asked.vouched);
  if (index == 0) return refuse_for_now(item);
  prepare(index, item, asked.request);
  if (desk_->shared != nullptr) ask(index, nullptr, nullptr);
  else start(index, asked.ways, &item.message);
}

void Proxying::prepare(uint32_t index, const Item& item, const PlainRequest& request) noexcept {
  ServerTransaction& server = desk_->servers.at(index);
  server.aor = request.aor;
  desk_->servers.open_context(index).free = request.max_breadth;
  if (item.source.from_core) server.neighbour = object_.neighbour_of_item(item);
}

bool Proxying::take_decided(const DecidedRequest& given) noexcept {
  if (desk_ == nullptr) return false;
  Item& item = desk_->decided;
  PlainRequest& request = desk_->decided_request;
  item.facts.clear();
  if (!object_.read_source(given.flow, given.from_core, item.source)) return false;
  Source way = item.source;
  if (!object_.read_answer_way(given.answer_flow, way)) return false;
  if (!scan_own_output(given.octets, item.message) || !item.message.read_top_via(item.facts.top_via) || !read_copyable(item.message, request)) return false;
  // A datagram's body that no Content-Length announces.
  if (item.message.size != given.octets.size()) return false;
  item.facts.loop_hash = given.loop;
  const Callee& callee = given.callee;
  request.aor = callee.aor;
  const uint64_t key = desk_->servers.key_of(item, item.message.method);
  if (desk_->servers.find(key) != 0) return false;
  const bool is_upstream = callee.aor.empty(), asks = desk_->shared != nullptr && !is_upstream;
  if (is_upstream ? !find_upstreams(item.message, desk_->ways) : !asks && (!find_ways(callee, desk_->ways) || !are_plain(desk_->ways))) return false;
  const uint32_t index = desk_->servers.open(item, return_path_of(ground_.config, way), key, given.payer, given.is_exempt, given.was_answered);
  if (index == 0) return false;
  prepare(index, item, request);
  ProxiedContext& context = *desk_->servers.context_of(index);
  context.instance = callee.instance;
  context.life = callee.life;
  context.was_decided = true;
  ground_.counters.add(Counter::requests_decided);
  if (asks) ask(index, nullptr, nullptr);
  else start(index, desk_->ways, &item.message);
  return true;
}

void Proxying::start(uint32_t index, const Ways& ways, const Message* request) noexcept {
  ProxiedContext& context = *desk_->servers.context_of(index);
  if (!context.was_decided) ground_.counters.add(Counter::requests_by_numbers);
  context.begin(ways);
  if (desk_->servers.at(index).aor.empty()) context.all().front().looked_again = true;
  start_waiting(index, &ways, request);
  if (!context.is_trying()) conclude(index, nullptr);
}

// RFC 3261 9.2, 16.10: 200 whether it has an effect or not, 481 without an INVITE.
void Proxying::cancel(unsigned i, uint32_t index) noexcept {
  const Item& item = turn_.item(i);
  desk_->servers.answer_cancel(i, index, settings_.keep_seconds);
  if (index == 0) return;
  ProxiedContext* const context = desk_->servers.context_of(index);
  if (context == nullptr || !desk_->servers.at(index).is_open()) return;
  char room[1'024];
  Writer reasons(room, sizeof room);
  put_reasons(item.message, reasons);
  context->cancelled = true;
  close(*context, reasons.full() ? Text() : reasons.text(), nullptr);
}

void Proxying::leave(unsigned i) noexcept {
  const Item& item = turn_.item(i);
  const Method method = item.message.method;
  if (!item.message.is_request || method == Method::register_ || method == Method::ack) return;
  if (method == Method::cancel) {
    if (desk_ != nullptr && desk_->asked[i].key != 0) remember_held(desk_->servers.key_of(item, method), item.source);
    return;
  }
  // One that numbers have left counted then.
  if (!item.admitted) ground_.counters.add(Counter::requests_by_objects);
  if (desk_ != nullptr && has_cookie(item.message)) remember_held(desk_->asked[i].key, item.source);
}

void Proxying::finish() noexcept {
  if (desk_ == nullptr || !desk_->changed) return;
  desk_->changed = false;
  // On a disk that fails, the bindings come back with the next start, and are removed again when they are asked for.
  desk_->store->flush();
}

void Proxying::take_events() noexcept {
  if (desk_ == nullptr) return;
  ObjectEvent event;
  while (events_.take_for_numbers(event)) {
    if (const auto why = failure_of(event.kind)) {
      desk_->clients.send_failed(event.text, *why);
      continue;
    }
    if (event.kind != ObjectEventKind::unreachable) {
      desk_->clients.flow_ended(event.text);
      continue;
    }
    // ICMP reports that a request of ours reached nothing: all bindings of that flow end (RFC 5626 7).
    char id[kMaxFlowId];
    const std::string flow(id, desk_->clients.flow_of(event.text, id));
    if (flow.empty()) continue;
    if (desk_->shared == nullptr) events_.flow_failed(flow);
    desk_->clients.flow_ended(flow);
    constexpr size_t kAtOnce = 4'096;
    bool more = false;
    if (desk_->shared != nullptr) events_.flow_unreachable(flow);
    else if (desk_->store->table().remove_flow(flow, kAtOnce, more) > 0) desk_->changed = true;
  }
  finish();
}

void Proxying::freeze(ImageWriter& image) noexcept {
  image.fields(desk_ != nullptr);
  if (desk_ == nullptr) return;
  TransactionsImage(ground_, desk_->servers, desk_->clients).freeze(image);
  desk_->held.freeze(image, ground_.clock.tick());
}

void Proxying::adopt(ImageReader& image) noexcept {
  bool has_desk = false;
  image.fields(has_desk);
  image.expect(!has_desk || desk_ != nullptr, "requests are proxied on the other path now: SLUICE_MODE or SLUICE_LOCATION has changed");
  if (!has_desk || !image.good()) return;
  TransactionsImage(ground_, desk_->servers, desk_->clients).adopt(image);
  desk_->held.adopt(image, ground_.clock.tick());
  // The answer that they waited for will not come here.
  if (desk_->shared != nullptr)
    desk_->servers.each_open([this](uint32_t index) {
      ProxiedContext* const context = desk_->servers.context_of(index);
      if (context == nullptr) return;
      if (!context->has_begun()) ask(index, nullptr, nullptr);
      for (Fork& fork : context->all())
        if (fork.state == Fork::State::trying && fork.branch == 0) ask(index, &fork, nullptr);
    });
}

void Proxying::let_go() noexcept {
  if (desk_ != nullptr) TransactionsImage(ground_, desk_->servers, desk_->clients).let_go();
}

void Proxying::tick() noexcept {
  if (desk_ == nullptr) return;
  desk_->servers.tick();
  desk_->clients.tick();
  finish();
}

}  // namespace sluice
