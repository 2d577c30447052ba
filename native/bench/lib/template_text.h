// A message template whose flow and sequence numbers are at known positions: composing a message takes two copies and a few stores.
#pragma once

#include <algorithm>
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
  // Messages are up to so many octets shorter than their text, in eight steps by the flow; what is cut is padding.
  inline static size_t spread = 0;

  TemplateText() = default;

  explicit TemplateText(std::string text) : text_(std::move(text)) {
    const size_t pad = text_.find(kPad);
    pad_ = pad == std::string::npos ? 0 : text_.find('\r', pad) - (pad + sizeof kPad - 1);
    pad_end_ = pad == std::string::npos ? 0 : pad + sizeof kPad - 1 + pad_;
    for (size_t i = 0; i + kDigits <= text_.size(); ++i) {
      if (text_[i] == '\1' || text_[i] == '\2') {
        (text_[i] == '\1' ? flows_ : seqs_).push_back(i);
        i += kDigits - 1;
      }
    }
  }

  size_t size() const noexcept { return text_.size(); }

  char* write(char* out, uint32_t flow, uint32_t seq) const noexcept {
    const size_t cut = std::min(flow % 8 * spread / 8, pad_);
    std::memcpy(out, text_.data(), pad_end_ - cut);
    std::memcpy(out + pad_end_ - cut, text_.data() + pad_end_, text_.size() - pad_end_);
    char digits[kDigits];
    write_hex(digits, flow);
    for (size_t at : flows_) std::memcpy(out + (at < pad_end_ ? at : at - cut), digits, kDigits);
    write_hex(digits, seq);
    for (size_t at : seqs_) std::memcpy(out + (at < pad_end_ ? at : at - cut), digits, kDigits);
    return out + text_.size() - cut;
  }

  static constexpr char kPad[] = "User-Agent: x";

 private:
  std::string text_;
  size_t pad_ = 0;      // octets that may be cut
  size_t pad_end_ = 0;
  std::vector<size_t> flows_;
  std::vector<size_t> seqs_;
};

}  // namespace sluice::bench
