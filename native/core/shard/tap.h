// Where messages pass the operator's tap. Without one, each passage costs a pointer check.
#pragma once

#include "core/observe/wire_tap.h"
#include "core/shard/ground.h"
#include "core/shard/turn.h"

namespace sluice {

class Tap {
 public:
  explicit Tap(Ground& ground) noexcept : ground_(ground) {}

  bool on() const noexcept { return tap_ != nullptr; }
  // An empty list ends the tap. Whatever the old one still holds is lost: drain it first.
  void set(std::vector<TapFilter> filters) noexcept;
  std::vector<char> drain() noexcept;

  // The functions below require the tap to be on.
  [[gnu::cold]] void received(Item& item) noexcept;
  [[gnu::cold]] void sent(const Address& to, uint16_t listener, Text octets) noexcept;
  // A request leaves. `to_client`: for a flow, not for the core.
  [[gnu::cold]] void leaves(Item& item, bool to_client, const Address& to, uint16_t listener, Text head, Text body) noexcept;
  // A response leaves. `filters`: those that matched its request or the response itself.
  [[gnu::cold]] void answer(uint32_t filters, const ReturnPath& back, Text head, Text body) noexcept;
  uint32_t match(const Message& message) const noexcept { return tap_ != nullptr ? tap_->match(message) : 0; }

 private:
  Ground& ground_;
  std::unique_ptr<WireTap> tap_;
};

}  // namespace sluice
