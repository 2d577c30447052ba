#include "location.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "cluster.h"
#include "core/home/binding_line.h"
#include "core/home/past_flows.h"
#include "latin1.h"
#include "location_row.h"

namespace sluice {
namespace {

constexpr uint64_t kExpireNanoseconds = 1'000'000;
constexpr double kAway = 5;  // an outcome: the journal cannot be written

// A folder is one store: opening it again in this process returns the same store.
std::mutex stores_lock;
struct Known {
  std::weak_ptr<BindingStore> store;
  double clock_offset = 0;
};
std::map<std::string, Known> stores;

class Syncing : public Napi::AsyncWorker {
 public:
  Syncing(Napi::Env env, std::shared_ptr<BindingStore> store, uint64_t failures)
      : Napi::AsyncWorker(env), store_(std::move(store)), failures_(failures), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() { return deferred_.Promise(); }
  void Execute() override { error_ = store_->journal().sync(failures_); }
  void OnOK() override { deferred_.Resolve(Napi::Number::New(Env(), error_)); }

 private:
  std::shared_ptr<BindingStore> store_;
  uint64_t failures_;
  int error_ = 0;
  Napi::Promise::Deferred deferred_;
};

Napi::Object row_of(Napi::Env env, const BindingNews& news, uint64_t ago) {
  Napi::Object row = Napi::Object::New(env);
  row.Set("event", static_cast<double>(news.event));
  row.Set("agoMs", static_cast<double>(ago));
  row.Set("regId", static_cast<double>(news.reg_id));
  row.Set("aor", to_latin1(env, news.aor));
  row.Set("contact", to_latin1(env, news.contact));
  row.Set("instance", to_latin1(env, news.instance));
  row.Set("userAgent", to_latin1(env, news.agent));
  row.Set("callId", to_latin1(env, news.call_id));
  return row;
}

class Learning : public Napi::AsyncWorker {
 public:
  Learning(Napi::Env env, std::shared_ptr<BindingStore> store, std::shared_ptr<Cluster> cluster)
      : Napi::AsyncWorker(env), store_(std::move(store)), cluster_(std::move(cluster)), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() { return deferred_.Promise(); }
  void Execute() override {
    learn_past_flows(store_->table(), cluster_->flows.owners);
    store_->flush();
  }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }

 private:
  std::shared_ptr<BindingStore> store_;
  std::shared_ptr<Cluster> cluster_;
  Napi::Promise::Deferred deferred_;
};

}  // namespace

void Location::define(Napi::Env env, Napi::Object exports) {
  exports.Set("Location", DefineClass(env, "Location",
                                      {
                                          InstanceMethod<&Location::save>("save"),
                                          InstanceMethod<&Location::set_bounds>("setBounds"),
                                          InstanceMethod<&Location::lookup>("lookup"),
                                          InstanceMethod<&Location::remove>("remove"),
                                          InstanceMethod<&Location::remove_flow>("removeFlow"),
                                          InstanceMethod<&Location::learn_past_flows>("learnPastFlows"),
                                          InstanceMethod<&Location::expire>("expire"),
                                          InstanceMethod<&Location::want_news>("wantNews"),
                                          InstanceMethod<&Location::news>("news"),
                                          InstanceMethod<&Location::flush>("flush"),
                                          InstanceMethod<&Location::sync>("sync"),
                                          InstanceMethod<&Location::addresses>("addresses"),
                                          InstanceMethod<&Location::counts>("counts"),
                                          InstanceMethod<&Location::damaged>("damaged"),
                                          InstanceMethod<&Location::hold>("hold"),
                                          InstanceMethod<&Location::lock>("lock"),
                                          InstanceMethod<&Location::go_on>("goOn"),
                                          InstanceMethod<&Location::settle>("settle"),
                                          InstanceMethod<&Location::close>("close"),
                                      }));
}

