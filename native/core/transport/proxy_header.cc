#include "core/transport/proxy_header.h"

#include <cstring>

namespace sluice {
namespace {

constexpr Text kVersion1 = "PROXY ";
constexpr size_t kMaxVersion1 = 107;
constexpr Text kVersion2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixed2 = 16;

bool take_word(Text& line, Text& word) noexcept {
  const size_t blank = line.find(' ');
  word = line.substr(0, blank);
  line = blank == Text::npos ? Text() : line.substr(blank + 1);
  return !word.empty();
}

bool read_plain_port(Text text, uint16_t& port) noexcept {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return false;
  uint32_t value = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  port = static_cast<uint16_t>(value);
  return value <= 65'535;
}

ProxyRead read_version_1(Text octets, ProxyHeader& out) noexcept {
  const Text window = octets.substr(0, kMaxVersion1);
  const size_t end = window.find("\r\n");
  if (end == Text::npos) return octets.size() >= kMaxVersion1 ? ProxyRead::broken : ProxyRead::more;
  out.size = end + 2;
  Text line = window.substr(kVersion1.size(), end - kVersion1.size());
  Text family, client, server, client_port, server_port;
  take_word(line, family);
  if (family == "UNKNOWN") return ProxyRead::header;
  if (family != "TCP4" && family != "TCP6") return ProxyRead::broken;
  Address to;
  const bool words = !line.ends_with(' ') && take_word(line, client) && take_word(line, server) && take_word(line, client_port) && take_word(line, server_port) && line.empty();
  if (!words || !parse_ip(client, out.client) || !parse_ip(server, to)) return ProxyRead::broken;
  if (!read_plain_port(client_port, out.client.port) || !read_plain_port(server_port, to.port)) return ProxyRead::broken;
  if ((client.find(':') == Text::npos) != (family == "TCP4")) return ProxyRead::broken;
  out.has_client = true;
  return ProxyRead::header;
}

// The values after the addresses (2.2, 2.2.6): whether the TLS value is present and says that the client did not use TLS. False: not a
// valid list.
bool read_values(Text values, bool& came_clear) noexcept {
  constexpr char kSsl = 0x20;
  constexpr char kClientSsl = 0x01;
  while (!values.empty()) {
    if (values.size() < 3) return false;
    const size_t length = size_t{static_cast<uint8_t>(values[1])} << 8 | static_cast<uint8_t>(values[2]);
    if (values.size() < 3 + length) return false;
    if (values[0] == kSsl && length > 0) came_clear = (values[3] & kClientSsl) == 0;
    values.remove_prefix(3 + length);
  }
  return true;
}

ProxyRead read_version_2(Text octets, ProxyHeader& out) noexcept {
  if (octets.size() < kFixed2) return ProxyRead::more;
  const auto* head = reinterpret_cast<const uint8_t*>(octets.data());
  const size_t length = size_t{head[14]} << 8 | head[15];
  const uint8_t command = head[12] & 0x0f;
  if (head[12] >> 4 != 2 || command > 1 || kFixed2 + length > kMaxProxyHeader) return ProxyRead::broken;
  if (octets.size() < kFixed2 + length) return ProxyRead::more;
  out.size = kFixed2 + length;
  // LOCAL is a health check by the balancer; a family other than IPv4 and IPv6 names nobody.
  const uint8_t family = head[13] >> 4;
  if (command == 0 || (family != 1 && family != 2)) return ProxyRead::header;
  if ((head[13] & 0x0f) != 1 || length < (family == 1 ? 12u : 36u)) return ProxyRead::broken;
  const uint8_t* addresses = head + kFixed2;
  const uint8_t* ports = addresses + (family == 1 ? 8 : 32);
  if (family == 1) {
    static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(out.client.ip, kMapped, 12);
    std::memcpy(out.client.ip + 12, addresses, 4);
  } else {
    std::memcpy(out.client.ip, addresses, 16);
  }
  out.client.port = static_cast<uint16_t>(ports[0] << 8 | ports[1]);
  out.has_client = true;
  const size_t fixed = kFixed2 + (family == 1 ? 12 : 36);
  return read_values(octets.substr(fixed, out.size - fixed), out.came_clear) ? ProxyRead::header : ProxyRead::broken;
}

bool begins_as(Text octets, Text signature) noexcept {
  const size_t size = octets.size() < signature.size() ? octets.size() : signature.size();
  return octets.substr(0, size) == signature.substr(0, size);
}

}  // namespace

ProxyRead read_proxy_header(Text octets, ProxyHeader& out) noexcept {
  out = ProxyHeader{};
  for (Text signature : {kVersion1, kVersion2}) {
    if (!begins_as(octets, signature)) continue;
    if (octets.size() < signature.size()) return ProxyRead::more;
    return signature == kVersion1 ? read_version_1(octets, out) : read_version_2(octets, out);
  }
  return ProxyRead::absent;
}

}  // namespace sluice
