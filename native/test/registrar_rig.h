// A shard that decides REGISTERs by numbers over a store of its own, and what a client asks it.
#pragma once

#include "bindings.h"
#include "core/home/binding_store.h"
#include "shard_rig.h"

namespace sluice::registering_test {
using namespace test;

constexpr Text kInstance = "urn:uuid:00000000-0000-1000-8000-00000000000a";

// Stands in for OpenSSL, which the core does not include.
class Turned final : public Sealer {
 public:
  bool seal(const uint8_t (&iv)[kIv], Text clear, uint8_t* out) noexcept override {
    for (size_t i = 0; i < clear.size(); ++i) out[i] = static_cast<uint8_t>(clear[i]) ^ 0xFF;
    for (size_t i = 0; i < kTag; ++i) out[clear.size() + i] = iv[i % kIv];
    return true;
  }
};

inline std::shared_ptr<BindingStore> opened(const std::string& folder) {
  BindingStore::Opened opened = BindingStore::open(folder, {1'000, 1 << 20}, 0);
  CHECK(opened.store != nullptr);
  return std::move(opened.store);
}

struct Asked {
  int number = 1;  // of its transaction and CSeq
  int cseq = 0;    // unless 0, instead of `number`
  std::string contact = "<sip:bob@192.0.2.7>;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00000000000A>\"";
  std::string lines = "Supported: path, outbound\r\n";
  std::string transport = "UDP";
  std::string text() const {
    return "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/" + transport + " 10.0.0.1:5060;rport;branch=z9hG4bKr" + std::to_string(number) +
           "\r\nMax-Forwards: 70\r\nf: <sip:bob@example.com>;tag=1\r\nTO : <sip:bob@example.com>\r\nCall-ID: c\r\nCSeq: " + std::to_string(cseq == 0 ? number : cseq) +
           " REGISTER\r\nContact: " + contact + "\r\n" + lines + "Content-Length: 0\r\n\r\n";
  }
};

class RegistrarRig : public ShardRig {
 public:
  explicit RegistrarRig(const std::string& folder, const Change& change = nullptr)
      : ShardRig([&](EdgeConfig& config) {
          config.home = true;
          if (change) change(config);
        }),
        store(opened(folder)) {
    (*this)->registering().open(store, 0, std::make_unique<Turned>(), rows);
    configure(2);
    policy = [this](unsigned i, const int32_t* record, int32_t* verdict) {
      const int32_t* const row = rows + i * k_register_fields;
      states.push_back(static_cast<RegisterState>(row[kRegister_state]));
      whos.push_back(row[kRegister_who]);
      const bool is_read = states.back() == RegisterState::open || states.back() == RegisterState::answered || states.back() == RegisterState::refused;
      verdict[kVerdict_action] = static_cast<int32_t>(is_read ? Action::register_ : Action::object);
      verdict[kVerdict_target] = row[kRegister_asked] < 0 ? 3'600 : row[kRegister_asked];
      const auto flags = static_cast<uint32_t>(row[kRegister_flags]);
      verdict[kVerdict_edits] = static_cast<int32_t>(((flags & kAsk_flow) != 0 ? kGrant_outbound | kGrant_require_outbound : 0u) | ((flags & kAsk_supports_gruu) != 0 ? kGrant_gruu : 0u));
      verdict[kVerdict_flow_timer] = record[kRecord_from_core] ? 0 : 90;
      return true;
    };
  }
  void configure(uint32_t max_contacts, bool is_open = false) {
    RegisterSettings settings;
    settings.is_open = is_open;
    settings.domains.add("example.com", "example.com");
    settings.max_contacts = max_contacts;
    settings.max_flows = 2;
    settings.keep_seconds = 30;
    settings.supported = "path, outbound";
    (*this)->registering().configure(std::move(settings));
  }
  std::string ask(const Peer& peer, const Asked& asked) {
    peer.send(asked.text());
    return hear(peer, "\r\n\r\n");
  }
  std::vector<KeptBinding> bindings() { return lookup(store->table(), "sip:bob@example.com", 0); }

  std::shared_ptr<BindingStore> store;
  int32_t rows[k_batch_size * k_register_fields] = {};
  std::vector<RegisterState> states;
  std::vector<int32_t> whos;
};

}  // namespace sluice::registering_test
