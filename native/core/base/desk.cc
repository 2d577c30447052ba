#include "core/base/desk.h"

#include <unistd.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kPage = 4'096;
constexpr size_t kLine = 64;

}  // namespace

int Desk::open(int file) noexcept {
  const int error = memory_.read(file);
  close(file);
  return error;
}

void Desk::keep(Text octets) noexcept { kept_ = std::min(memory_.size(), (place_of(octets) + octets.size() + kLine - 1) / kLine * kLine); }

Text Desk::at(size_t place, size_t size) const noexcept { return place < memory_.size() && size <= memory_.size() - place ? Text(memory_.octets() + place, size) : Text(); }

void Desk::touch(size_t place, size_t size) const noexcept {
  const Text octets = at(place, size);
  for (size_t i = 0; i < octets.size(); i += kPage) static_cast<void>(*static_cast<const volatile char*>(octets.data() + i));
}

}  // namespace sluice
