// Responses to a REGISTER, byte for byte as src/sip/response.ts and src/registrar/registered.ts write them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/edit_list.h"
#include "core/home/binding_table.h"
#include "core/home/gruu.h"

namespace sluice {

// The Contacts of a 200: all bindings of the address (RFC 3261 10.3 step 8), as lines with CRLF.
class ContactLines final : public BindingSink {
 public:
  // The worst case: 100 Contacts of 1 KB, with their GRUUs.
  static constexpr size_t kRoom = 512 << 10;

  // Starts a response. `key` is that of the REGISTER's binding; `gruus` is nullptr for a device that does not support them.
  void begin(Text aor, Text key, uint64_t now, GruuWriter* gruus) noexcept;
  // From now on notices the Path of the binding that a REGISTER with these numbers made.
  void watch(Text call_id, uint32_t cseq) noexcept {
    call_id_ = call_id;
    cseq_ = cseq;
  }
  void take(const Binding& binding) noexcept override;
  // As netstrings; until the next response.
  Text watched_path() const noexcept { return watched_path_; }

  // False: the lines are unusable.
  bool is_whole() const noexcept { return is_whole_ && !out_.full(); }
  size_t count() const noexcept { return lines_.size(); }
  size_t size() const noexcept { return out_.size(); }
  // Writes all lines. If they exceed `most` octets, the REGISTER's own Contact comes first, and then as many others as fit.
  void put(size_t most, Writer& out) const noexcept;

 private:
  struct Line {
    Text text;
    bool is_first;
  };

  std::unique_ptr<char[]> room_{new char[kRoom]};
  Writer out_{room_.get(), kRoom};
  std::vector<Line> lines_;
  Text aor_;
  Text key_;
  Text call_id_;  // empty: no binding is watched
  uint32_t cseq_ = 0;
  std::string watched_path_;
  uint64_t now_ = 0;
  GruuWriter* gruus_ = nullptr;
  bool is_whole_ = true;
};

// What follows the Contacts of a 200, up to the Date.
struct RegisterExtras {
  Text path;  // netstrings; of the REGISTER (RFC 3327 5.3)
  bool requires_outbound = false;
  uint32_t flow_timer = 0;  // seconds, 0: none
  Text supported;
};
void put_extras(const RegisterExtras& extras, Writer& out) noexcept;

// Random seconds, so that clients do not all come back at once.
void put_retry_after(uint64_t random, Writer& out) noexcept;

constexpr Text kRegisterEnd = "Content-Length: 0\r\n\r\n";

// "Date: Sat, 28 Nov 2026 23:00:00 GMT" with CRLF (RFC 3261 20.17), formatted at most once per second.
class DateLine {
 public:
  Text at(uint64_t unix_seconds) noexcept;

 private:
  uint64_t seconds_ = UINT64_MAX;
  size_t size_ = 0;
  char text_[64];
};

}  // namespace sluice
