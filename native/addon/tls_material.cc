#include "tls_material.h"

namespace sluice {

TlsMaterial read_tls_material(const Napi::Object& from) {
  TlsMaterial material;
  const auto pairs = from.Get("pairs").As<Napi::Array>();
  for (uint32_t i = 0; i < pairs.Length(); ++i) {
    const auto pair = Napi::Value(pairs[i]).As<Napi::Object>();
    material.pairs.push_back({pair.Get("certificate").ToString(), pair.Get("key").ToString()});
  }
  material.authorities = from.Get("authorities").ToString();
  const std::string client = from.Get("clientCertificate").ToString();
  material.client = client == "require" ? ClientCertificate::require : client == "optional" ? ClientCertificate::optional : ClientCertificate::off;
  material.own_records = from.Get("ownRecords").ToBoolean();
  const auto key = from.Get("ticketKey").As<Napi::Uint8Array>();
  material.ticket_key.assign(reinterpret_cast<const char*>(key.Data()), key.ElementLength());
  return material;
}

}  // namespace sluice
