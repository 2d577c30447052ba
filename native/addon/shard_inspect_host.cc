// Carries the operator's questions and commands between TypeScript and a shard; src/native/inspect.ts declares their shapes.
#include "latin1.h"
#include "shard_config.h"
#include "shard_host.h"

namespace sluice {
namespace {

Napi::String text(Napi::Env env, Text value) { return Napi::String::New(env, value.data(), value.size()); }

Napi::Number number(Napi::Env env, double value) { return Napi::Number::New(env, value); }

void put_place(Napi::Object& into, const Address& address) {
  char ip[kMaxIpText];
  into.Set("address", Napi::String::New(into.Env(), ip, format_ip(address, ip)));
  into.Set("port", static_cast<double>(address.port));
}

Napi::Array notes_of(Napi::Env env, const Inspect& inspect, const Registration* note) {
  Napi::Array list = Napi::Array::New(env);
  for (uint32_t i = 0; note != nullptr; note = note->next.get(), ++i) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("aor", text(env, note->aor()));
    one.Set("instance", text(env, note->instance()));
    one.Set("userAgent", text(env, note->agent()));
    one.Set("regId", static_cast<double>(note->reg_id));
    one.Set("sinceMs", static_cast<double>(inspect.ms_since(note->since)));
    one.Set("refreshedMs", static_cast<double>(inspect.ms_since(note->refreshed)));
    one.Set("grantedSeconds", static_cast<double>(note->granted));
    list[i] = one;
  }
  return list;
}

Napi::Object flow_of(Napi::Env env, const Inspect& inspect, const FlowFacts& facts) {
  const Flow& flow = *facts.flow;
  Napi::Object one = Napi::Object::New(env);
  put_place(one, flow.remote);
  one.Set("slot", static_cast<double>(facts.slot));
  one.Set("generation", static_cast<double>(flow.generation));
  one.Set("listener", static_cast<double>(flow.listener));
  one.Set("flags", static_cast<double>(flow.flags));
  one.Set("idleMs", static_cast<double>(facts.idle_ms));
  one.Set("ageMs", static_cast<double>(facts.age_ms));
  one.Set("superviseSeconds", static_cast<double>(flow.supervise));
  one.Set("waiting", static_cast<double>(flow.waiting));
  one.Set("messages", static_cast<double>(flow.messages));
  one.Set("octetsIn", static_cast<double>(facts.octets_in));
  one.Set("octetsOut", static_cast<double>(facts.octets_out));
  one.Set("roundTripUs", static_cast<double>(facts.round_trip_us));
  one.Set("resent", static_cast<double>(facts.resent));
  one.Set("unsent", static_cast<double>(facts.unsent));
  one.Set("recent", static_cast<double>(facts.recent));
  one.Set("aors", notes_of(env, inspect, facts.notes));
  return one;
}

}  // namespace

// flows(filter, cursor, steps, most): {cursor, count, flows}
Napi::Value ShardHost::flows(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  std::vector<FlowFacts> found;
  uint32_t cursor = info[1].ToNumber().Uint32Value();
  const uint32_t count = shard.inspect().flows(cursor, info[2].ToNumber().Uint32Value(), info[3].ToNumber().Uint32Value(), read_flow_filter(info[0].As<Napi::Object>()), found);
  Napi::Array list = Napi::Array::New(env, found.size());
  for (uint32_t i = 0; i < found.size(); ++i) list[i] = flow_of(env, shard.inspect(), found[i]);
  result.Set("cursor", number(env, cursor));
  result.Set("count", number(env, count));
  result.Set("flows", list);
  return result;
}

