// REGISTERs as a store that several nodes share carries them out: those of a batch in one script (src/location/redis-scripts.ts). They go
// there as MessagePack; what became of them comes back as text.
#pragma once

#include <vector>

#include "core/base/open_text.h"
#include "core/home/binding.h"

namespace sluice {

// Collects operations that put or drop at most one binding each.
class SharedSaves {
 public:
  // `is_charged`: what it puts counts against the share of a source.
  void add(const RegisterOperation& operation, bool is_charged);
  Text octets() const noexcept { return octets_.part(0, octets_.size()); }
  void clear() noexcept { octets_.clear(); }

 private:
  OpenText octets_;
  OpenText row_;
};

// What became of the operations, in their order.
enum class SharedOutcome : char { saved = 's', out_of_order = 'o', full = 'f', source_full = 'p', failed = 'e' };

class SharedOutcomes {
 public:
  explicit SharedOutcomes(Text octets) noexcept : left_(octets) {}

  // `failed` also for whatever is missing or malformed. Of a saved one rows() follow.
  SharedOutcome next() noexcept;
  enum class Row { read, damaged, none };
  // The next binding of the address.
  Row next_row(Binding& out);
  // False: where a row ends is not known, so nothing more can be read.
  bool is_sound() const noexcept { return is_sound_; }

 private:
  bool number(char end, size_t& out) noexcept;

  Text left_;
  size_t rows_ = 0;
  bool is_sound_ = true;
  std::vector<char> room_;
};

}  // namespace sluice
