// Who is refused, with what status and how often, for the operator. Costs nothing for a message that is not refused. Bounded:
// when it is full, it forgets the one of a few candidates that was refused longest ago.
#pragma once

#include <array>
#include <memory>

#include "core/crypto/siphash.h"
#include "core/sip/address.h"

namespace sluice {

class RefusalTally {
 public:
  static constexpr size_t kPlaces = 1024;
  static constexpr size_t kWays = 8;

  struct Row {
    Address source;  // port 0
    uint16_t status = 0;
    uint32_t count = 0;  // 0: free
    uint32_t first = 0;  // tick
    uint32_t last = 0;   // tick
  };

  explicit RefusalTally(const SipKey& key) noexcept : key_(key) {}

  // Reads the status of a response from its first octets, "SIP/2.0 4".
  static bool is_refusal(Text response) noexcept { return response.size() > 10 && response[8] >= '4'; }
  void add(const Address& source, Text response, uint32_t tick) noexcept {
    add(source, static_cast<uint16_t>((response[8] - '0') * 100 + (response[9] - '0') * 10 + (response[10] - '0')), tick);
  }
  void add(const Address& source, uint16_t status, uint32_t tick) noexcept {
    if (!rows_) rows_ = std::make_unique<std::array<Row, kPlaces>>();
    Row& row = place_of(source, status, tick);
    if (row.count == 0) {
      row.source = source;
      row.source.port = 0;
      row.status = status;
      row.first = tick;
    }
    ++row.count;
    row.last = tick;
  }

  template <typename Take>
  void each(Take&& take) const {
    if (!rows_) return;
    for (const Row& row : *rows_)
      if (row.count != 0) take(row);
  }

 private:
  Row& place_of(const Address& source, uint16_t status, uint32_t tick) noexcept {
    const size_t group = (siphash(key_, source.ip, sizeof source.ip) + status * 31u) % (kPlaces / kWays) * kWays;
    Row* oldest = &(*rows_)[group];
    for (size_t i = group; i < group + kWays; ++i) {
      Row& row = (*rows_)[i];
      if (row.count != 0 && row.status == status && row.source.same_ip(source)) return row;
      if (row.count == 0 ? oldest->count != 0 : oldest->count != 0 && tick - row.last > tick - oldest->last) oldest = &row;
    }
    *oldest = Row{};
    return *oldest;
  }

  SipKey key_;
  std::unique_ptr<std::array<Row, kPlaces>> rows_;
};

}  // namespace sluice
