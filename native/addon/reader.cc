#include "reader.h"

#include <array>
#include <cstdint>

#include "core/base/layout.h"
#include "core/sip/lexer.h"
#include "core/sip/name_addr.h"
#include "core/sip/scanner.h"

namespace sluice {
namespace {

constexpr size_t kMostOctets = k_reader_octets;

// A message on the object path has passed the shard's scanner and its limits; our own copy may be longer.
constexpr ScanLimits kLimits = {
    .max_head = kMostOctets,
    .max_body = UINT32_MAX,
    .max_uri = UINT16_MAX,
    .max_token = UINT16_MAX,
    .max_vias = UINT8_MAX,
    .max_routes = UINT8_MAX,
    .max_lines = kMaxLines,
};

// A JavaScript string as octets, one latin1 character each. A string with other characters, or one that is too long, is not SIP.
class Octets {
 public:
  explicit Octets(const Napi::Value& value) noexcept {
    size_t size = 0;
    if (napi_get_value_string_utf16(value.Env(), value, nullptr, 0, &size) != napi_ok || size > kMostOctets) return;
    if (napi_get_value_string_utf16(value.Env(), value, wide_.data(), wide_.size(), &size) != napi_ok) return;
    char16_t all = 0;
    for (size_t i = 0; i < size; ++i) {
      all = static_cast<char16_t>(all | wide_[i]);
      narrow_[i] = static_cast<char>(wide_[i]);
    }
    if (all <= 0xFF) text = Text(narrow_.data(), size);
    is_text = all <= 0xFF;
  }

  Text text;
  bool is_text = false;

 private:
  // A thread reads one text at a time.
  static thread_local std::array<char16_t, kMostOctets + 1> wide_;
  static thread_local std::array<char, kMostOctets + 1> narrow_;
};

thread_local std::array<char16_t, kMostOctets + 1> Octets::wide_;
thread_local std::array<char, kMostOctets + 1> Octets::narrow_;

// The table that a reader fills. If it is too small, the reading fails.
class Table {
 public:
  Table(const char* base, const Napi::Value& table) : base_(base), out_(table.As<Napi::Int32Array>()), data_(out_.Data()), room_(out_.ElementLength()) {}

  void put(int64_t number) noexcept {
    if (size_ < room_) data_[size_] = static_cast<int32_t>(number);
    ++size_;
  }
  // Where it begins and ends; -1 and -1: absent.
  void put(Text view) noexcept {
    put(view.data() == nullptr ? -1 : view.data() - base_);
    put(view.data() == nullptr ? -1 : view.data() + view.size() - base_);
  }
  void put(Slice slice) noexcept {
    put(slice.empty() ? -1 : int64_t{slice.at});
    put(slice.empty() ? -1 : int64_t{slice.end()});
  }
  // The parameters of a header value, from the first semicolon on. False: these are not parameters.
  bool put_params(Text params) noexcept {
    const char* p = params.data();
    const char* end = p + params.size();
    while (p < end) {
      Param param;
      if (*p != ';' || (p = read_param(CharRuns(), p, end, param)) == nullptr) return false;
      const char* whole_end = param.whole.data() + param.whole.size();
      put(between(param.name.data(), whole_end));
      put(param.name.data() + param.name.size() - base_);
      put(param.value);
      ++count_;
    }
    return true;
  }
  bool fits() const noexcept { return size_ <= room_; }
  int32_t count() const noexcept { return count_; }

