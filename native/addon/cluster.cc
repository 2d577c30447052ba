#include "cluster.h"

#include <sys/eventfd.h>

#include <mutex>

namespace sluice {
namespace {

std::mutex lock;
std::vector<std::shared_ptr<Cluster>> clusters;

}  // namespace

Napi::Value create_cluster(const Napi::CallbackInfo& info) {
  const uint32_t shards = info[0].ToNumber().Uint32Value();
  const uint32_t octets = info[1].ToNumber().Uint32Value();
  auto cluster = std::make_shared<Cluster>();
  for (uint32_t i = 0; i < shards; ++i) {
    cluster->rings.push_back(std::make_unique<Ring>(octets));
    cluster->wakes.push_back(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  }
  const std::lock_guard<std::mutex> guard(lock);
  clusters.push_back(std::move(cluster));
  return Napi::Number::New(info.Env(), static_cast<double>(clusters.size() - 1));
}

std::shared_ptr<Cluster> find_cluster(uint32_t id) {
  const std::lock_guard<std::mutex> guard(lock);
  return id < clusters.size() ? clusters[id] : nullptr;
}

}  // namespace sluice
