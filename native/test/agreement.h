// What the scanner and the reference parser must agree on (GR-41), for the test and for the fuzzer.
#pragma once

#include <string>
#include <utility>

#include "core/sip/name_addr.h"
#include "core/sip/scanner.h"
#include "reference_parser.h"

namespace sluice::test {

// Empty if both agree, else what they disagree on.
inline std::string difference(const std::string& text) {
  const size_t head = find_head_end(text.data(), text.size(), 0);
  if (head == 0) return "";
  ScanLimits wide;
  wide.max_vias = wide.max_routes = 255;
  wide.max_uri = wide.max_token = 65535;
  static Message m;
  scan(text.data(), text.size(), head, Carrier::stream, wide, m);
  const ReferenceMessage reference = read_reference(text.substr(0, head));
  if (m.is_framed != reference.framed) return "framed";
  if (reference.framed) {
    if (m.line_count != reference.fields.size()) return "number of fields";
    for (size_t i = 0; i < reference.fields.size(); ++i) {
      const HeaderLine& line = m.lines[i];
      if (m.value(line) != reference.fields[i].value) return "value of field " + std::to_string(i);
      if (text.compare(line.line_at, reference.fields[i].name.size(), reference.fields[i].name) != 0) return "name of field " + std::to_string(i);
    }
    if (m.content_length != reference.content_length) return "Content-Length";
  }
  if ((m.error == ScanError::none) != reference.sound) return "sound, error " + std::to_string(static_cast<int>(m.error));
  if (!reference.sound) return "";
  if (m.is_request != reference.is_request || m.status != reference.status) return "start line";
  if (m.via_count != reference.vias || m.text(m.top_via) != reference.top_via) return "Via";
  if (m.route_count != reference.routes) return "Route";
  if (m.text(m.from_tag) != reference.from_tag || m.text(m.to_tag) != reference.to_tag) return "tags";
  if (m.text(m.call_id) != reference.call_id) return "Call-ID";
  if (m.cseq != reference.cseq || m.text(m.cseq_method) != reference.method) return "CSeq";
  if (m.max_forwards != reference.max_forwards) return "Max-Forwards";
  if (m.is_request && m.text(m.request_uri) != reference.uri) return "Request-URI";
  // Stepping through a list must yield as many values as were counted.
  for (const auto& [id, count] : {std::pair{HeaderId::via, m.via_count}, {HeaderId::route, m.route_count}}) {
    size_t seen = 0;
    for (const HeaderLine* line = m.line(id); line != nullptr; line = m.next(*line)) {
      ValueList values(m.value(*line));
      for (Text value; values.next(value);) ++seen;
    }
    if (seen != count) return "ValueList";
  }
  return "";
}

}  // namespace sluice::test