 private:
  const char* base_;
  Napi::Int32Array out_;
  int32_t* data_;
  size_t room_;
  size_t size_ = 0;
  int32_t count_ = 0;
};

Napi::Value number(const Napi::CallbackInfo& info, int32_t value) { return Napi::Number::New(info.Env(), value); }

// readMessage(octets, table): the fields of MessageField, then those of LineField for each header line
Napi::Value read_message(const Napi::CallbackInfo& info) {
  const auto octets = info[0].As<Napi::Uint8Array>();
  const char* data = reinterpret_cast<const char*>(octets.Data());
  const size_t size = octets.ByteLength();
  Message message;
  scan(data, size, kFindHead, Carrier::datagram, kLimits, message);
  Table table(data, info[1]);
  table.put(static_cast<int32_t>(message.error));
  table.put(message.is_request);
  table.put(message.status);
  table.put(message.head_size);
  table.put(message.method_text);
  table.put(message.request_uri);
  table.put(message.top_via);
  table.put(message.call_id);
  table.put(message.from_tag);
  table.put(message.to_tag);
  table.put(message.cseq);
  table.put(message.cseq_method);
  table.put(message.line_count);
  for (uint8_t i = 0; i < message.line_count; ++i) {
    const HeaderLine& line = message.lines[i];
    table.put(static_cast<int32_t>(line.id));
    table.put(line.line_at);
    table.put(CharRuns().skip(data + line.line_at, data + line.line_end, kChar_token) - data);
    table.put(line.value_at);
    table.put(line.value_at + line.value_len);
    table.put(line.line_end - 2);
  }
  return number(info, table.fits() ? message.line_count : -1);
}

// readList(text, table): begin and end of each value; returns how many, or -1 if one is empty or a quote or bracket does not close
Napi::Value read_list(const Napi::CallbackInfo& info) {
  const Octets octets(info[0]);
  if (!octets.is_text) return number(info, -1);
  Table table(octets.text.data(), info[1]);
  ValueList values(octets.text);
  int32_t count = 0;
  for (Text value; values.next(value); ++count) {
    if (value.empty()) return number(info, -1);
    table.put(value);
  }
  return number(info, values.is_sound() && table.fits() ? count : -1);
}

// readUri(text, table): the fields of UriField; -1: not a URI
Napi::Value read_uri(const Napi::CallbackInfo& info) {
  const Octets octets(info[0]);
  Uri uri;
  if (!octets.is_text || !parse_uri(octets.text, uri)) return number(info, -1);
  Table table(octets.text.data(), info[1]);
  table.put(static_cast<int32_t>(uri.scheme));
  table.put(uri.scheme_text);
  table.put(uri.has_user ? uri.user : Text());
  table.put(uri.password);
  table.put(uri.host);
  table.put(uri.port);
  table.put(uri.params);
  table.put(uri.headers);
  return number(info, 0);
}

// readAddress(text, table): the fields of AddressField, then those of ParameterField per parameter; returns how many; -1: not an address
Napi::Value parse_address(const Napi::CallbackInfo& info) {
  const Octets octets(info[0]);
  NameAddr address;
  if (!octets.is_text || !parse_name_addr(octets.text, address)) return number(info, -1);
  Table table(octets.text.data(), info[1]);
  table.put(address.display);
  table.put(address.uri_text);
  const bool sound = table.put_params(address.params);
  return number(info, sound && table.fits() ? table.count() : -1);
}

// readParameters(text, table): the fields of ParameterField for each; returns how many; -1: not parameters
Napi::Value read_parameters(const Napi::CallbackInfo& info) {
  const Octets octets(info[0]);
  if (!octets.is_text) return number(info, -1);
  Table table(octets.text.data(), info[1]);
  const char* end = octets.text.data() + octets.text.size();
  const bool sound = table.put_params(between(skip_lws(octets.text.data(), end), end));
  return number(info, sound && table.fits() ? table.count() : -1);
}

// readVia(text, table): the fields of ViaField; -1: not a Via
Napi::Value read_via(const Napi::CallbackInfo& info) {
  const Octets octets(info[0]);
  Via via;
  if (!octets.is_text || !parse_via(octets.text, via)) return number(info, -1);
  const auto or_none = [](Text text) { return text.empty() ? Text() : text; };
  Table table(octets.text.data(), info[1]);
  table.put(via.transport);
  table.put(via.host);
  table.put(via.port);
  table.put(or_none(via.branch));
  table.put(or_none(via.received));
  table.put(via.has_rport);
  table.put(via.has_keep && !via.keep_has_value);
  table.put(or_none(via.rport_param));
  table.put(or_none(via.received_param));
  table.put(or_none(via.keep_param));
  return number(info, 0);
}

}  // namespace

void define_reader(Napi::Env env, Napi::Object exports) {
  exports.Set("readMessage", Napi::Function::New(env, read_message));
  exports.Set("readList", Napi::Function::New(env, read_list));
  exports.Set("readUri", Napi::Function::New(env, read_uri));
  exports.Set("readAddress", Napi::Function::New(env, parse_address));
  exports.Set("readParameters", Napi::Function::New(env, read_parameters));
  exports.Set("readVia", Napi::Function::New(env, read_via));
}

}  // namespace sluice
