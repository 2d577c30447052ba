#include "kept_answers_host.h"

#include "latin1.h"

namespace sluice {
namespace {

size_t number_of(const Napi::Value& value) { return static_cast<size_t>(value.ToNumber().Int64Value()); }

}  // namespace

void KeptAnswersHost::define(Napi::Env env, Napi::Object exports) {
  exports.Set("KeptAnswers", DefineClass(env, "KeptAnswers",
                                         {
                                             InstanceMethod<&KeptAnswersHost::add>("add"),
                                             InstanceMethod<&KeptAnswersHost::get>("get"),
                                             InstanceMethod<&KeptAnswersHost::sweep>("sweep"),
                                             InstanceMethod<&KeptAnswersHost::all>("all"),
                                             InstanceMethod<&KeptAnswersHost::size>("size"),
                                         }));
}

// new KeptAnswers(most, mostOctets)
KeptAnswersHost::KeptAnswersHost(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<KeptAnswersHost>(info), answers_(random_sip_key(), number_of(info[0]), number_of(info[1])) {}

// add(key, octets, flow, until)
Napi::Value KeptAnswersHost::add(const Napi::CallbackInfo& info) {
  const std::string key = from_latin1(info[0]), flow = from_latin1(info[2]);
  const auto octets = info[1].As<Napi::Uint8Array>();
  answers_.add({key, flow, Text(reinterpret_cast<const char*>(octets.Data()), octets.ByteLength()), info[3].ToNumber().DoubleValue()});
  return info.Env().Undefined();
}

// get(key): [octets, flow], the octets as a latin1 string; undefined: it is unknown
Napi::Value KeptAnswersHost::get(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string key = from_latin1(info[0]);
  KeptAnswers::Answer answer;
  if (!answers_.find(key, answer)) return env.Undefined();
  Napi::Array result = Napi::Array::New(env, 2);
  result[0u] = to_latin1(env, answer.octets);
  result[1u] = to_latin1(env, answer.flow);
  return result;
}

// sweep(now)
Napi::Value KeptAnswersHost::sweep(const Napi::CallbackInfo& info) {
  answers_.sweep(info[0].ToNumber().DoubleValue());
  return info.Env().Undefined();
}

// all(least): [key, octets, flow, until] of each that is kept for longer than until `least`
Napi::Value KeptAnswersHost::all(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double least = info[0].ToNumber().DoubleValue();
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = 0;
  answers_.each([&](const KeptAnswers::Answer& answer) {
    if (answer.until <= least) return;
    Napi::Array one = Napi::Array::New(env, 4);
    one[0u] = to_latin1(env, answer.key);
    one[1u] = to_latin1(env, answer.octets);
    one[2u] = to_latin1(env, answer.flow);
    one[3u] = Napi::Number::New(env, answer.until);
    result[count++] = one;
  });
  return result;
}

Napi::Value KeptAnswersHost::size(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(answers_.size())); }

}  // namespace sluice