// ends(from, most): flows that ended, newest first, skipping `from` of them
Napi::Value ShardHost::ends(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const Inspect& inspect = shard.inspect();
  Napi::Array list = Napi::Array::New(env);
  const uint32_t from = info[0].ToNumber().Uint32Value();
  const uint32_t most = info[1].ToNumber().Uint32Value();
  for (uint32_t i = 0; i < most; ++i) {
    const FlowEnd* end = inspect.notes().end_at(size_t{from} + i);
    if (end == nullptr) break;
    Napi::Object one = Napi::Object::New(env);
    put_place(one, end->remote);
    one.Set("listener", static_cast<double>(end->listener));
    one.Set("why", static_cast<double>(end->why));
    one.Set("lastedMs", static_cast<double>(inspect.ms_since(end->opened) - inspect.ms_since(end->ended)));
    one.Set("endedMs", static_cast<double>(inspect.ms_since(end->ended)));
    one.Set("endedAt", static_cast<double>(end->ended) * Clock::kTickMs);
    one.Set("messages", static_cast<double>(end->messages));
    one.Set("aor", text(env, Text(end->text, end->aor_size)));
    one.Set("instance", text(env, Text(end->text + end->aor_size, end->instance_size)));
    list[i] = one;
  }
  return list;
}

// news(): what happened since the last call, for the history
Napi::Value ShardHost::news(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const std::vector<News> all = shard.take_news();
  Napi::Array list = Napi::Array::New(env, all.size());
  const uint64_t now = wall_ms();
  for (uint32_t i = 0; i < all.size(); ++i) {
    const News& news = all[i];
    Napi::Object one = Napi::Object::New(env);
    put_place(one, news.peer);
    one.Set("event", static_cast<double>(news.event));
    one.Set("agoMs", static_cast<double>(now - news.at));
    one.Set("number", static_cast<double>(news.number));
    one.Set("lastedMs", static_cast<double>(uint64_t{news.lasted} * Clock::kTickMs));
    one.Set("text", to_latin1(env, news.text));
    list[i] = one;
  }
  return list;
}

// refusals(): who was refused, with what status and how often
Napi::Value ShardHost::refusals(const Napi::CallbackInfo& info, Shard& shard) {
  const Inspect& inspect = shard.inspect();
  Napi::Array list = Napi::Array::New(info.Env());
  inspect.refusals().each([&](const RefusalTally::Row& row) {
    Napi::Object one = Napi::Object::New(info.Env());
    char ip[kMaxIpText];
    one.Set("address", Napi::String::New(info.Env(), ip, format_ip(row.source, ip)));
    one.Set("status", static_cast<double>(row.status));
    one.Set("aor", text(info.Env(), row.who()));
    one.Set("count", static_cast<double>(row.count));
    one.Set("firstMs", static_cast<double>(inspect.ms_since(row.first)));
    one.Set("lastMs", static_cast<double>(inspect.ms_since(row.last)));
    list.Set(list.Length(), one);
  });
  return list;
}

// sample(begins)
Napi::Value ShardHost::sample(const Napi::CallbackInfo& info, Shard& shard) {
  if (info[0].ToBoolean()) shard.inspect().begin_sample();
  else shard.inspect().end_sample();
  return info.Env().Undefined();
}

// survey(): {ages, silence, outbound, supervised}
Napi::Value ShardHost::survey(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const FlowSurvey survey = shard.inspect().survey();
  Napi::Object result = Napi::Object::New(env);
  const auto put = [&](const char* name, const uint32_t (&counts)[kSurveyClasses]) {
    Napi::Array list = Napi::Array::New(env, kSurveyClasses);
    for (uint32_t i = 0; i < kSurveyClasses; ++i) list[i] = number(env, counts[i]);
    result.Set(name, list);
  };
  put("ages", survey.ages);
  put("silence", survey.silence);
  result.Set("outbound", static_cast<double>(survey.outbound));
  result.Set("supervised", static_cast<double>(survey.supervised));
  return result;
}

// token(user)
Napi::Value ShardHost::token(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const TokenFacts facts = shard.inspect().token(info[0].ToString().Utf8Value());
  static constexpr const char* kVerdicts[] = {"none", "ok", "forged", "unknown_key"};
  Napi::Object result = Napi::Object::New(env);
  result.Set("verdict", kVerdicts[static_cast<size_t>(facts.verdict)]);
  if (facts.verdict != TokenVerdict::ok) return result;
  const FlowName& flow = facts.flow;
  result.Set("kind", flow.kind == FlowKind::stream ? "stream" : "udp");
  result.Set("side", facts.side == Side::client ? "client" : "core");
  result.Set("node", static_cast<double>(flow.node));
  result.Set("shard", static_cast<double>(flow.shard));
  result.Set("ofThisBoot", facts.of_this_boot);
  if (flow.kind == FlowKind::stream) result.Set("boot", static_cast<double>(flow.boot));
  result.Set("alive", facts.alive);
  result.Set("slot", static_cast<double>(flow.slot));
  result.Set("generation", static_cast<double>(flow.generation));
  if (flow.kind == FlowKind::udp) {
    put_place(result, flow.remote);
    Napi::Object local = Napi::Object::New(env);
    put_place(local, flow.local);
    result.Set("local", local);
    result.Set("birth", static_cast<double>(flow.birth));
  }
  return result;
}

