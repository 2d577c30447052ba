// TLS certificates, keys and rules, from the PEM texts that the configuration names.
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
  std::vector<Pair> pairs;    // the first is for clients that name no server; none: no connection can be accepted
  std::string authorities;
  ClientCertificate client = ClientCertificate::off;
  std::string ticket_key;     // 80 octets, the same in all shards, so that any of them can resume a session
  bool own_records = false;   // connections leave OpenSSL once the handshake is complete
};

// nullptr: something in `material` is invalid; `fault` says what.
std::unique_ptr<TlsProvider> make_tls_provider(const TlsMaterial& material, std::string& fault) noexcept;

}  // namespace sluice
