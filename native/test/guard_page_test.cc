// No reader looks beyond the end of its input, and the position in memory does not matter.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "core/sip/framer.h"
#include "core/sip/line_index.h"
#include "check.h"
#include "sip_text.h"

namespace sluice::guard_page_test {
using namespace test;

namespace {

// Two pages; the second must not be touched.
class GuardedPages {
 public:
  GuardedPages() : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    base_ = static_cast<char*>(mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(base_ != MAP_FAILED);
    CHECK_EQ(mprotect(base_ + page_, page_, PROT_NONE), 0);
  }
  ~GuardedPages() { munmap(base_, 2 * page_); }
  GuardedPages(const GuardedPages&) = delete;
  // A copy that ends `gap` octets before the forbidden page.
  const char* place(const std::string& text, size_t gap) {
    char* at = base_ + page_ - gap - text.size();
    std::memcpy(at, text.data(), text.size());
    std::memset(at + text.size(), '\r', gap);
    return at;
  }

 private:
  size_t page_;
  char* base_;
};

std::string facts(const Message& m) {
  std::string out = std::to_string(static_cast<int>(m.error)) + " " + std::to_string(m.size) + " " + std::to_string(m.line_count);
  for (Slice slice : {m.method_text, m.request_uri, m.reason, m.top_via, m.call_id, m.from_value, m.to_value, m.from_tag, m.to_tag, m.cseq_value})
    out += " " + std::to_string(slice.at) + "+" + std::to_string(slice.len);
  for (int i = 0; i < m.line_count; ++i) out += " " + std::to_string(m.lines[i].value_at) + "+" + std::to_string(m.lines[i].value_len);
  return out;
}

std::string scanned(const char* data, size_t size) {
  static Message message;
  scan(data, size, find_head_end(data, size, 0), Carrier::datagram, ScanLimits{}, message);
  return facts(message);
}

}  // namespace

TEST("GR-40 every alignment from 0 to 63 gives the same result, up to the last octet before a forbidden page") {
  GuardedPages pages;
  for (const Parts& parts : {Parts{}, Parts{.extra = "Subject: a\x07"}, Parts{.extra = "X: " + std::string(100, 'x') + "\r\n y"}, Parts{.body = "\r\n\r\n"}}) {
    const std::string text = parts.text();
    const std::string expected = scanned(text.data(), text.size());
    for (size_t gap = 0; gap < 64; ++gap) CHECK_EQ(scanned(pages.place(text, gap), text.size()), expected);
  }
}

TEST("GR-40 every prefix of a message ends before a forbidden page") {
  GuardedPages pages;
  const std::string text = Parts{.to = "To: \"a\\\"b\" <sip:%41:b@[::1]:5060;x=1?y=z>;q=\"\\a\"", .extra = "Route: <sip:r>,\r\n <sip:s>"}.text();
  for (size_t size = 0; size <= text.size(); ++size) {
    const std::string prefix = text.substr(0, size);
    const char* at = pages.place(prefix, 0);
    CHECK_EQ(scanned(at, size), scanned(prefix.data(), size));
    FramerState state;
    Message message;
    const Frame frame = next_frame(state, at, size, ScanLimits{}, message);
    CHECK_EQ(frame.kind, size == text.size() ? FrameKind::message : FrameKind::more);
  }
}

TEST("GR-40 the end of the head is found at any position, and nowhere else") {
  GuardedPages pages;
  for (size_t before = 0; before < 80; ++before) {
    for (size_t behind = 0; behind < 40; ++behind) {
      const std::string text = std::string(before, 'x') + "\r\n\r\n" + std::string(behind, '\r');
      const char* at = pages.place(text, 0);
      for (size_t searched : {size_t{0}, before, before + 3}) CHECK_EQ(find_head_end(at, text.size(), searched), before + 4);
      for (size_t cut = 0; cut < 4; ++cut) CHECK_EQ(find_head_end(at, before + cut, 0), 0u);
    }
  }
  CHECK_EQ(find_head_end("\r\n\r\r\n\n\r\n \r\n\r", 13, 0), 0u);
  CHECK_EQ(find_head_end("\r\r\r\n\r\n", 6, 0), 6u);
}

TEST("GR-40 GR-24 a control octet is detected at any position") {
  GuardedPages pages;
  const auto fault_of = [&](const std::string& text) {
    static HeaderLine lines[kMaxLines];
    const char* const at = pages.place(text, 0);
    HeadMap map(at);
    return index_lines(at, text.size(), kMaxLines, lines, map).fault;
  };
  for (size_t size = 1; size < 200; ++size) {
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\x7f';
      CHECK_EQ(fault_of(text), ScanError::control_octet);
      text[at] = '\t';
      CHECK_EQ(fault_of(text), ScanError::none);
      text[at] = '\n';
      CHECK_EQ(fault_of(text), ScanError::line_end);
    }
  }
}

}  // namespace sluice::guard_page_test
