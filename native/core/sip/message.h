// What the scanner found in a message: an index over the received octets. Nothing is copied.
#pragma once

#include <cstdint>

#include "core/base/bytes.h"
#include "core/sip/contacts.h"
#include "core/sip/uri.h"
#include "core/sip/via.h"

namespace sluice {

enum class Method : uint8_t {
#define SLUICE_METHOD(name, text) name,
#include "core/base/layout.def"
};

enum class HeaderId : uint8_t {
#define SLUICE_HEADER(name, text, compact) name,
#include "core/base/layout.def"
  count_,
};

enum class ScanError : uint8_t {
#define SLUICE_SCAN_ERROR(name, status, reason) name,
#include "core/base/layout.def"
};

constexpr uint8_t kNoLine = 255;
constexpr size_t kMaxLines = 240;
constexpr size_t kHeaderIds = static_cast<size_t>(HeaderId::count_);

// One header field with its folded lines.
struct HeaderLine {
  uint16_t line_at;   // first octet of the name
  uint16_t value_at;  // the value without surrounding blanks; folds inside it are kept
  uint16_t value_len;
  uint16_t line_end;  // after the CRLF that ends the field
  HeaderId id;
  uint8_t next_same;  // next line with the same id; kNoLine: the last one
};

// What is compared with our own, to detect loops, and says where a request came from.
struct ViaName {
  Slice host;
  Slice branch;    // empty: none
  Slice received;  // raw; empty: none
  uint16_t port;  // 0: not given
};
constexpr size_t kKeptVias = 4;

struct RouteUri {
  Text text;
  Uri parts;
};
constexpr size_t kKeptRoutes = 3;

// What the scanner clears for every message stands together, by value, so that it takes few stores.
struct Message {
  const char* data;
  uint32_t size;       // start line, headers, empty line and body
  uint32_t head_size;  // up to and including the empty line
  ScanError error;
  bool is_request;
  bool is_framed;       // the end of the message is certain; false: the stream it arrived on cannot go on
  bool has_tag_to;      // the To header has a tag parameter
  bool has_crlf_body;   // extra octets follow the body; they are not part of `size`
  bool has_via;         // `via` holds the parts of a well-formed first Via
  Method method;        // of a request; for a response, the one in its CSeq
  uint8_t line_count;
  uint8_t via_count;    // values in all lines (255 means 255 or more)
  uint8_t route_count;  // values in all lines
  uint8_t options;      // kOption_ bits of Supported and Require, of a sound REGISTER or response to one
  bool supports_plainly;  // nothing in the Supported of a REGISTER is folded, quoted or beyond ASCII
  uint8_t contact_flags;  // kContact_ bits of all Contacts together, of a sound request
  uint16_t status;      // 100-699; 0 for a request
  uint32_t cseq;
  uint32_t contact_count;  // values in all lines, of a sound request
  Slice method_text;
  Slice request_uri;
  Slice reason;         // of a response; may be empty
  Slice top_via;        // the first Via value, trimmed
  Slice call_id;
  Slice from_value;     // whole From value
  Slice to_value;       // whole To value
  Slice from_tag;       // empty: none
  Slice to_tag;         // empty: none
  Slice cseq_value;     // whole CSeq value if it is digits and a token, even if the number is too large
  Slice cseq_method;
  int32_t max_forwards;    // 0-255; -1: absent or not a number in that range where the leniency of PX-16.3-7 applies
  int64_t content_length;  // -1: absent
  uint8_t first[kHeaderIds];  // first line of each id, kNoLine: absent
  Uri uri;              // the parts of `request_uri`, unless that is empty
  Uri to_uri;           // the parts of the URI in To, unless `to_value` is empty
  OnlyContact contact;  // of a sound request
  Via via;
  ViaName vias[kKeptVias];  // the first of the `via_count`, when all are well formed
  RouteUri routes[kKeptRoutes];  // the first of the `route_count`
  HeaderLine lines[kMaxLines];

  const HeaderLine* line(HeaderId id) const noexcept {
    const uint8_t i = first[static_cast<size_t>(id)];
    return i == kNoLine ? nullptr : &lines[i];
  }
  const HeaderLine* next(const HeaderLine& after) const noexcept {
    return after.next_same == kNoLine ? nullptr : &lines[after.next_same];
  }
  // The parts of the first Via, even if only its beginning is well formed.
  bool read_top_via(Via& out) const noexcept {
    if (!has_via) return !top_via.empty() && parse_via(text(top_via), out);
    out = via;
    return true;
  }
  Text text(Slice slice) const noexcept { return text_of(data, slice); }
  Text value(const HeaderLine& field) const noexcept { return Text(data + field.value_at, field.value_len); }
  Text body() const noexcept { return Text(data + head_size, size - head_size); }
  // The slice that a view into this message's head covers.
  Slice slice_of(Text view) const noexcept {
    return Slice{static_cast<uint16_t>(view.data() - data), static_cast<uint16_t>(view.size())};
  }
};

}  // namespace sluice
