// Bindings and operations for the tests of the location store.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "core/home/binding_table.h"

namespace sluice::test {

// A binding that owns its octets.
struct KeptBinding {
  uint64_t expires = 0, updated = 0;
  uint32_t cseq = 0, reg_id = 0;
  uint16_t q = 0, flags = 0, payer = 0;
  std::string parts[kParts];

  KeptBinding() = default;
  explicit KeptBinding(const Binding& from)
      : expires(from.expires), updated(from.updated), cseq(from.cseq), reg_id(from.reg_id), q(from.q), flags(from.flags), payer(from.payer) {
    for (size_t i = 0; i < kParts; ++i) parts[i] = from.parts[i];
  }
  Binding view() const {
    Binding binding;
    binding.expires = expires;
    binding.updated = updated;
    binding.cseq = cseq;
    binding.reg_id = reg_id;
    binding.q = q;
    binding.flags = flags;
    binding.payer = payer;
    for (size_t i = 0; i < kParts; ++i) binding.parts[i] = parts[i];
    return binding;
  }
  std::string& operator[](Part part) { return parts[static_cast<size_t>(part)]; }
  const std::string& operator[](Part part) const { return parts[static_cast<size_t>(part)]; }
  bool operator==(const KeptBinding&) const = default;
  bool operator<(const KeptBinding& other) const { return (*this)[Part::key] < other[Part::key]; }
};

struct Found final : BindingSink {
  std::vector<KeptBinding> bindings;
  void take(const Binding& binding) noexcept override { bindings.emplace_back(binding); }
};

inline std::vector<KeptBinding> lookup(BindingTable& table, Text aor, uint64_t now) {
  Found found;
  table.lookup(aor, now, found);
  return found.bindings;
}

inline KeptBinding plain_binding(const std::string& host, uint64_t expires, uint32_t cseq = 1) {
  KeptBinding one;
  one.expires = expires;
  one.updated = 1;
  one.cseq = cseq;
  one.q = 1'000;
  one[Part::uri] = "sip:bob@" + host;
  one[Part::key] = "csip>bob>>" + host + ">>";
  one[Part::call_id] = "call";
  return one;
}

inline KeptBinding flow_binding(const std::string& instance, uint32_t reg_id, uint64_t expires, uint32_t cseq = 1) {
  KeptBinding one = plain_binding("192.0.2.1", expires, cseq);
  one.reg_id = reg_id;
  one.flags = kOutbound;
  one[Part::params] = ";reg-id=" + std::to_string(reg_id) + ";+sip.instance=\"<" + instance + ">\"";
  one[Part::instance] = instance;
  one[Part::key] = "f" + std::to_string(reg_id) + " " + instance;
  one[Part::path] = "27:<sip:token@192.0.2.9;lr;ob>";
  return one;
}

// Its parameters must outlive it.
inline RegisterOperation operation(Text aor, uint64_t now, const std::vector<KeptBinding>& put) {
  RegisterOperation one;
  one.aor = aor;
  one.call_id = put.empty() ? Text("call") : Text(put.front()[Part::call_id]);
  one.cseq = put.empty() ? 1 : put.front().cseq;
  one.max_contacts = 100;
  one.max_flows = 10;
  one.now = now;
  for (const KeptBinding& binding : put) one.put.push_back(binding.view());
  return one;
}

inline Outcome save(BindingTable& table, const RegisterOperation& operation) {
  Found after;
  return table.save(operation, after);
}

// A folder that is deleted at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/sluice-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TemporaryFolder() { [[maybe_unused]] const int status = std::system(("rm -rf " + path_).c_str()); }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace sluice::test
