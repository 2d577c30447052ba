#include "core/base/desk.h"

#include <unistd.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kPage = 4'096;
constexpr size_t kLine = 64;
// Memory is asked for in such pieces, so that there is so much room at least.
constexpr size_t kDeskPiece = 2 << 20;

}  // namespace

int Desk::open(int file) noexcept {
  const int error = memory_.read(file);
  close(file);
  return error;
}

std::span<char> Desk::room() noexcept {
  while (promised_ < std::min(memory_.size(), kept_ + kDeskPiece)) {
    const size_t piece = std::min(kDeskPiece, memory_.size() - promised_);
    if (memory_.promise(promised_, piece) != 0) break;
    promised_ += piece;
  }
  return std::span<char>(memory_.octets() + kept_, promised_ - std::min(kept_, promised_));
}

void Desk::keep(Text octets) noexcept { kept_ = std::min(memory_.size(), (place_of(octets) + octets.size() + kLine - 1) / kLine * kLine); }

Text Desk::at(size_t place, size_t size) const noexcept { return place < memory_.size() && size <= memory_.size() - place ? Text(memory_.octets() + place, size) : Text(); }

void Desk::touch(size_t place, size_t size) const noexcept {
  const Text octets = at(place, size);
  for (size_t i = 0; i < octets.size(); i += kPage) static_cast<void>(*static_cast<const volatile char*>(octets.data() + i));
}

}  // namespace sluice
