// One pass over a head, with the widest instructions that the processor has: where its control octets are, which end lines, and where the
// octets are that may end a word. The readers of header values then step from one such octet to the next.
#pragma once

#include <bit>
#include <cstring>

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

// std::countr_zero is an int, which GCC extends again wherever an address needs it. `bits` is not 0.
inline size_t lowest_bit(uint64_t bits) noexcept {
#if defined(__x86_64__)
  size_t index;
  __asm__("rep bsfq %1, %0" : "=r"(index) : "r"(bits) : "cc");
  return index;
#else
  return static_cast<unsigned>(std::countr_zero(bits));
#endif
}

// Finds runs of characters in a head, like CharRuns. Only for texts that lie in whole lines of the part that was mapped, because the end of
// the line stops every search.
class HeadMap {
 public:
  static constexpr size_t kMost = 65'535;
  static constexpr size_t kChunk = 12;  // blocks of 64 octets; most heads are one chunk

  explicit HeadMap(const char* head) noexcept : head_(head) {}

  // Maps the octets from the next one on, at most a chunk, and returns how many; `size`: of the window, at most kMost. Writes their
  // `controls`.
  size_t extend(size_t size, uint64_t (&controls)[kChunk]) noexcept;

  // How many letters, digits, '-', '.' and '_' follow from octet `at` on.
  size_t plain_size(size_t at) const noexcept { return next_special(at) - at; }

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
  const char* next_special(const char* p) const noexcept { return head_ + next_special(static_cast<size_t>(p - head_)); }
  // A loop and no call, so that the readers keep their values in registers.
  size_t next_special(size_t at) const noexcept {
    uint64_t near;
    while ((near = specials_from(at)) == 0) [[unlikely]] at += kReach;
    return at + lowest_bit(near);
  }

  // Bit 0 is octet `at`, and at least 56 more follow, so that nearly every run ends here: by words, one in eight would go on in the next.
  uint64_t specials_from(size_t at) const noexcept {
    if constexpr (std::endian::native != std::endian::little) return specials_[at / 64] >> at % 64;
    uint64_t bits;
    std::memcpy(&bits, reinterpret_cast<const char*>(specials_) + at / 8, sizeof bits);
    return bits >> at % 8;
  }
  static constexpr size_t kReach = std::endian::native == std::endian::little ? 57 : 1;

  const char* head_;
  size_t mapped_ = 0;
  uint64_t specials_[(kMost + 63) / 64 + 1];  // the word after the mapped ones is full, so that no search goes on for ever
};

}  // namespace sluice
