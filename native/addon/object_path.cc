// What the object path needs from its shard: where a message came from, sending, and what became of flows and requests.
#include <cstring>
#include <ctime>

#include "core/base/edit_list.h"
#include "core/home/ways.h"
#include "core/relay/flow_id.h"
#include "core/relay/neighbour.h"
#include "core/relay/object_branch.h"
#include "latin1.h"
#include "shard_config.h"
#include "shard_host.h"

namespace sluice {
namespace {

Text octets_of(const Napi::Value& value) {
  const auto octets = value.As<Napi::Uint8Array>();
  return Text(reinterpret_cast<const char*>(octets.Data()), octets.ByteLength());
}

// How long a way that stayed silent is tried last, unless it registers again or answers.
constexpr uint32_t kSilenceSeconds = 600;

// Many flows may end at once, and each event is work for the store.
constexpr size_t kEventsPerTurn = 32;

uint32_t seconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint32_t>(now.tv_sec);
}

// As numbers name the way (Way::identity).
uint64_t name_of_way(const EdgeConfig& config, const std::string& identity) { return Ways::hash(config.table_key, {identity}); }

// False: not a literal address.
bool read_destination(const Napi::Value& ip, const Napi::Value& port, Address& out) {
  if (!parse_ip(ip.ToString().Utf8Value(), out)) return false;
  out.port = static_cast<uint16_t>(port.ToNumber().Uint32Value());
  return true;
}

Napi::String text(Napi::Env env, const char* data, size_t size) { return Napi::String::New(env, data, size); }

const char* name_of(Transport transport) {
  constexpr const char* kNames[] = {"udp", "tcp", "tls", "ws", "wss"};
  return kNames[static_cast<size_t>(transport)];
}

}  // namespace

// arrival(item, numbers, room, at), as src/native/arrivals.ts reads it
Napi::Value ShardHost::arrival(const Napi::CallbackInfo& info, Shard& shard) {
  const uint32_t item = info[0].ToNumber().Uint32Value() % k_batch_size;
  const Source& source = shard.turn().item(item).source;
  const Message& message = shard.turn().item(item).message;
  auto numbers = info[1].As<Napi::Int32Array>();
  auto room = info[2].As<Napi::Uint8Array>();
  const size_t at = info[3].ToNumber().Uint32Value();
  if (numbers.ElementLength() >= 2) {
    numbers.Data()[0] = static_cast<int32_t>(message.size);
    numbers.Data()[1] = static_cast<int32_t>(shard.object().loop_hash_of(item));
  }
  if (at <= room.ByteLength() && message.size <= room.ByteLength() - at) std::memcpy(room.Data() + at, message.data, message.size);
  char octets[3 * kMaxIpText + 2 * kMaxFlowId + 64];
  char ip[kMaxIpText], flow[kMaxFlowId], back[kMaxFlowId];
  Writer out(octets, sizeof octets);
  out.put(Text(ip, format_ip(source.remote, ip)));
  out.put('\n');
  out.put_number(source.remote.port);
  out.put('\n');
  out.put_number(source.listener);
  out.put(source.from_core ? "\n1\n" : "\n0\n");
  const Text here(flow, shard.object().flow_id_of(item, flow)), answer(back, shard.object().answer_flow_of(item, back));
  out.put(here);
  out.put('\n');
  if (answer != here) out.put(answer);
  if (source.from_core) {
    const Neighbour from = shard.object().neighbour_of_item(item);
    out.put('\n');
    out.put(name_of(from.transport));
    out.put('\n');
    out.put(Text(ip, format_ip(from.address, ip)));
    out.put('\n');
    out.put_number(from.address.port);
  }
  return to_latin1(info.Env(), out.text());
}

// reserve(address, requests, octets, room, exempt): the place to release; 0: no room
Napi::Value ShardHost::reserve(const Napi::CallbackInfo& info, Shard& shard) {
  Address source;
  parse_ip(info[0].ToString().Utf8Value(), source);
  const auto room = static_cast<Room>(info[3].ToNumber().Uint32Value());
  return Napi::Number::New(info.Env(), shard.object().reserve(source, info[1].ToNumber().Uint32Value(), info[2].ToNumber().Uint32Value(), room, info[4].ToBoolean()));
}

