#include "core/relay/own_output.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr ScanLimits kOwnLimits = [] {
  ScanLimits limits;
  limits.max_head = 65'535;
  limits.max_body = INT32_MAX;
  limits.max_uri = 65'535;
  limits.max_token = 65'535;
  limits.max_vias = 254;
  limits.max_routes = 254;
  limits.max_lines = kMaxLines;
  return limits;
}();

}  // namespace

bool scan_own_output(Text octets, Message& message) noexcept {
  message.is_framed = false;
  const size_t window = std::min<size_t>(octets.size(), kOwnLimits.max_head);
  const size_t head = find_head_end(octets.data(), window, 0);
  if (head == 0) return false;
  // A request sent as a datagram may lack Content-Length; nothing then follows it here.
  const ScanError error = scan(octets.data(), octets.size(), head, Carrier::stream, kOwnLimits, message);
  return error == ScanError::none || (error == ScanError::no_content_length && !message.top_via.empty());
}

}  // namespace sluice
