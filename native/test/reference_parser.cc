#include "reference_parser.h"

#include <map>

#include "reference_text.h"

namespace sluice::test {

using namespace reference;

namespace {

// Splits at `separator` outside quoted strings and, if asked, outside angle brackets. False: a quoted string does not end.
bool split(const string& text, char separator, bool brackets, std::vector<string>& out) {
  out.assign(1, "");
  bool quoted = false, in_brackets = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      out.back() += c;
      out.back() += text[++i];
      continue;
    }
    if (c == '"' && !in_brackets) quoted = !quoted;
    if (!quoted && brackets && c == '<') in_brackets = true;
    if (!quoted && brackets && c == '>') in_brackets = false;
    if (c == separator && !quoted && !in_brackets) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return !quoted;
}

bool is_quoted(const string& text) {
  if (text.size() < 2 || text[0] != '"' || text.back() != '"') return false;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '"') return false;
    if (text[i] == '\\' && ++i + 1 >= text.size()) return false;
  }
  return true;
}

bool read_params(const std::vector<string>& pieces, std::vector<std::pair<string, string>>& out) {
  for (size_t i = 1; i < pieces.size(); ++i) {
    const string piece = trimmed(pieces[i]);
    const size_t equals = piece.find('=');
    const string name = trimmed(piece.substr(0, equals));
    if (!token(name)) return false;
    string value;
    if (equals != string::npos) {
      value = trimmed(piece.substr(equals + 1));
      if (!is_quoted(value) && (value.empty() || !only(value, kToken + "[]:"))) return false;
    }
    out.emplace_back(lowered(name), value);
  }
  return true;
}

bool read_address(const string& whole, bool must_bracket, string* tag) {
  std::vector<string> pieces;
  std::vector<std::pair<string, string>> params;
  if (!split(unfolded(whole), ';', true, pieces) || !read_params(pieces, params)) return false;
  const string address = trimmed(pieces[0]);
  string uri = address;
  const bool quoted = !address.empty() && address[0] == '"';
  size_t open = address.find('<');
  if (quoted) {
    size_t i = 1;
    while (i < address.size() && address[i] != '"') i += address[i] == '\\' ? 2 : 1;
    if (i >= address.size()) return false;
    open = address.find_first_not_of(" \t", i + 1);
    if (open == string::npos || address[open] != '<') return false;
  } else if (open != string::npos && !only(address.substr(0, open), kToken + " \t")) {
    return false;
  }
  if (open != string::npos) {
    if (address.find('>', open) != address.size() - 1) return false;
    uri = address.substr(open + 1, address.size() - open - 2);
  } else if (must_bracket || uri.find_first_of(",? \t\"") != string::npos) {
    return false;
  }
  if (!is_reference_uri(uri)) return false;
  int tags = 0;
  for (const auto& [name, value] : params) {
    if (name != "tag" || tag == nullptr) continue;
    if (++tags > 1 || !token(value)) return false;
    *tag = value;
  }
  return true;
}

bool read_via(const string& whole, string& branch) {
  std::vector<string> pieces;
  std::vector<std::pair<string, string>> params;
  if (!split(unfolded(whole), ';', false, pieces) || !read_params(pieces, params)) return false;
  const string head = trimmed(pieces[0]);
  const size_t first = head.find('/'), second = first == string::npos ? first : head.find('/', first + 1);
  if (second == string::npos) return false;
  if (!token(trimmed(head.substr(0, first))) || !token(trimmed(head.substr(first + 1, second - first - 1)))) return false;
  const string rest = trimmed(head.substr(second + 1));
  const size_t blank = rest.find_first_of(" \t");
  if (blank == string::npos || !token(rest.substr(0, blank)) || !is_host_port(trimmed(rest.substr(blank)), true)) return false;
  std::map<string, int> seen;
  for (const auto& [name, value] : params) {
    if (name != "branch" && name != "received" && name != "maddr" && name != "rport" && name != "keep") continue;
    if (++seen[name] > 1) return false;
    if ((name == "received" || name == "maddr") && value.empty()) return false;
    if (name != "branch") continue;
    if (!token(value)) return false;
    branch = value;
  }
  return true;
}

