#include "core/transport/websocket_handshake.h"

#include "core/sip/char_class.h"
#include "core/crypto/sha1.h"

namespace sluice {
namespace {

constexpr size_t kMaxFields = 64;
constexpr Text kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
constexpr Text kSip = "sip";

Text trimmed(Text text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the next part of a comma list, trimmed; false at the end.
bool take_part(Text& list, Text& part) noexcept {
  if (list.data() == nullptr) return false;
  const size_t comma = list.find(',');
  part = trimmed(list.substr(0, comma));
  list = comma == Text::npos ? Text() : list.substr(comma + 1);
  return true;
}

bool has_part(Text list, Text wanted, bool (*same)(Text, Text) noexcept) noexcept {
  for (Text part; take_part(list, part);)
    if (same(part, wanted)) return true;
  return false;
}

bool same_octets(Text a, Text b) noexcept { return a == b; }

bool is_base64_of_16(Text text) noexcept {
  if (text.size() != 24 || !text.ends_with("==")) return false;
  for (char c : text.substr(0, 22))
    if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '/') return false;
  return true;
}

size_t base64(const uint8_t* data, size_t size, char* out) noexcept {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t at = 0;
  for (size_t i = 0; i < size; i += 3) {
    const uint32_t group = uint32_t{data[i]} << 16 | (i + 1 < size ? uint32_t{data[i + 1]} << 8 : 0) | (i + 2 < size ? data[i + 2] : 0u);
    for (size_t k = 0; k < 4; ++k) out[at++] = i + k > size ? '=' : kAlphabet[group >> (18 - 6 * k) & 63];
  }
  return at;
}

bool is_listed(const std::vector<std::string>& list, Text value, bool (*same)(Text, Text) noexcept) noexcept {
  for (const std::string& one : list)
    if (same(one, value)) return true;
  return list.empty();
}

// What the handshake needs from the header fields.
struct Fields {
  unsigned hosts = 0, keys = 0, versions = 0, origins = 0, bodies = 0;
  bool upgrade = false, connection = false, version_13 = false, protocol = false;

  void take(Text name, Text value, Upgrade& out) noexcept {
    if (same_text(name, "Host")) {
      ++hosts;
    } else if (same_text(name, "Upgrade")) {
      upgrade = upgrade || has_part(value, "websocket", same_text);
    } else if (same_text(name, "Connection")) {
      connection = connection || has_part(value, "upgrade", same_text);
    } else if (same_text(name, "Sec-WebSocket-Key")) {
      ++keys;
      out.key = value;
    } else if (same_text(name, "Sec-WebSocket-Version")) {
      ++versions;
      version_13 = value == "13";
    } else if (same_text(name, "Sec-WebSocket-Protocol")) {
      protocol = protocol || has_part(value, kSip, same_octets);
    } else if (same_text(name, "Origin")) {
      ++origins;
      out.origin = value;
    } else if (same_text(name, "Transfer-Encoding") || (same_text(name, "Content-Length") && value != "0")) {
      ++bodies;
    }
  }
};

// "GET /path HTTP/1.1". Returns 0, or the status that answers the fault.
int read_request_line(Text line, Upgrade& out) noexcept {
  const size_t blank = line.find(' ');
  const size_t last = line.rfind(' ');
  if (blank == Text::npos || last == blank) return 400;
  out.target = line.substr(blank + 1, last - blank - 1);
  if (out.target.empty() || out.target.front() != '/') return 400;
  for (char c : out.target)
    if (is_control(c) || c == ' ' || static_cast<uint8_t>(c) > 0x7e) return 400;
  const Text version = line.substr(last + 1);
  if (!version.starts_with("HTTP/")) return 400;
  if (version != "HTTP/1.1") return 505;
  return line.substr(0, blank) == "GET" ? 0 : 405;
}

Text phrase(int status) noexcept {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return status < 500 ? "Bad Request" : "Server Error";
  }
}

}  // namespace

UpgradeRead read_upgrade(Text octets, const UpgradeRules& rules, Upgrade& out) noexcept {
  out = Upgrade{};
  const Text window = octets.substr(0, kMaxHandshake);
  const size_t end = window.find("\r\n\r\n");
  if (end == Text::npos) {
    if (octets.size() >= kMaxHandshake) return out.status = 431, UpgradeRead::whole;
    // This cannot become a request that deserves 101, so do not wait for more.
    constexpr Text kGet = "GET /";
    return window.substr(0, kGet.size()) == kGet.substr(0, window.size()) ? UpgradeRead::more : UpgradeRead::whole;
  }
  out.head = window.substr(0, end + 4);
  Text left = window.substr(0, end + 2);
  Fields fields;
  bool first = true;
  for (size_t count = 0; !left.empty(); ++count) {
    const size_t line_end = left.find("\r\n");
    const Text line = left.substr(0, line_end);
    left.remove_prefix(line_end + 2);
    if (count > kMaxFields) return out.status = 431, UpgradeRead::whole;
    for (char c : line)
      if (is_control(c) && c != '\t') return UpgradeRead::whole;
    if (first) {
      if (const int fault = read_request_line(line, out); fault != 0) return out.status = fault, UpgradeRead::whole;
      first = false;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == 0 || colon == Text::npos || !all_of_class(line.substr(0, colon), kChar_token)) return UpgradeRead::whole;
    fields.take(line.substr(0, colon), trimmed(line.substr(colon + 1)), out);
  }
  const Text path = out.target.substr(0, out.target.find('?'));
  if (!is_listed(rules.paths, path, same_octets)) out.status = 404;
  else if (!fields.upgrade || !fields.connection || (fields.versions == 1 && !fields.version_13)) out.status = 426;
  else if (fields.hosts != 1 || fields.keys != 1 || fields.versions != 1 || fields.origins > 1 || fields.bodies > 0 || !is_base64_of_16(out.key)) out.status = 400;
  else if (!is_listed(rules.origins, out.origin, same_text)) out.status = 403;
  else if (!fields.protocol) out.status = 400;  // RFC 7118 4.1
  else out.status = 101;
  return UpgradeRead::whole;
}

void write_upgrade_answer(const Upgrade& upgrade, int status, Text reason, Text headers, Writer& out) noexcept {
  out.put("HTTP/1.1 ");
  out.put_number(static_cast<uint64_t>(status));
  out.put(' ');
  out.put(reason.empty() ? phrase(status) : reason);
  out.put("\r\n");
  if (status != 101) {
    if (status == 405) out.put("Allow: GET\r\n");
    if (status == 426) out.put("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n");
    out.put(headers);
    out.put("Connection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  char hashed[60];
  upgrade.key.copy(hashed, 24);
  kGuid.copy(hashed + 24, kGuid.size());
  const auto digest = sha1(Text(hashed, sizeof hashed));
  char accept[28];
  out.put("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  out.put(Text(accept, base64(digest.data(), digest.size(), accept)));
  out.put("\r\nSec-WebSocket-Protocol: sip\r\n");
  out.put(headers);
  out.put("\r\n");
}

}  // namespace sluice
