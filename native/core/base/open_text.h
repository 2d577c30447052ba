// Text that grows at its end. Unlike std::string it does not clear the room for what is to be written.
#pragma once

#include <algorithm>
#include <memory>

#include "core/base/edit_list.h"

namespace sluice {

class OpenText {
 public:
  size_t size() const noexcept { return size_; }
  void clear() noexcept { size_ = 0; }
  // Room for `most` octets at the end; commit() keeps what was written there. Views of earlier octets end here.
  Writer room(size_t most) {
    if (capacity_ - size_ < most) grow(most);
    return Writer(octets_.get() + size_, most);
  }
  void commit(const Writer& written) noexcept { size_ += written.size(); }
  Text part(size_t at, size_t size) const noexcept { return Text(octets_.get() + at, size); }

 private:
  void grow(size_t most) {
    const size_t capacity = std::max(2 * capacity_, size_ + most);
    std::unique_ptr<char[]> octets(new char[capacity]);
    std::copy_n(octets_.get(), size_, octets.get());
    octets_ = std::move(octets);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> octets_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace sluice