string long_name(const string& name) {
  const string low = lowered(name);
  const std::map<string, string> compact = {{"v", "via"}, {"f", "from"}, {"t", "to"}, {"i", "call-id"}, {"l", "content-length"}};
  const auto found = compact.find(low);
  return found == compact.end() ? low : found->second;
}

// Walks the head octet by octet: no bare CR or LF, and control octets only after a backslash in a quoted string of their line.
bool octets_are_legal(const string& head) {
  bool quoted = false;
  for (size_t i = 0; i < head.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(head[i]);
    if (c == '\r') {
      if (i + 1 >= head.size() || head[i + 1] != '\n') return false;
      if (i + 2 >= head.size() || (head[i + 2] != ' ' && head[i + 2] != '\t')) quoted = false;
      ++i;
    } else if (c == '\n') {
      return false;
    } else if (quoted && c == '\\') {
      const char next = i + 1 < head.size() ? head[i + 1] : '\n';
      if (next != '\r' && next != '\n') ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if ((c < 0x20 && c != '\t') || c == 0x7F) {
      return false;
    }
  }
  return true;
}

// The same for a line whose quoted string never ends: then nothing in it counts as quoted.
bool has_control_in_open_quote(const string& line) {
  bool quoted = false, control = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(line[i]);
    if (quoted && c == '\\') {
      const char next = i + 1 < line.size() ? line[i + 1] : '\r';
      if (next == '\r') continue;
      ++i;
      if ((static_cast<unsigned char>(next) < 0x20 && next != '\t') || next == 0x7F) control = true;
    } else if (c == '"') {
      quoted = !quoted;
      if (!quoted) control = false;
    }
  }
  return quoted && control;
}

bool digits(const string& text) { return !text.empty() && only(text, "0123456789"); }

string without_zeros(const string& text) {
  const size_t at = text.find_first_not_of('0');
  return at == string::npos ? "0" : text.substr(at);
}

bool is_version(const string& text) {
  const size_t dot = text.find('.');
  return lowered(text.substr(0, 4)) == "sip/" && dot != string::npos && digits(text.substr(4, dot - 4)) && digits(text.substr(dot + 1));
}

// Returns whether the line is valid; `speaks_sip` says whether it mentions SIP at all.
bool read_start_line(const string& line, ReferenceMessage& out, bool& speaks_sip) {
  speaks_sip = true;
  std::vector<string> parts(1);
  for (char c : line) {
    if (c == ' ') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (lowered(line.substr(0, 4)) == "sip/") {
    out.is_request = false;
    if (lowered(parts[0]) != "sip/2.0" || parts.size() < 2 || parts[1].size() != 3 || !digits(parts[1])) return false;
    out.status = std::stoi(parts[1]);
    return out.status >= 100 && out.status <= 699;
  }
  out.is_request = true;
  const string shown = trimmed(line, " \t");
  const size_t last = shown.find_last_of(" \t");
  if (parts.size() == 3 && token(parts[0]) && lowered(parts[2]) == "sip/2.0" && line.find('\t') == string::npos && is_reference_uri(parts[1])) {
    out.method = parts[0];
    out.uri = parts[1];
    const string scheme = lowered(parts[1].substr(0, parts[1].find(':')));
    const size_t at = parts[1].find('@');
    if (scheme == "tel" || scheme == "urn") return true;
    if (scheme == "sip" || scheme == "sips") return parts[1].find('?', at == string::npos ? 0 : at) == string::npos;
  }
  speaks_sip = is_version(last == string::npos ? shown : shown.substr(last + 1));
  return false;
}

}  // namespace

