#include "core/sip/line_index.h"

#include <cstring>

#include "core/sip/char_class.h"
#include "core/sip/scanner.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice {

namespace {

// What index_lines() does not decide by the four octets at the beginning of a run of control octets: the start line, folds, faults, the end of
// the window. `next` and `line_at` go to and fro.
class Indexer {
 public:
  Indexer(const char* head, size_t size, uint8_t most, HeaderLine* lines, LineIndex& result) noexcept
      : next(lines), full(lines), head_(head), size_(size), room_(lines + most), result_(result) {}

  // Goes through the control octets from `at` on. False: the empty line is among them.
  [[gnu::noinline]] bool see_run(size_t at) noexcept {
    while (at < size_ && is_control(head_[at]) && head_[at] != '\t') {
      if (head_[at] != '\r' || at + 1 == size_ || head_[at + 1] != '\n') {
        see(at++);
        continue;
      }
      if (!end_line(at)) return false;
      at += 2;
    }
    return true;
  }

  HeaderLine* next;    // the next one to fill
  HeaderLine* full;    // where there is no room left, or the first one until the start line has been seen
  size_t line_at = 0;

 private:
  // A control octet that is not in a CRLF.
  void see(size_t at) noexcept {
    const char c = head_[at];
    if (c == '\r' && at + 1 == size_) return;  // cut off: we do not know what follows
    if (c != '\r' && c != '\n' && at > 0 && head_[at - 1] == '\\') {
      result_.escaped_control = true;
      return;
    }
    if (result_.fault == ScanError::none) result_.fault = c == '\r' || c == '\n' ? ScanError::line_end : ScanError::control_octet;
  }

  // False: this was the empty line.
  bool end_line(size_t at) noexcept {
    const size_t end = at + 2;
    if (!in_headers_) {
      result_.start_line_end = at;
      in_headers_ = true;
      full = room_;
    } else if (at == line_at) {
      result_.head_end = end;
      return false;
    } else if (end < size_ && is_blank(head_[end])) {
      return true;
    } else if (next == full) {
      result_.overflow = true;
    } else {
      next->line_at = static_cast<uint16_t>(line_at);
      next->line_end = static_cast<uint16_t>(end);
      ++next;
    }
    line_at = end;
    return true;
  }

  const char* head_;
  size_t size_;
  HeaderLine* room_;
  LineIndex& result_;
  bool in_headers_ = false;
};

// The four octets as a number; the first is the lowest.
uint32_t four_at(const char* at) noexcept {
  uint32_t four;
  std::memcpy(&four, at, sizeof four);
  return std::endian::native == std::endian::little ? four : __builtin_bswap32(four);
}

constexpr uint32_t kCrlf = '\r' | '\n' << 8;

// A CRLF, then an octet that is neither a blank nor a control octet nor beyond ASCII.
bool is_next_field(uint32_t four) noexcept { return (four & 0xFFFF) == kCrlf && (((four >> 16) - '!') & 0xFF) <= '~' - '!'; }

}  // namespace

LineIndex index_lines(const char* head, size_t size, uint8_t most, HeaderLine* lines, HeadMap& map) noexcept {
  LineIndex result;
  Indexer indexer(head, size, most, lines, result);
  HeaderLine* next = lines;
  HeaderLine* full = lines;
  size_t line_at = 0;
  const auto keep = [&](size_t line_end) {
    next->line_at = static_cast<uint16_t>(line_at);
    next->line_end = static_cast<uint16_t>(line_end);
    ++next;
    line_at = line_end;
  };
  const auto end_head = [&] { result.count = static_cast<uint8_t>(next - lines); };
  uint64_t controls[HeadMap::kChunk];
  uint64_t before = 0;  // bit 0: the octet before this block is a control octet
  for (size_t begin = 0; begin < size;) {
    const size_t end = begin + map.extend(size, controls);
    for (const uint64_t* mask = controls; begin < end; ++mask, begin += 64) {
      for (uint64_t runs = *mask & ~(*mask << 1 | before); runs != 0; runs &= runs - 1) {
        const size_t at = begin + lowest_bit(runs);
        // These CRLFs are no empty line, which would go on with the run of the CRLF before it.
        if (at + 4 <= size && next != full) [[likely]] {
          const uint32_t four = four_at(head + at);
          if (is_next_field(four)) [[likely]] {
            keep(at + 2);
            continue;
          }
          if (four == (kCrlf | kCrlf << 16)) {
            keep(at + 2);
            result.head_end = at + 4;
            end_head();
            return result;
          }
        }
        indexer.next = next;
        indexer.line_at = line_at;
        const bool more = indexer.see_run(at);
        next = indexer.next;
        if (!more) {
          end_head();
          return result;
        }
        full = indexer.full;
        line_at = indexer.line_at;
      }
      before = *mask >> 63;
    }
  }
  end_head();
  return result;
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
