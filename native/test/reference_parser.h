// A second SIP parser, slow and simple, that shares no code with the scanner; the two must agree (GR-41).
#pragma once

#include <string>
#include <vector>

namespace sluice::test {

struct ReferenceField {
  std::string name;   // as written
  std::string value;  // without surrounding blanks, folds kept
};

struct ReferenceMessage {
  bool framed = false;  // on a stream: the end of the message is certain
  bool sound = false;   // no fault of any kind
  bool is_request = false;
  std::vector<ReferenceField> fields;
  // Only for valid messages:
  size_t vias = 0;
  size_t routes = 0;
  long long content_length = -1;
  long long max_forwards = -1;
  long long cseq = -1;
  int status = 0;
  std::string method;
  std::string uri;
  std::string top_via;
  std::string from_tag;
  std::string to_tag;
  std::string call_id;
};

// `head` ends with its empty line.
ReferenceMessage read_reference(const std::string& head);

bool is_reference_uri(const std::string& text);

}  // namespace sluice::test
