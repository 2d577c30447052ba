// Octets and words for the reference parser, as simple as possible.
#pragma once

#include <string>

namespace sluice::test::reference {

using std::string;

inline const string kAlnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
inline const string kToken = kAlnum + "-.!%*_+`'~";

inline bool only(const string& text, const string& chars) { return text.find_first_not_of(chars) == string::npos; }

inline bool token(const string& text) { return !text.empty() && only(text, kToken); }

inline string lowered(string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

inline string trimmed(const string& text, const char* blanks = " \t\r\n") {
  const size_t from = text.find_first_not_of(blanks);
  return from == string::npos ? "" : text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

inline string unfolded(string text) {
  for (size_t at; (at = text.find("\r\n")) != string::npos;) text[at] = text[at + 1] = ' ';
  return text;
}

// "host" or "host:port", with blanks around the colon if `lws`.
bool is_host_port(const string& text, bool lws);

}  // namespace sluice::test::reference
