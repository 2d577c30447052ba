// Who is refused, with what status and how often, for the operator. Costs nothing for a message that is not refused. Bounded:
// when it is full, it forgets the one of a few candidates that was refused longest ago.
#pragma once

#include <array>
#include <memory>

#include "core/base/bytes.h"
#include "core/base/counters.h"
#include "core/crypto/siphash.h"
#include "core/sip/address.h"
#include "core/sip/plain_aor.h"

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
    uint8_t who_size = 0;
    char who_text[kMaxPlainAor];

    // Who the refused request said it was from; of the last, or of one that came within the same tick. Nobody has proved it.
    Text who() const noexcept { return Text(who_text, who_size); }
  };

  RefusalTally(const SipKey& key, Counters& counters) noexcept : key_(key), counters_(counters) {}

  // Reads the status of a response from its first octets, "SIP/2.0 4".
  static bool is_refusal(Text response) noexcept { return response.size() > 10 && response[8] >= '4'; }
  void add(const Address& source, Text response, uint32_t tick) noexcept {
    const auto status = static_cast<uint16_t>((response[8] - '0') * 100 + (response[9] - '0') * 10 + (response[10] - '0'));
    if (!rows_) rows_ = std::make_unique<std::array<Row, kPlaces>>();
    Row& row = place_of(source, status, tick);
    // Once a tick is enough for the operator, and a flood cannot make it more.
    if (row.count == 0 || row.last != tick) row.who_size = static_cast<uint8_t>(write_plain_aor(from_of(response), row.who_text));
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
  // The value of From; of a response it is that of the request (RFC 3261 8.2.6.2). Empty: not among the first headers, or folded.
  static Text from_of(Text response) noexcept {
    constexpr size_t kMost = 4096;
    response = response.substr(0, kMost);
    for (size_t at = response.find('\n'); at != Text::npos; at = response.find('\n', at + 1)) {
      const Text line = response.substr(at + 1, response.find('\r', at + 1) - at - 1);
      const size_t colon = line.find(':');
      if (colon == Text::npos) continue;
      Text name = line.substr(0, colon);
      while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
      if (same_text(name, "from") || same_text(name, "f")) return line.substr(colon + 1);
    }
    return Text();
  }

  // A row of others is taken when there is no free one.
  Row& place_of(const Address& source, uint16_t status, uint32_t tick) noexcept {
    const size_t group = (siphash(key_, source.ip, sizeof source.ip) + status * 31u) % (kPlaces / kWays) * kWays;
    Row* oldest = &(*rows_)[group];
    for (size_t i = group; i < group + kWays; ++i) {
      Row& row = (*rows_)[i];
      if (row.count != 0 && row.status == status && row.source.same_ip(source)) return row;
      if (row.count == 0 ? oldest->count != 0 : oldest->count != 0 && tick - row.last > tick - oldest->last) oldest = &row;
    }
    counters_.add(oldest->count == 0 ? Counter::refused_sources : Counter::refused_sources_forgotten);
    *oldest = Row{};
    return *oldest;
  }

  SipKey key_;
  Counters& counters_;
  std::unique_ptr<std::array<Row, kPlaces>> rows_;
};

}  // namespace sluice
