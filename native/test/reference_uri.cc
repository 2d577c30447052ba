// URIs of the reference parser.
#include <algorithm>
#include <map>

#include "reference_parser.h"
#include "reference_text.h"

namespace sluice::test {

namespace reference {

namespace {

const string kUnreserved = kAlnum + "-_.!~*'()";
const char kEscape = '\1';  // stands for a whole %HH

bool is_host(const string& host) {
  if (host.empty()) return false;
  if (host[0] == '[') {
    if (host.back() != ']' || host.size() < 3) return false;
    const string inside = host.substr(1, host.size() - 2);
    return only(inside, "0123456789abcdefABCDEF:.") && std::count(inside.begin(), inside.end(), ':') >= 2;
  }
  return only(host, kAlnum + "-._") && host[0] != '.' && host[0] != '-' && host.find("..") == string::npos;
}

bool is_port(const string& port) {
  if (port.empty() || !only(port, "0123456789")) return false;
  const string digits = port.substr(std::min(port.find_first_not_of('0'), port.size()));
  return !digits.empty() && digits.size() <= 5 && std::stol(digits) <= 65535;
}

}  // namespace

bool is_host_port(const string& text, bool lws) {
  const size_t behind = text.empty() || text[0] != '[' ? 0 : text.find(']');
  const size_t colon = behind == string::npos ? string::npos : text.find(':', behind);
  if (colon == string::npos) return is_host(text);
  string host = text.substr(0, colon), port = text.substr(colon + 1);
  if (lws) {
    host = trimmed(host);
    port = trimmed(port);
  }
  // In a URI, the grammar also allows port 0.
  return is_host(host) && (is_port(port) || (!lws && !port.empty() && only(port, "0")));
}

}  // namespace reference

using namespace reference;

bool is_reference_uri(const string& text) {
  const size_t colon = text.find(':');
  if (colon == string::npos || colon == 0) return false;
  const string scheme = lowered(text.substr(0, colon));
  string rest = text.substr(colon + 1);
  if (!only(scheme, kAlnum + "+-.") || !only(scheme.substr(0, 1), kAlnum) || only(scheme.substr(0, 1), "0123456789")) return false;
  if (scheme != "sip" && scheme != "sips") {
    for (char c : rest)
      if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '<' || c == '>' || c == '"') return false;
    return !rest.empty();
  }
  if (rest.find(kEscape) != string::npos) return false;
  for (size_t at; (at = rest.find('%')) != string::npos;) {
    if (at + 2 >= rest.size() || !only(rest.substr(at + 1, 2), "0123456789abcdefABCDEF")) return false;
    rest.replace(at, 3, 1, kEscape);
  }
  const string escapable = kUnreserved + kEscape;
  const size_t at = rest.rfind('@');
  if (at != string::npos) {
    const string user_info = rest.substr(0, at);
    rest.erase(0, at + 1);
    const size_t pass = user_info.find(':');
    const string user = user_info.substr(0, pass);
    if (user.empty() || !only(user, escapable + "&=+$,;?/#")) return false;
    if (pass != string::npos && !only(user_info.substr(pass + 1), escapable + "&=+$,")) return false;
  }
  const size_t question = rest.find('?');
  if (question != string::npos) {
    const string headers = rest.substr(question + 1);
    if (headers.empty() || !only(headers, escapable + "[]/?:+$=&")) return false;
    rest.erase(question);
  }
  std::map<string, int> seen;
  size_t semicolon = rest.find(';');
  const string host_port = rest.substr(0, semicolon);
  while (semicolon != string::npos) {
    const size_t next = rest.find(';', semicolon + 1);
    const string param = rest.substr(semicolon + 1, next == string::npos ? next : next - semicolon - 1);
    const size_t equals = param.find('=');
    const string name = param.substr(0, equals);
    if (name.empty() || !only(name, escapable + "[]/:&+$")) return false;
    if (equals != string::npos && (equals + 1 == param.size() || !only(param.substr(equals + 1), escapable + "[]/:&+$"))) return false;
    const string low = lowered(name);
    for (const char* known : {"lr", "ob", "ttl", "user", "maddr", "method", "transport"})
      if (low == known && ++seen[low] > 1) return false;
    semicolon = next;
  }
  return is_host_port(host_port, false);
}

}  // namespace sluice::test
