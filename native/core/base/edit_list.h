// The changes to a message in transit: cuts and insertions over the received octets (RFC 3261 16.6). Everything else stays octet for
// octet as it was (GR-42).
#pragma once

#include <cstring>

#include "core/base/bytes.h"

namespace sluice {

// Bounded output: once something does not fit, nothing more is written and `full` stays set.
class Writer {
 public:
  Writer(char* begin, size_t capacity) noexcept : begin_(begin), at_(begin), end_(begin + capacity) {}

  void put(Text text) noexcept {
    if (full_ || text.size() > static_cast<size_t>(end_ - at_)) {
      full_ = true;
      return;
    }
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void put(char c) noexcept { put(Text(&c, 1)); }
  void put_lower(Text text) noexcept {
    const size_t mark = size();
    put(text);
    if (!full_)
      for (char* p = begin_ + mark; p < at_; ++p) *p = lower(*p);
  }
  void put_number(uint64_t value) noexcept {
    char digits[20];
    size_t n = 0;
    do digits[sizeof digits - ++n] = static_cast<char>('0' + value % 10);
    while ((value /= 10) != 0);
    put(Text(digits + sizeof digits - n, n));
  }

  // Where up to `most` octets can be written; wrote() tells how many were. nullptr: there is no room.
  char* room(size_t most) noexcept {
    if (most > static_cast<size_t>(end_ - at_)) full_ = true;
    return full_ ? nullptr : at_;
  }
  void wrote(size_t size) noexcept { at_ += size; }

  bool full() const noexcept { return full_; }
  size_t size() const noexcept { return static_cast<size_t>(at_ - begin_); }
  Text text() const noexcept { return Text(begin_, size()); }
  // What has been written since an earlier size().
  Text since(size_t mark) const noexcept { return Text(begin_ + mark, size() - mark); }

 private:
  char* begin_;
  char* at_;
  char* end_;
  bool full_ = false;
};

class EditList {
 public:
  // Replaces the octets [at, end) of the head with `text`, which must live until apply(). Cuts must not overlap.
  void replace(size_t at, size_t end, Text text) noexcept {
    if (count_ == kMax) {
      overflow_ = true;
      return;
    }
    size_t i = count_++;
    // Sorted by position; edits at the same position keep the order in which they were added.
    for (; i > 0 && edits_[i - 1].at > at; --i) edits_[i] = edits_[i - 1];
    edits_[i] = Edit{static_cast<uint32_t>(at), static_cast<uint32_t>(end), text.data(), text.size()};
  }
  void insert(size_t at, Text text) noexcept { replace(at, at, text); }
  void cut(size_t at, size_t end) noexcept { replace(at, end, Text()); }

  // Writes the edited head. False: too many edits, overlapping edits, or no room.
  bool apply(const char* head, size_t head_size, Writer& out) const noexcept { return apply_range(head, 0, head_size, out); }

  // The same for the octets [begin, end) only; every edit must lie within them.
  bool apply_range(const char* head, size_t begin, size_t end, Writer& out) const noexcept {
    size_t done = begin;
    for (size_t i = 0; i < count_; ++i) {
      const Edit& edit = edits_[i];
      if (edit.at < done || edit.end > end) return false;
      out.put(Text(head + done, edit.at - done));
      out.put(Text(edit.text, edit.size));
      done = edit.end;
    }
    out.put(Text(head + done, end - done));
    return !overflow_ && !out.full();
  }

 private:
  static constexpr size_t kMax = 64;
  struct Edit {
    uint32_t at;
    uint32_t end;
    const char* text;
    size_t size;
  };
  // Left uninitialised: a message pays nothing for edits that it does not need.
  Edit edits_[kMax];
  size_t count_ = 0;
  bool overflow_ = false;
};

}  // namespace sluice
