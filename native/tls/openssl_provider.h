// Certificates, keys and rules of TLS, from the PEM texts that the configuration named.
#pragma once

#include <array>
#include <string>

#include "core/transport/tls_session.h"

namespace sluice {

enum class ClientCertificate : uint8_t { off, optional, require };

struct TlsMaterial {
  struct Pair {
    std::string certificate;  // with its chain
    std::string key;
  };
  std::vector<Pair> pairs;    // the first serves whoever names nobody; none: nothing can be accepted
  std::string authorities;
  ClientCertificate client = ClientCertificate::off;
  std::string ticket_key;     // 80 octets, the same in all shards, so that a session resumes in any of them
};

// nullptr with the reason when something in it is no good.
std::unique_ptr<TlsProvider> make_tls_provider(const TlsMaterial& material, std::string& fault) noexcept;

}  // namespace sluice