// A transaction may outlive its shard: then there is nothing left to release.
Napi::Value ShardHost::release(const Napi::CallbackInfo& info) {
  if (running_ != nullptr && !running_->closing) running_->shard->object().release(info[0].ToNumber().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value ShardHost::new_branch(const Napi::CallbackInfo& info, Shard& shard) {
  char branch[kMaxObjectBranch];
  return text(info.Env(), branch, shard.object().new_branch(info[0].ToNumber().Uint32Value(), KeptBy::objects, branch));
}

// flowToken(flow, coreSide): undefined: no such flow
Napi::Value ShardHost::flow_token(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string id = info[0].ToString();
  char token[kMaxTokenText];
  const size_t size = shard.object().flow_token(id, info[1].ToBoolean() ? Side::core : Side::client, token);
  return size == 0 ? info.Env().Undefined() : text(info.Env(), token, size).As<Napi::Value>();
}

// neighbourMark(token, transport, address, port)
Napi::Value ShardHost::neighbour_mark(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string token = info[0].ToString();
  Neighbour neighbour;
  neighbour.transport = read_transport(info[1]);
  parse_ip(info[2].ToString().Utf8Value(), neighbour.address);
  neighbour.address.port = static_cast<uint16_t>(info[3].ToNumber().Uint32Value());
  char mark[kMaxNeighbourText];
  return text(info.Env(), mark, shard.object().neighbour_mark(token, neighbour, mark));
}

Napi::Value ShardHost::flow_lives(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string id = info[0].ToString();
  return Napi::Boolean::New(info.Env(), shard.object().flow_lives(id));
}

Napi::Value ShardHost::send_to_flow(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string id = info[0].ToString();
  return Napi::Boolean::New(info.Env(), shard.object().send_to_flow(id, octets_of(info[1])));
}

// answerFlow(flow, octets, final)
Napi::Value ShardHost::answer_flow(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string id = info[0].ToString();
  shard.object().answer_flow(id, octets_of(info[1]), info[2].ToBoolean(), info[3].ToBoolean());
  return info.Env().Undefined();
}

// sendToAddress(transport, address, port, host, octets): the id of the flow it leaves by, or undefined
Napi::Value ShardHost::send_to_address(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  Address to;
  if (!read_destination(info[1], info[2], to)) return env.Undefined();
  const Transport transport = read_transport(info[0]);
  const std::string host = info[3].ToString();
  char id[kMaxFlowId];
  const size_t size = shard.object().send_to_address(transport, to, host, octets_of(info[4]), id);
  return size == 0 ? env.Undefined() : text(env, id, size).As<Napi::Value>();
}

// heardUs(address)
Napi::Value ShardHost::heard_us(const Napi::CallbackInfo& info, Shard& shard) {
  Address source;
  if (parse_ip(info[0].ToString().Utf8Value(), source)) shard.object().heard_us(source);
  return info.Env().Undefined();
}

// refusedBinding(address)
Napi::Value ShardHost::refused_binding(const Napi::CallbackInfo& info, Shard& shard) {
  Address source;
  if (parse_ip(info[0].ToString().Utf8Value(), source)) shard.object().refused_binding(source);
  return info.Env().Undefined();
}

// answerRoom(flow): octets
Napi::Value ShardHost::answer_room(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string id = info[0].ToString();
  return Napi::Number::New(info.Env(), static_cast<double>(shard.object().answer_room(id)));
}

// takesStream(address, port)
Napi::Value ShardHost::takes_stream(const Napi::CallbackInfo& info, Shard& shard) {
  Address address;
  if (!read_destination(info[0], info[1], address)) return Napi::Boolean::New(info.Env(), false);
  return Napi::Boolean::New(info.Env(), shard.object().takes_stream(address));
}

// dialPhone(transport, address, port, host, owner): the id of the flow, or undefined
Napi::Value ShardHost::dial_phone(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  Address to;
  if (!read_destination(info[1], info[2], to)) return env.Undefined();
  const Transport transport = read_transport(info[0]);
  const std::string host = info[3].ToString();
  char id[kMaxFlowId];
  const size_t size = shard.object().dial_phone(transport, to, host, id);
  if (size != 0) shard.object().own_flow(Text(id, size), info[4].ToString().Utf8Value());
  return size == 0 ? env.Undefined() : text(env, id, size).As<Napi::Value>();
}

// isNeighbour(transport, address, port)
Napi::Value ShardHost::is_neighbour(const Napi::CallbackInfo& info, Shard& shard) {
  Address address;
  if (!read_destination(info[1], info[2], address)) return Napi::Boolean::New(info.Env(), false);
  const Transport transport = read_transport(info[0]);
  return Napi::Boolean::New(info.Env(), shard.object().is_neighbour(transport, address));
}

// coreListener(transport, v4)
Napi::Value ShardHost::core_listener(const Napi::CallbackInfo& info, Shard& shard) {
  const Transport transport = read_transport(info[0]);
  return Napi::Number::New(info.Env(), sluice::core_listener(shard.config(), transport, info[1].ToBoolean()));
}

// chooseUpstreams(callId): the live ones, best first; undefined: there are no upstreams
Napi::Value ShardHost::choose_upstreams(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  if (shard.object().upstreams().size() == 0) return env.Undefined();
  const std::string call_id = info[0].ToString();
  std::array<int, UpstreamSet::kCapacity> order;
  const size_t count = shard.object().choose_upstreams(call_id, order);
  const UpstreamSet& upstreams = shard.object().upstreams();
  Napi::Array result = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; ++i) {
    const Upstream& upstream = upstreams.at(order[i]);
    const Text name = upstreams.name(order[i]);
    char ip[kMaxIpText];
    Napi::Object one = Napi::Object::New(env);
    one.Set("transport", transport_name(upstream.transport));
    one.Set("address", text(env, ip, format_ip(upstream.address, ip)));
    one.Set("port", static_cast<double>(upstream.address.port));
    one.Set("name", text(env, name.data(), name.size()));
    result[i] = one;
  }
  return result;
}

// bindFlow(flow, superviseSeconds, owner)
Napi::Value ShardHost::bind_flow(const Napi::CallbackInfo& info, Shard& shard) {
  const std::string id = info[0].ToString();
  const std::string owner = info[2].ToString();
  shard.object().bind_flow(id, info[1].ToNumber().Uint32Value());
  if (!owner.empty()) shard.object().own_flow(id, owner);
  return info.Env().Undefined();
}

// routeOwner(item, index): who registered over the flow of an own Route value; undefined: nobody known
Napi::Value ShardHost::route_owner(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  const uint32_t index = info[1].ToNumber().Uint32Value();
  if (index >= k_max_own_routes) return env.Undefined();
  const std::string owner = running_->cluster->flows.owners.find(shard.object().route_flow(info[0].ToNumber().Uint32Value() % k_batch_size, index));
  return owner.empty() ? env.Undefined() : Napi::String::New(env, owner).As<Napi::Value>();
}

// noteSilence(way, silent)
Napi::Value ShardHost::note_silence(const Napi::CallbackInfo& info, Shard& shard) {
  const uint64_t way = name_of_way(shard.config(), info[0].ToString());
  if (info[1].ToBoolean()) running_->cluster->silences.add(way, seconds_now());
  else running_->cluster->silences.remove(way);
  return info.Env().Undefined();
}

// wasSilent(way)
Napi::Value ShardHost::was_silent(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  return Napi::Boolean::New(env, running_->cluster->silences.holds(name_of_way(shard.config(), info[0].ToString()), seconds_now(), kSilenceSeconds));
}

Napi::Value ShardHost::flush(const Napi::CallbackInfo& info, Shard& shard) {
  shard.settle();
  // A request that was handed over may have asked.
  ask_stores(false);
  return info.Env().Undefined();
}

// takeEvents(): undefined if nothing has happened, as is usual; if there are very many, only some, and the rest in the next turn
Napi::Value ShardHost::take_events(const Napi::CallbackInfo& info, Shard& shard) {
  const Napi::Env env = info.Env();
  if (shard.object_events().empty()) return env.Undefined();
  const std::vector<ObjectEvent> events = shard.object_events().take(kEventsPerTurn);
  Napi::Array result = Napi::Array::New(env, events.size());
  for (uint32_t i = 0; i < events.size(); ++i) {
    Napi::Object one = Napi::Object::New(env);
    one.Set("kind", static_cast<double>(events[i].kind));
    one.Set("text", text(env, events[i].text.data(), events[i].text.size()));
    result[i] = one;
  }
  return result;
}

}  // namespace sluice