ReferenceMessage read_reference(const string& head) {
  ReferenceMessage out;
  out.framed = octets_are_legal(head);
  // A CRLF ends a line unless a blank follows; a blank never joins a line to the start line.
  std::vector<string> lines(1);
  for (size_t i = 0; i + 2 < head.size(); ++i) {
    if (head[i] == '\r' && head[i + 1] == '\n') {
      if (lines.size() > 1 && (head[i + 2] == ' ' || head[i + 2] == '\t')) {
        lines.back() += "\r\n";
      } else {
        lines.emplace_back();
      }
      ++i;
    } else {
      lines.back() += head[i];
    }
  }
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (const string& line : lines)
    if (has_control_in_open_quote(line)) out.framed = false;
  bool speaks_sip = false;
  bool sound = read_start_line(lines.empty() ? "" : lines[0], out, speaks_sip);
  if (!speaks_sip) out.framed = false;
  std::map<string, int> seen;
  string cseq_method;
  int lengths = 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t colon = lines[i].find(':');
    const string name = trimmed(lines[i].substr(0, colon), " \t");
    if (colon == string::npos || !token(name) || lines[i][0] == ' ' || lines[i][0] == '\t') {
      out.framed = false;
      continue;
    }
    const string value = trimmed(lines[i].substr(colon + 1));
    const string plain = unfolded(value);
    out.fields.push_back({name, value});
    const string id = long_name(name);
    const bool again = ++seen[id] > 1;
    if (again && (id == "from" || id == "to" || id == "call-id" || id == "cseq" || id == "max-forwards")) sound = false;
    std::vector<string> values;
    if (id == "via") {
      if (!split(value, ',', false, values)) sound = false;
      for (const string& one : values) {
        string branch;
        if (!read_via(one, branch)) sound = false;
        if (out.vias++ == 0) {
          out.top_via = trimmed(one);
          if (lowered(branch) == "z9hg4bk") sound = false;
        }
      }
    } else if (id == "route") {
      if (!split(value, ',', true, values)) sound = false;
      for (const string& one : values) {
        if (!read_address(one, true, nullptr)) sound = false;
        ++out.routes;
      }
    } else if (id == "from") {
      if (!read_address(value, false, &out.from_tag)) sound = false;
    } else if (id == "to") {
      if (!read_address(value, false, &out.to_tag)) sound = false;
    } else if (id == "call-id") {
      const string word = kAlnum + "-.!%*_+`'~()<>:\\\"/[]?{}";
      const size_t at = value.find('@');
      if (at == 0 || at + 1 == value.size() || value.empty() || !only(value.substr(0, at), word)) sound = false;
      if (at != string::npos && !only(value.substr(at + 1), word)) sound = false;
      out.call_id = value;
    } else if (id == "cseq") {
      const size_t blank = plain.find_first_of(" \t");
      const string number = without_zeros(plain.substr(0, blank));
      cseq_method = blank == string::npos ? "" : trimmed(plain.substr(blank));
      if (!digits(plain.substr(0, blank)) || number.size() > 10 || std::stoll(number) > 2147483647 || !token(cseq_method)) {
        sound = false;
      } else {
        out.cseq = std::stoll(number);
      }
    } else if (id == "max-forwards") {
      if (!digits(value)) {
        sound = false;
      } else if (without_zeros(value).size() <= 3 && std::stoi(without_zeros(value)) <= 255) {
        out.max_forwards = std::stoi(without_zeros(value));
      }
    } else if (id == "content-length") {
      ++lengths;
      if (!digits(value) || without_zeros(value).size() > 10) {
        out.framed = false;
      } else {
        out.content_length = std::stoll(without_zeros(value));
      }
    }
  }
  if (lengths != 1 || out.content_length > 65536) out.framed = false;
  for (const char* must : {"via", "from", "to", "call-id", "cseq"})
    if (seen[must] == 0) sound = false;
  if (out.is_request && cseq_method != out.method) sound = false;
  if (!out.is_request) out.method = cseq_method;
  out.sound = sound && out.framed;
  return out;
}

}  // namespace sluice::test