// new Location(folder, maxBindings, maxOctets, clockOffset, now, lock?)
Location::Location(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Location>(info) {
  const std::string folder = info[0].ToString();
  const TableBounds bounds{time_of(info[1]), time_of(info[2])};
  const std::lock_guard<std::mutex> guard(stores_lock);
  Known& known = stores[folder];
  store_ = known.store.lock();
  const bool is_first = store_ == nullptr;
  if (is_first) {
    BindingStore::Opened opened =
        info[5].IsNumber() ? BindingStore::follow(folder, bounds, time_of(info[4]), info[5].ToNumber().Int32Value()) : BindingStore::open(folder, bounds, time_of(info[4]));
    if (!opened.store) {
      Napi::Error error = Napi::Error::New(info.Env(), opened.fault);
      error.Set("code", opened.is_busy ? "EBUSY" : "EIO");
      error.ThrowAsJavaScriptException();
      return;
    }
    known.store = store_ = std::move(opened.store);
    known.clock_offset = info[3].ToNumber();
  }
  auto self = info.This().As<Napi::Object>();
  self.Set("isFirst", is_first);
  self.Set("clockOffset", known.clock_offset);
}

// The next to open the folder waits until it is closed.
Location::~Location() {
  const std::lock_guard<std::mutex> guard(stores_lock);
  store_.reset();
}

bool Location::is_open(Napi::Env env) {
  if (store_) return true;
  Napi::Error::New(env, "the location store is closed").ThrowAsJavaScriptException();
  return false;
}

void Location::begin_batch() noexcept {
  if (!has_batch_) failures_ = store_->journal().failures();
  has_batch_ = true;
}

// save(text, numbers)
Napi::Value Location::save(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  auto numbers = info[1].As<Napi::Float64Array>();
  const std::string text = from_latin1(info[0]);
  LocationInput in(numbers, text);
  RegisterOperation operation;
  operation.now = in.integer();
  operation.cseq = in.integer32();
  operation.everything = in.number() != 0;
  operation.max_contacts = in.integer32();
  operation.max_flows = in.integer32();
  const uint64_t drops = in.integer(), puts = in.integer();
  operation.aor = in.text(in.integer());
  operation.call_id = in.text(in.integer());
  Address payer;
  const uint16_t place = parse_ip(in.text(in.integer()), payer) ? store_->table().payer_of(payer) : 0;
  for (uint64_t i = 0; i < drops && in.ok(); ++i) operation.drop.push_back(in.text(in.integer()));
  for (uint64_t i = 0; i < puts && in.ok(); ++i) {
    Binding& binding = operation.put.emplace_back();
    binding.expires = in.integer();
    binding.updated = in.integer();
    binding.cseq = in.integer32();
    binding.reg_id = in.integer32();
    binding.q = static_cast<uint16_t>(in.integer(UINT16_MAX));
    binding.flags = static_cast<uint16_t>(in.integer(UINT16_MAX));
    binding.payer = place;
    for (Text& part : binding.parts) part = in.text(in.integer());
  }
  if (!in.ok() || operation.aor.empty() || operation.aor.size() > UINT16_MAX) {
    Napi::TypeError::New(info.Env(), "no operation").ThrowAsJavaScriptException();
    return {};
  }
  LocationOutput out(numbers);
  if (store_->journal().fault() != 0) {
    numbers[0] = kAway;
    return out.text(info.Env());
  }
  begin_batch();
  const Outcome outcome = store_->table().save(operation, out);
  numbers[0] = static_cast<double>(outcome);
  numbers[1] = out.count();
  return out.text(info.Env());
}

// setBounds(maxBindings, maxOctets)
Napi::Value Location::set_bounds(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  store_->table().set_bounds({time_of(info[0]), time_of(info[1])});
  return info.Env().Undefined();
}

// lookup(aor, now, numbers)
Napi::Value Location::lookup(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  auto numbers = info[2].As<Napi::Float64Array>();
  LocationOutput out(numbers);
  store_->table().lookup(from_latin1(info[0]), time_of(info[1]), out);
  numbers[1] = out.count();
  return out.text(info.Env());
}

// remove(aor, key, seen)
Napi::Value Location::remove(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  begin_batch();
  // Who says which binding it saw has found that its flow is gone; the operator removes whatever is there.
  const uint64_t seen = time_of(info[2]);
  const BindingEvent why = seen == static_cast<uint64_t>(kMaxSeen) ? BindingEvent::withdrawn : BindingEvent::flow_gone;
  return Napi::Boolean::New(info.Env(), store_->table().remove(from_latin1(info[0]), from_latin1(info[1]), seen, why));
}

// removeFlow(flow, most, numbers)
Napi::Value Location::remove_flow(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  begin_batch();
  bool more = false;
  const size_t removed = store_->table().remove_flow(from_latin1(info[0]), info[1].ToNumber().Uint32Value(), more);
  info[2].As<Napi::Float64Array>()[0] = more ? 1 : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(removed));
}

// learnPastFlows(cluster): Promise; learns the flows that an earlier run of the process left
Napi::Value Location::learn_past_flows(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  auto* const learning = new Learning(info.Env(), store_, find_cluster(info[0].ToNumber().Uint32Value()));
  learning->Queue();
  return learning->promise();
}

// expire(now, numbers)
Napi::Value Location::expire(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  bool more = false;
  const size_t removed = store_->table().expire(time_of(info[0]), kExpireNanoseconds, cursor_, more);
  info[1].As<Napi::Float64Array>()[0] = more ? 1 : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(removed));
}

// wantNews(lists): counts what happens to bindings from now on, and keeps it for news() or not
Napi::Value Location::want_news(const Napi::CallbackInfo& info) {
  if (is_open(info.Env())) store_->table().news().want(info[0].ToBoolean());
  return info.Env().Undefined();
}

