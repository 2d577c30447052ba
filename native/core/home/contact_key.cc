#include "core/home/contact_key.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kMostParams = 12;
constexpr char kField = '>';
constexpr char kParameter = ' ';

struct UriParam {
  Text name;
  Text value;
};

// URIs differ if only one of them has such a parameter.
bool is_decisive(Text name) noexcept {
  return same_text(name, "transport") || same_text(name, "user") || same_text(name, "ttl") || same_text(name, "maddr");
}

// Compares as "name=value" texts, ignoring case.
bool comes_before(const UriParam& one, const UriParam& other) noexcept {
  const auto at = [](const UriParam& param, size_t i) noexcept {
    if (i < param.name.size()) return static_cast<int>(static_cast<unsigned char>(lower(param.name[i])));
    if (i == param.name.size()) return static_cast<int>('=');
    i -= param.name.size() + 1;
    return i < param.value.size() ? static_cast<int>(static_cast<unsigned char>(lower(param.value[i]))) : -1;
  };
  for (size_t i = 0;; ++i) {
    const int a = at(one, i), b = at(other, i);
    if (a != b) return a < b;
    if (a < 0) return false;
  }
}

void put_param(const UriParam& param, Writer& out) noexcept {
  out.put_lower(param.name);
  out.put('=');
  out.put_lower(param.value);
}

}  // namespace

bool write_contact_key(const Uri& uri, Writer& out) noexcept {
  if (uri.password.data() != nullptr || uri.headers.data() != nullptr || uri.user.find('%') != Text::npos || uri.params.find('%') != Text::npos) return false;
  UriParam params[kMostParams];
  size_t count = 0;
  for (Text rest = uri.params; !rest.empty();) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find(';'), rest.size());
    const Text whole = rest.substr(0, end);
    const size_t equals = std::min(whole.find('='), whole.size());
    const UriParam param{whole.substr(0, equals), whole.substr(std::min(equals + 1, whole.size()))};
    const auto is_same = [&](const UriParam& other) { return same_text(other.name, param.name); };
    if (count == kMostParams || same_text(param.name, "method") || std::any_of(params, params + count, is_same)) return false;
    params[count++] = param;
    rest.remove_prefix(end);
  }
  std::sort(params, params + count, comes_before);
  out.put('c');
  out.put(uri.scheme == Scheme::sips ? "sips" : "sip");
  out.put(kField);
  out.put(uri.user);
  out.put(kField);
  out.put(kField);
  out.put_lower(uri.host);
  out.put(kField);
  if (uri.port != 0) out.put_number(uri.port);
  out.put(kField);
  bool first = true;
  for (size_t i = 0; i < count; ++i) {
    if (!is_decisive(params[i].name)) continue;
    if (!first) out.put(';');
    first = false;
    put_param(params[i], out);
  }
  out.put(kField);
  for (size_t i = 0; i < count; ++i) {
    if (is_decisive(params[i].name)) continue;
    out.put(kParameter);
    put_param(params[i], out);
  }
  return !out.full();
}

}  // namespace sluice
