// One pass over a head, with the widest instructions that the processor has: where its control octets are, which end lines, and where the
// octets are that may end a word. The readers of header values then step from one such octet to the next.
#pragma once

#include <bit>

#include "core/sip/char_class.h"

namespace sluice {

// For each of `blocks` times 64 octets, bit i of a word stands for octet i. `specials`: not a letter, digit, '-', '.' or '_';
// `controls`: a control octet other than HT.
using MapOctets = void (*)(const char* octets, size_t blocks, uint64_t* specials, uint64_t* controls) noexcept;

struct OctetMapper {
  const char* name;
  MapOctets run;
};

// Those that work here, the fastest last. The first one needs nothing of the processor.
struct OctetMappers {
  OctetMapper all[4];
  size_t count = 0;
};
OctetMappers octet_mappers() noexcept;

// Finds runs of characters in a head, like CharRuns. Only for texts that lie in whole lines of the part that was mapped, because the end of
// the line stops every search.
class HeadMap {
 public:
  static constexpr size_t kMost = 65'535;
  static constexpr size_t kChunk = 8;  // blocks of 64 octets

  explicit HeadMap(const char* head) noexcept : head_(head) {}

  // Maps the octets from the next one on, at most a chunk, and returns how many; `size`: of the window, at most kMost. Writes their
  // `controls`.
  size_t extend(size_t size, uint64_t (&controls)[kChunk]) noexcept;

  // The end of a run of letters, digits, '-', '.' and '_'.
  const char* plain(const char* p, const char* end) const noexcept {
    p = next_special(p);
    return p < end ? p : end;
  }

  // The same, but a position behind `end` means the end, so that the caller compares once.
  const char* plain_or_beyond(const char* p, const char*) const noexcept { return next_special(p); }

  const char* skip(const char* p, const char* end, CharClass bits) const noexcept {
    for (; p < end; ++p) {
      p = next_special(p);
      if (p >= end) return end;
      if (!is_class(*p, bits)) return p;
    }
    return p;
  }

 private:
  const char* next_special(const char* p) const noexcept {
    const size_t at = static_cast<size_t>(p - head_);
    size_t i = at / 64;
    if (const uint64_t word = specials_[i] >> at % 64; word != 0) return p + std::countr_zero(word);
    while (specials_[++i] == 0) {
    }
    return head_ + i * 64 + std::countr_zero(specials_[i]);
  }

  const char* head_;
  size_t mapped_ = 0;
  uint64_t specials_[(kMost + 63) / 64 + 1];  // the word after the mapped ones is full, so that no search goes on for ever
};

}  // namespace sluice
