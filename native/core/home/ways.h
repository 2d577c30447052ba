// The ways to the devices that a request is for (RFC 3261 16.5, RFC 5626 7): the flows of an instance, or a plain Contact. A way that needs a
// name looked up is left to the object path; the rules are those of src/proxy/target.ts.
#pragma once

#include <array>
#include <initializer_list>
#include <utility>

#include "core/crypto/siphash.h"
#include "core/home/binding_table.h"
#include "core/sip/address.h"
#include "core/transport/transport.h"

namespace sluice {

// Whom a request is for.
struct Callee {
  Text aor;       // empty: nobody of ours, so it goes to an upstream
  Text instance;  // a GRUU names one of the devices (RFC 5627); empty: all of them
  Text life;      // of a temporary GRUU: write_gruu_life() of a binding of that device; empty: it is none
};

// Where a copy goes: over a flow, or to an address (a Path, or a Contact without one).
struct Way {
  uint64_t device = 0;    // the same for all flows of an instance
  uint64_t key = 0;       // of the binding, whose refresh keeps it
  uint64_t identity = 0;  // a refreshed binding is another way
  uint64_t updated = 0;
  uint16_t q = 0;         // thousandths
  Text binding;           // its key as text; empty: an upstream
  Text uri;               // the Request-URI of the copy
  Text flow;              // its id; empty: the address
  Text path;              // netstrings, the Route of the copy
  bool is_foreign = false;  // over a flow of another node, which judges it
  Address to;
  Transport transport = Transport::udp;
};

class Ways final : public BindingSink {
 public:
  static constexpr size_t kMost = 10;  // as many bindings as an address may have by default

  // Forgets what it has and receives the bindings of an address, then end(). `node`: which of those that share the store we are; empty: it is ours
  // alone. What `callee` and `node` name lives until then.
  void begin(const SipKey& key, const Callee& callee, Text node = Text()) noexcept;
  void end() noexcept;
  // What a way is called, and all that tells one from another. What a request has tried goes with it to the next process (context_image.h).
  static uint64_t hash(const SipKey& key, std::initializer_list<Text> parts) noexcept;

  // One that cannot be read.
  void miss() noexcept { is_plain_ = false; }
  void take(const Binding& binding) noexcept override;
  // One to an upstream, besides which there are no others. False: there is no room.
  bool add_upstream(Transport transport, const Address& to, Text uri) noexcept;
  // Way::key of that.
  uint64_t upstream_key(Transport transport, const Address& to) const noexcept;

  // False: the object path has to look.
  bool is_plain() const noexcept { return is_plain_ && count_ > 0; }
  // The most recent first, as it is the most likely to be alive; those that stayed silent a moment ago last. The table names the most recent
  // one last, which decides between those of the same millisecond.
  template <typename Silent>
  void sort(Silent&& was_silent) noexcept {
    for (size_t i = 0; i < count_; ++i) silent_[i] = was_silent(ways_[i].identity);
    for (size_t i = 1; i < count_; ++i)
      for (size_t at = i; at > 0 && goes_before(at, at - 1); --at) {
        std::swap(ways_[at], ways_[at - 1]);
        std::swap(silent_[at], silent_[at - 1]);
      }
  }

  size_t count() const noexcept { return count_; }
  const Way& at(size_t i) const noexcept { return ways_[i]; }

 private:
  static constexpr size_t kRoom = 8'192;

  bool goes_before(size_t one, size_t other) const noexcept {
    return silent_[one] != silent_[other] ? silent_[other] : ways_[one].updated >= ways_[other].updated;
  }
  bool read(const Binding& binding, Way& way) noexcept;
  uint64_t device_of(Text instance) noexcept;
  bool keep(Text text, Text& out) noexcept;
  uint64_t hash(std::initializer_list<Text> parts) const noexcept { return hash(key_, parts); }

  SipKey key_;
  Callee callee_;
  Text node_;
  std::array<Way, kMost> ways_;
  std::array<bool, kMost> silent_{};
  size_t count_ = 0;
  bool is_plain_ = true;
  bool has_life_ = false;
  Text instance_;        // whose hash device_ is; empty: none
  uint64_t device_ = 0;
  size_t used_ = 0;
  char texts_[kRoom];
};

}  // namespace sluice
