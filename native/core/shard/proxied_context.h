// The response context of a request (RFC 3261 16.7): its devices in the order of their q, those of equal q in parallel (16.6), each over one
// flow at a time (RFC 5626 7). It says what comes next, and proxying.h does it; the rules of src/proxy/response-context.ts.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "core/home/best_response.h"
#include "core/home/ways.h"

namespace sluice {

// If it was too long for any datagram.
constexpr int kTooLargeStatus = 513;

// One device.
struct Fork {
  enum class State : uint8_t { waiting, trying, over };
  uint64_t device = 0;   // Way::device
  uint32_t branch = 0;   // the client transaction that is tried; 0: none, also while the store is asked for a further way
  uint32_t breadth = 0;  // its part of Max-Breadth
  uint16_t q = 0;        // thousandths
  State state = State::waiting;
  bool looked_again = false;
  KeptOctets tried;      // the key of the binding that is tried, if we may remove it from a store that nodes share
  KeptOctets last;       // while that is asked: what the device has said
};

struct ProxiedContext {
  static constexpr size_t kMostForks = Ways::kMost, kMostWays = 16;
  struct Planned {
    uint64_t key = 0;  // Way::key and Way::identity
    uint64_t identity = 0;
    uint8_t fork = 0;
    bool is_tried = false;
  };

  std::array<Fork, kMostForks> forks;
  std::array<Planned, kMostWays> plan;
  uint8_t fork_count = 0;
  uint8_t planned = 0;
  bool closed = false;  // no further way is tried: cancelled, accepted or refused by a 6xx
  bool cancelled = false;
  bool flow_failed = false;  // a way could not be used
  bool too_large = false;    // a copy was longer than any datagram
  bool lacked_room = false;
  uint32_t free = 0;         // what is left of Max-Breadth (RFC 5393 5.3.3)
  BestResponse best;         // of the devices that have ended
  uint32_t place = 0;        // Reservations: what `best` takes from the share of the caller
  std::string instance, life;  // of the Callee
  bool was_decided = false;    // objects have admitted it

  std::span<Fork> all() noexcept { return {forks.data(), fork_count}; }
  std::span<const Fork> all() const noexcept { return {forks.data(), fork_count}; }
  // Makes the forks.
  void begin(const Ways& ways) noexcept;
  bool has_begun() const noexcept { return fork_count > 0; }
  // The next device to ring now, with its part of Max-Breadth; nullptr: none. Those of a lower q wait until all others have ended.
  Fork* next_to_start() noexcept;
  bool is_trying() const noexcept;
  // No device is left to be tried when this one has ended.
  bool is_last(const Fork& fork) const noexcept;
  void end(Fork& fork) noexcept;
  Fork* fork_of(uint32_t branch) noexcept;
  uint8_t number_of(const Fork& fork) const noexcept { return static_cast<uint8_t>(&fork - forks.data()); }
  // The ways in the order in which they were found, then those that the device has registered in the meantime (OB-7-21), once.
  const Way* next_way(Fork& fork, const Ways& ways) noexcept;
  bool has_other(const Fork& fork) const noexcept;
  // Whether a way with that Way::key was found at first.
  bool plans(uint64_t key) const noexcept {
    return std::any_of(plan.begin(), plan.begin() + planned, [key](const Planned& one) { return one.key == key; });
  }
};

}  // namespace sluice