// news(run, number, now, rows, room): writes the next part of what happened to bindings into `room`, as lines whose ids begin with `run` and
// count from `number`, and returns them as objects too if `rows`.
Napi::Value Location::news(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!is_open(env)) return {};
  const std::string run = from_latin1(info[0]);
  uint64_t number = time_of(info[1]);
  const uint64_t now = time_of(info[2]);
  const bool wants_rows = info[3].ToBoolean();
  auto room = info[4].As<Napi::Buffer<char>>();
  Napi::Object result = Napi::Object::New(env);
  if (news_.size() == 0) {
    BindingNewsQueue::Taken taken = store_->table().news().take();
    news_ = std::move(taken.list);
    Napi::Array counts = Napi::Array::New(env, taken.counts.size());
    for (uint32_t i = 0; i < taken.counts.size(); ++i) counts[i] = static_cast<double>(taken.counts[i]);
    result.Set("counts", counts);
    result.Set("lost", static_cast<double>(taken.lost));
    result.Set("suppressed", static_cast<double>(taken.suppressed));
  }
  Napi::Array rows = Napi::Array::New(env);
  lines_.clear();
  uint32_t count = 0;
  const uint64_t taken_at = wall_ms();
  BindingNews news;
  while (lines_.size() + kMostBindingLine <= room.Length() && news_.next(news)) {
    const uint64_t ago = taken_at - news.at;
    write_binding_line(news, run, number++, now - ago, lines_);
    if (wants_rows) rows[count] = row_of(env, news, ago);
    ++count;
  }
  result.Set("count", count);
  std::memcpy(room.Data(), lines_.data(), lines_.size());
  result.Set("octets", static_cast<double>(lines_.size()));
  if (wants_rows) result.Set("rows", rows);
  return result;
}

// flush(): errno. Another shard may have tried to write our changes, and failed.
Napi::Value Location::flush(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  int error = store_->flush();
  if (error == 0 && has_batch_ && failures_ != store_->journal().failures()) error = EIO;
  if (!has_flushed_) flushed_failures_ = has_batch_ ? failures_ : store_->journal().failures();
  has_flushed_ = true;
  has_batch_ = false;
  return Napi::Number::New(info.Env(), error);
}

// sync(): Promise of an errno, for what has been flushed
Napi::Value Location::sync(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  auto* const syncing = new Syncing(info.Env(), store_, has_flushed_ ? flushed_failures_ : store_->journal().failures());
  has_flushed_ = false;
  syncing->Queue();
  return syncing->promise();
}

// addresses(stripe): {aors, expiries}, two of these for each, the first and the last; undefined if there is no such stripe
Napi::Value Location::addresses(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  const Napi::Env env = info.Env();
  std::vector<BindingTable::AddressRow> found;
  if (!store_->table().addresses_of(info[0].ToNumber().Uint32Value(), found)) return env.Undefined();
  Napi::Array aors = Napi::Array::New(env, found.size());
  Napi::Float64Array expiries = Napi::Float64Array::New(env, found.size() * 2);
  for (uint32_t i = 0; i < found.size(); ++i) {
    aors[i] = to_latin1(env, found[i].aor);
    expiries[2 * i] = static_cast<double>(found[i].first);
    expiries[2 * i + 1] = static_cast<double>(found[i].last);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("aors", aors);
  result.Set("expiries", expiries);
  return result;
}

Napi::Value Location::counts(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  const StoreCounts counts = store_->counts();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("bindings", static_cast<double>(counts.bindings));
  result.Set("addresses", static_cast<double>(counts.addresses));
  result.Set("octets", static_cast<double>(counts.octets));
  result.Set("journalOctets", static_cast<double>(counts.journal));
  result.Set("failures", static_cast<double>(counts.failures));
  result.Set("snapshots", static_cast<double>(counts.snapshots));
  result.Set("longestLock", static_cast<double>(counts.longest_lock));
  result.Set("errno", counts.fault);
  result.Set("snapshotErrno", counts.snapshot_fault);
  return result;
}

Napi::Value Location::damaged(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  Napi::Array files = Napi::Array::New(info.Env());
  for (const DamagedFile& file : store_->damaged()) {
    Napi::Object one = Napi::Object::New(info.Env());
    one.Set("name", file.name);
    one.Set("at", static_cast<double>(file.at));
    one.Set("lost", static_cast<double>(file.lost));
    files.Set(files.Length(), one);
  }
  return files;
}

// hold(): an errno
Napi::Value Location::hold(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  return Napi::Number::New(info.Env(), store_->hold());
}

// lock(): a descriptor
Napi::Value Location::lock(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  return Napi::Number::New(info.Env(), store_->lock());
}

// goOn(): what is lost, in one line, or nothing
Napi::Value Location::go_on(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return {};
  return Napi::String::New(info.Env(), store_->go_on());
}

Napi::Value Location::settle(const Napi::CallbackInfo& info) {
  if (is_open(info.Env())) store_->settle();
  return info.Env().Undefined();
}

Napi::Value Location::close(const Napi::CallbackInfo& info) {
  const std::lock_guard<std::mutex> guard(stores_lock);
  store_.reset();
  return info.Env().Undefined();
}

}  // namespace sluice
