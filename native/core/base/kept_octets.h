// Octets that are kept for long, in no more memory than they take. What is needed for a moment borrows from the pool (flow_buffer.h).
#pragma once

#include <cstring>
#include <memory>
#include <new>

#include "core/base/bytes.h"

namespace sluice {

class KeptOctets {
 public:
  // Keeps all parts as one text. False: no memory; then nothing is kept.
  bool keep(Text octets, Text rest = Text(), Text end = Text()) noexcept {
    const size_t size = octets.size() + rest.size() + end.size();
    octets_.reset(new (std::nothrow) char[size]);
    size_ = octets_ == nullptr ? 0 : static_cast<uint32_t>(size);
    if (octets_ == nullptr) return false;
    std::memcpy(octets_.get(), octets.data(), octets.size());
    if (!rest.empty()) std::memcpy(octets_.get() + octets.size(), rest.data(), rest.size());
    if (!end.empty()) std::memcpy(octets_.get() + octets.size() + rest.size(), end.data(), end.size());
    return true;
  }
  Text text() const noexcept { return Text(octets_.get(), size_); }
  uint32_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  std::unique_ptr<char[]> octets_;
  uint32_t size_ = 0;
};

}  // namespace sluice
