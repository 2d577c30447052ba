#include "cluster.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <mutex>

#include "core/relay/flow_id.h"
#include "part.h"
#include "shard_config.h"
#include "tls_material.h"

namespace sluice {
namespace {

std::mutex clusters_lock;
std::vector<std::shared_ptr<Cluster>> clusters;

std::vector<std::vector<int>> read_sockets(const Napi::Array& shards) {
  std::vector<std::vector<int>> sockets(shards.Length());
  for (uint32_t shard = 0; shard < shards.Length(); ++shard) sockets[shard] = read_descriptors(shards[shard]);
  return sockets;
}

}  // namespace

Cluster::~Cluster() {
  for (const int wake : wakes) close(wake);
  for (const LeftFlows& one : left) {
    if (one.memory >= 0) close(one.memory);
    for (const MovingFlow& flow : one.flows) close(flow.fd);
  }
}

Napi::Value create_cluster(const Napi::CallbackInfo& info) {
  const uint32_t shards = info[0].ToNumber().Uint32Value();
  const uint32_t octets = info[1].ToNumber().Uint32Value();
  const auto seed = info[3].As<Napi::Uint8Array>();
  if (seed.ByteLength() < Cluster::kSeedOctets) {
    Napi::TypeError::New(info.Env(), "a cluster needs 96 random octets").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  auto cluster = std::make_shared<Cluster>(seed.Data());
  for (uint32_t i = 0; i < shards; ++i) {
    cluster->rings.push_back(std::make_unique<Ring>(octets));
    cluster->wakes.push_back(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  ListenerSockets::Failed failed;
  std::vector<ListenerSockets::Place> places = read_places(info[2].As<Napi::Array>());
  if (info[4].IsArray()) {
    cluster->sockets.take_over(std::move(places), read_sockets(info[4].As<Napi::Array>()));
  } else if (const int error = cluster->sockets.open(std::move(places), shards, &failed); error != 0) {
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("errno", error);
    result.Set("shard", static_cast<double>(failed.shard));
    result.Set("listener", static_cast<double>(failed.place));
    return result;
  }
  const std::lock_guard<std::mutex> guard(clusters_lock);
  clusters.push_back(std::move(cluster));
  return Napi::Number::New(info.Env(), static_cast<double>(clusters.size() - 1));
}

Napi::Value close_cluster(const Napi::CallbackInfo& info) {
  const uint32_t id = info[0].ToNumber().Uint32Value();
  const auto cluster = find_cluster(id);
  if (!cluster) return info.Env().Undefined();
  // A Logins that nobody has collected yet may keep the rest for a while.
  cluster->sockets.close_all();
  const std::lock_guard<std::mutex> guard(clusters_lock);
  clusters[id].reset();
  return info.Env().Undefined();
}

Napi::Value stop_accepting(const Napi::CallbackInfo& info) {
  if (const auto cluster = find_cluster(info[0].ToNumber().Uint32Value())) cluster->sockets.stop_accepting();
  return info.Env().Undefined();
}

Napi::Value start_accepting(const Napi::CallbackInfo& info) {
  if (const auto cluster = find_cluster(info[0].ToNumber().Uint32Value())) cluster->sockets.start_accepting();
  return info.Env().Undefined();
}

Napi::Value set_tls(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  std::string fault;
  std::shared_ptr<TlsProvider> tls = make_tls_provider(read_tls_material(info[1].As<Napi::Object>()), fault);
  if (!tls) return Napi::String::New(info.Env(), fault);
  if (cluster) cluster->set_tls(std::move(tls));
  return info.Env().Undefined();
}

Napi::Value set_nonce_keys(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  const auto given = info[1].As<Napi::Array>();
  std::vector<Text> keys;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    const auto key = given.Get(i).As<Napi::Uint8Array>();
    keys.emplace_back(reinterpret_cast<const char*>(key.Data()), key.ByteLength());
  }
  if (cluster) cluster->nonces.set_keys(keys);
  return info.Env().Undefined();
}

Napi::Value flow_owners(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  const FlowOwners::Size size = cluster ? cluster->flows.owners.size() : FlowOwners::Size();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("known", static_cast<double>(size.known));
  result.Set("octets", static_cast<double>(size.octets));
  result.Set("forgotten", static_cast<double>(size.forgotten));
  return result;
}

Napi::Value learn_past_flow(const Napi::CallbackInfo& info) {
  const auto cluster = find_cluster(info[0].ToNumber().Uint32Value());
  FlowId flow;
  const bool is_past = cluster && parse_stream_id(std::string(info[2].ToString()), flow) && flow.name.boot != info[1].ToNumber().Uint32Value();
  if (is_past) cluster->flows.owners.put(flow.name, std::string(info[3].ToString()));
  return Napi::Boolean::New(info.Env(), is_past);
}

void Cluster::freeze_logins(ImageWriter& image, bool all) {
  nonces.freeze(image, all);
  guard.freeze(image, all);
}

const char* Cluster::adopt_logins(Text octets) {
  return adopt_image(octets, ImageOf::logins, [this](ImageReader& image) {
    nonces.adopt(image);
    guard.adopt(image);
  });
}

std::shared_ptr<Cluster> find_cluster(uint32_t id) {
  const std::lock_guard<std::mutex> guard(clusters_lock);
  return id < clusters.size() ? clusters[id] : nullptr;
}

}  // namespace sluice
