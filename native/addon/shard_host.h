// A shard and the event loop of its worker thread. The thread waits in one place, the shard's epoll, with libuv's descriptor among the
// others: traffic for the shard never passes through libuv, and libuv runs when it has a timer, a descriptor or a message of its own.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>

#include "core/base/desk.h"
#include "core/shard/shard.h"
#include "core/shard/verdict_memory.h"
#include "cluster.h"
#include "haste.h"

namespace sluice {

class ShardHost : public Napi::ObjectWrap<ShardHost>, private UpgradeGate {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit ShardHost(const Napi::CallbackInfo& info);
  ~ShardHost() override;

 private:
  // What must live until libuv has released the handle, whatever happens to the JavaScript object.
  struct Running {
    uv_prepare_t prepare;
    uv_idle_t idle;
    int handles = 2;  // held by libuv
    uv_loop_t* loop = nullptr;
    std::shared_ptr<Cluster> cluster;
    std::unique_ptr<Shard> shard;
    ShardHost* host = nullptr;
    napi_env env = nullptr;
    napi_async_cleanup_hook_handle hook = nullptr;
    bool closing = false;
    bool frozen = false;            // its turn is another process's
    double stopped_at = 0;          // since then
    std::vector<MovingFlow> ahead;  // announced, not sent yet
    std::vector<char> image;        // empty: memory for the image, used once before all shards stand still
    std::unique_ptr<Desk> desk;     // instead of it, for a process that reads in place
    uint32_t draft_at = 0;          // slot
    bool is_handed_over = false;    // the other process may have begun to read
    int keep_error = 0;             // why the keeper cannot have its flows; an errno
    Haste haste;                    // while all wait for it
    uint32_t layout = kImageVersion;  // that the process which takes over reads
  };

  using Method = Napi::Value (ShardHost::*)(const Napi::CallbackInfo&, Shard&);
  // The only way from JavaScript to the shard: after close() every method throws.
  template <Method method>
  Napi::Value call(const Napi::CallbackInfo& info) {
    if (running_ != nullptr) return (this->*method)(info, *running_->shard);
    Napi::Error::New(info.Env(), "the shard is closed").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }

  Napi::Value start(const Napi::CallbackInfo& info);
  Napi::Value next(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value forget_verdicts(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value finish(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value message(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value source(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value custom_reply(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_upstreams(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_trusted(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value use_tls(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_upgrade_hook(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_keys(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value alerts(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value stop_accepting(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value start_accepting(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value pending(const Napi::CallbackInfo& info, Shard& shard);
  // object_path.cc
  Napi::Value arrival(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value new_branch(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value flow_token(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value neighbour_mark(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value flow_lives(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value send_to_flow(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value answer_flow(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value send_to_address(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value heard_us(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value refused_binding(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value answer_room(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value takes_stream(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value dial_phone(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value is_neighbour(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value core_listener(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value choose_upstreams(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value route_owner(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value note_silence(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value was_silent(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value bind_flow(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value note_register(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value reserve(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value release(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value take_events(const Napi::CallbackInfo& info, Shard& shard);
  // home_host.cc
  Napi::Value serve_registers(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value share_registers(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_store_clock(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value answer_registers(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value offer_logins(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value check_login(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value login_of(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value serve_requests(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value share_requests(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value answer_requests(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value take_request(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_requests(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value learn_ha1s(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value wipe_ha1s(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value start_ha1s(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_registers(const Napi::CallbackInfo& info, Shard& shard);
  void ask_stores(bool as_callback) noexcept;
  bool has_lookups() const noexcept;
  void tell(const Napi::FunctionReference& listener, napi_value (&arguments)[3], bool as_callback) noexcept;
  Napi::Value close(const Napi::CallbackInfo& info);

  // shard_inspect_host.cc
  Napi::Value flows(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value survey(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value ends(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value news(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value refusals(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value sample(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value token(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value upstreams(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_limits(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_names(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_bans(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value set_tap(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value tapped(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value close_flow(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value move_out(const Napi::CallbackInfo& info, Shard& shard);
  // shard_hand_over_host.cc
  void freeze() noexcept;
  void thaw() noexcept;
  Napi::Value announce(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value rehearse(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value heard(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value draft(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value pause(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value hand_over_flows(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value take_over(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value resume(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value settled(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value release_flows(const Napi::CallbackInfo& info, Shard& shard);
  // keeper_host.cc
  Napi::Value keep_flows(const Napi::CallbackInfo& info, Shard& shard);
  Napi::Value revive(const Napi::CallbackInfo& info, Shard& shard);
  UpgradeWord judge(const Upgrade& upgrade, const Address& client, uint16_t listener) noexcept override;

  static void on_prepare(uv_prepare_t* prepare);
  static void on_closed(uv_handle_t* handle);
  static void spin(Running* running) noexcept;
  void hand_over(unsigned count) noexcept;
  bool recall(unsigned count) noexcept;
  void report(napi_status status) noexcept;
  static void end(Running* running);
  static void on_environment_ends(napi_async_cleanup_hook_handle handle, void* running);

  Running* running_ = nullptr;
  Napi::Reference<Napi::Int32Array> records_;
  Napi::Reference<Napi::Int32Array> verdicts_;
  Napi::Reference<Napi::TypedArray> counters_;
  Napi::Reference<Napi::Int32Array> registers_;
  Napi::Reference<Napi::Int32Array> requests_;
  Napi::FunctionReference on_batch_;
  Napi::FunctionReference decide_;
  std::unique_ptr<VerdictMemory> said_;  // by decide_; none: it depends on more than the records
  Napi::FunctionReference on_upgrade_;
  Napi::FunctionReference on_saves_;
  Napi::FunctionReference on_lookups_;
};

}  // namespace sluice
