// A message template whose flow and sequence numbers are at known positions: composing a message takes a copy and a few stores.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "marker.h"

namespace sluice::bench {

// Eight of these mark the position of a number.
constexpr char kFlowMark[] = "\1\1\1\1\1\1\1\1";
constexpr char kSeqMark[] = "\2\2\2\2\2\2\2\2";

class TemplateText {
 public:
  TemplateText() = default;

  explicit TemplateText(std::string text) : text_(std::move(text)) {
    for (size_t i = 0; i + kDigits <= text_.size(); ++i) {
      if (text_[i] == '\1' || text_[i] == '\2') {
        (text_[i] == '\1' ? flows_ : seqs_).push_back(i);
        i += kDigits - 1;
      }
    }
  }

  size_t size() const noexcept { return text_.size(); }

  char* write(char* out, uint32_t flow, uint32_t seq) const noexcept {
    std::memcpy(out, text_.data(), text_.size());
    char digits[kDigits];
    write_hex(digits, flow);
    for (size_t at : flows_) std::memcpy(out + at, digits, kDigits);
    write_hex(digits, seq);
    for (size_t at : seqs_) std::memcpy(out + at, digits, kDigits);
    return out + text_.size();
  }

 private:
  std::string text_;
  std::vector<size_t> flows_;
  std::vector<size_t> seqs_;
};

}  // namespace sluice::bench