// upstreams(): the targets with their health
Napi::Value ShardHost::upstreams(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const UpstreamHealth& health = shard.inspect().upstreams();
  const UpstreamSet& set = health.targets();
  Napi::Array list = Napi::Array::New(env, static_cast<size_t>(set.size()));
  for (int i = 0; i < set.size(); ++i) {
    const Upstream& upstream = set.at(i);
    Napi::Object one = Napi::Object::New(env);
    put_place(one, upstream.address);
    one.Set("transport", transport_name(upstream.transport));
    one.Set("priority", static_cast<double>(upstream.priority));
    one.Set("weight", static_cast<double>(upstream.weight));
    one.Set("name", text(env, set.name(i)));
    if (upstream.node >= 0) one.Set("node", static_cast<double>(upstream.node));
    one.Set("alive", upstream.alive);
    one.Set("spoken", health.has_spoken(i));
    one.Set("silentMs", static_cast<double>(health.silence(i)));
    list[static_cast<uint32_t>(i)] = one;
  }
  return list;
}

Napi::Value ShardHost::set_limits(const Napi::CallbackInfo& info, Shard& shard) {
  shard.set_limits(read_limits(info[0].As<Napi::Object>()), info[1].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

// setNames(names, realms, wsOrigins, wsPaths)
Napi::Value ShardHost::set_names(const Napi::CallbackInfo& info, Shard& shard) {
  UpgradeRules upgrades;
  upgrades.origins = read_texts(info[2].As<Napi::Array>());
  upgrades.paths = read_texts(info[3].As<Napi::Array>());
  shard.set_names(read_texts(info[0].As<Napi::Array>()), read_texts(info[1].As<Napi::Array>()), std::move(upgrades));
  return info.Env().Undefined();
}

Napi::Value ShardHost::set_bans(const Napi::CallbackInfo& info, Shard& shard) {
  shard.inspect().set_bans(read_bans(info[0].As<Napi::Array>()));
  shard.settle();
  return info.Env().Undefined();
}

Napi::Value ShardHost::set_tap(const Napi::CallbackInfo& info, Shard& shard) {
  shard.tap().set(read_tap(info[0].As<Napi::Array>()));
  return info.Env().Undefined();
}

// tapped(): the copies since the last call; undefined: none
Napi::Value ShardHost::tapped(const Napi::CallbackInfo& info, Shard& shard) {
  const std::vector<char> octets = shard.tap().drain();
  if (octets.empty()) return info.Env().Undefined();
  return Napi::Buffer<char>::Copy(info.Env(), octets.data(), octets.size());
}

// noteRegister(flow, request, seconds)
Napi::Value ShardHost::note_register(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string id = info[0].ToString();
  const auto request = info[1].As<Napi::Uint8Array>();
  shard.inspect().note_register(id, Text(reinterpret_cast<const char*>(request.Data()), request.ElementLength()), info[2].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value ShardHost::close_flow(const Napi::CallbackInfo& info, Shard& shard) {
  const bool closed = shard.inspect().close_flow({info[0].ToNumber().Uint32Value(), info[1].ToNumber().Uint32Value()});
  shard.settle();
  return Napi::Boolean::New(info.Env(), closed);
}

// moveOut(most, busyOnes): how many client connections are left
Napi::Value ShardHost::move_out(const Napi::CallbackInfo& info, Shard& shard) {
  const uint32_t left = shard.inspect().move_out(info[0].ToNumber().Uint32Value(), info[1].ToBoolean());
  shard.settle();
  return number(info.Env(), left);
}

}  // namespace sluice
