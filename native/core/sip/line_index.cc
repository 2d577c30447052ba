#include "core/sip/line_index.h"

#include <cstring>

#include "core/sip/char_class.h"
#include "core/sip/scanner.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {

namespace {

class Indexer {
 public:
  Indexer(const char* head, size_t size, uint8_t most, HeaderLine* lines) noexcept : head_(head), size_(size), most_(most), lines_(lines) {}

  // A control octet that is not the CR of a CRLF.
  [[gnu::cold, gnu::noinline]] void see(size_t at) noexcept {
    const char c = head_[at];
    if (c == '\n' && at > 0 && head_[at - 1] == '\r') return;
    if (c == '\r' && at + 1 == size_) return;  // cut off: we do not know what follows
    if (c != '\r' && c != '\n' && at > 0 && head_[at - 1] == '\\') {
      result.escaped_control = true;
      return;
    }
    if (result.fault == ScanError::none) result.fault = c == '\r' || c == '\n' ? ScanError::line_end : ScanError::control_octet;
  }

  bool is_crlf(size_t at) const noexcept { return head_[at] == '\r' && at + 1 < size_ && head_[at + 1] == '\n'; }

  // False: this was the empty line.
  bool end_line(size_t at) noexcept {
    const size_t next = at + 2;
    if (!in_headers_) {
      result.start_line_end = static_cast<uint16_t>(at);
      in_headers_ = true;
    } else {
      if (at == line_at_) {
        result.head_end = static_cast<uint32_t>(next);
        return false;
      }
      if (next < size_ && is_blank(head_[next])) return true;
      if (result.count == most_) {
        result.overflow = true;
      } else {
        HeaderLine& line = lines_[result.count++];
        line.line_at = static_cast<uint16_t>(line_at_);
        line.line_end = static_cast<uint16_t>(next);
      }
    }
    line_at_ = next;
    return true;
  }

  LineIndex result;

 private:
  const char* head_;
  size_t size_;
  uint8_t most_;
  HeaderLine* lines_;
  size_t line_at_ = 0;
  bool in_headers_ = false;
};

}  // namespace

LineIndex index_lines(const char* head, size_t size, uint8_t most, HeaderLine* lines, HeadMap& map) noexcept {
  Indexer indexer(head, size, most, lines);
  uint64_t controls[HeadMap::kChunk];
  for (size_t begin = 0; begin < size;) {
    const size_t end = begin + map.extend(size, controls);
    for (size_t block = 0; begin < end; ++block, begin += 64) {
      for (uint64_t mask = controls[block]; mask != 0; mask &= mask - 1) {
        const size_t i = begin + static_cast<size_t>(std::countr_zero(mask));
        if (!indexer.is_crlf(i)) {
          indexer.see(i);
        } else {
          if (!indexer.end_line(i)) return indexer.result;
          mask &= mask - 1;  // skips the LF, unless it opens the next block
        }
      }
    }
  }
  return indexer.result;
}

bool has_bare_lf(const char* data, size_t size, size_t searched) noexcept {
  while (searched < size) {
    const void* found = std::memchr(data + searched, '\n', size - searched);
    if (found == nullptr) return false;
    const size_t at = static_cast<size_t>(static_cast<const char*>(found) - data);
    if (at == 0 || data[at - 1] != '\r') return true;
    searched = at + 1;
  }
  return false;
}

size_t find_head_end(const char* data, size_t size, size_t searched) noexcept {
  size_t at = searched < 3 ? 0 : searched - 3;
#if defined(__SSE2__)
  const __m128i cr = _mm_set1_epi8('\r');
  for (; size - at >= 18 && at < size; at += 16) {
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + at));
    const __m128i two_on = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + at + 2));
    const __m128i both = _mm_and_si128(_mm_cmpeq_epi8(here, cr), _mm_cmpeq_epi8(two_on, cr));
    for (uint32_t mask = static_cast<uint32_t>(_mm_movemask_epi8(both)); mask != 0; mask &= mask - 1) {
      const size_t i = at + static_cast<size_t>(std::countr_zero(mask));
      if (i + 4 <= size && data[i + 1] == '\n' && data[i + 3] == '\n') return i + 4;
    }
  }
#endif
  for (; at + 4 <= size; ++at)
    if (std::memcmp(data + at, "\r\n\r\n", 4) == 0) return at + 4;
  return 0;
}

}  // namespace sluice
