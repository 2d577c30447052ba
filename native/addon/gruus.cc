#include "gruus.h"

#include "latin1.h"
#include "tls/aes_gcm.h"

namespace sluice {
namespace {

constexpr size_t kKeyOctets = 32;
constexpr size_t kMost = 16'384;

}  // namespace

void Gruus::define(Napi::Env env, Napi::Object exports) { exports.Set("Gruus", DefineClass(env, "Gruus", {InstanceMethod<&Gruus::write>("write")})); }

// new Gruus(key)
Gruus::Gruus(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Gruus>(info), room_(kMost, '\0') {
  const auto key = info[0].As<Napi::Uint8Array>();
  std::unique_ptr<Sealer> sealer = key.ElementLength() == kKeyOctets ? make_aes_gcm(key.Data()) : nullptr;
  if (sealer == nullptr) Napi::TypeError::New(info.Env(), "not a key of 32 octets, or OpenSSL has no AES-256-GCM").ThrowAsJavaScriptException();
  else writer_ = std::make_unique<GruuWriter>(std::move(sealer));
}

// write(aor, key, callId, instance): the parameters, or undefined if they would be too long
Napi::Value Gruus::write(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string aor = from_latin1(info[0]), key = from_latin1(info[1]), call_id = from_latin1(info[2]), instance = from_latin1(info[3]);
  Binding binding;
  binding[Part::key] = key;
  binding[Part::call_id] = call_id;
  binding[Part::instance] = instance;
  Writer out(room_.data(), room_.size());
  return writer_ != nullptr && writer_->put(aor, binding, out) ? to_latin1(env, out.text()) : env.Undefined();
}

}  // namespace sluice
