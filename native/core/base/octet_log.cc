#include "core/base/octet_log.h"

#include <sys/mman.h>

#include <cstring>
#include <new>
#include <utility>

#include "core/base/invariant.h"

namespace sluice {
namespace {

constexpr size_t kAlign = 8;

}  // namespace

OctetLog::~OctetLog() noexcept {
  if (at_ != nullptr) drop(at_);
  if (spare_ != nullptr) drop(spare_);
}

Text OctetLog::keep(Text head, Text body) noexcept {
  const size_t size = head.size() + body.size();
  if (size == 0 || size > kMostKept) return Text();
  if (at_ == nullptr || kPiece - at_->used < size) {
    Piece* next = std::exchange(spare_, nullptr);
    if (next == nullptr && (next = map()) == nullptr) return Text();
    at_ = next;  // the former is given back with its last text
  }
  char* const into = reinterpret_cast<char*>(at_) + at_->used;
  std::memcpy(into, head.data(), head.size());
  if (!body.empty()) std::memcpy(into + head.size(), body.data(), body.size());
  at_->used += static_cast<uint32_t>((size + kAlign - 1) / kAlign * kAlign);
  ++at_->texts;
  return Text(into, size);
}

void OctetLog::give_back(Text kept) noexcept {
  if (kept.empty()) return;
  Piece* const piece = piece_of(kept.data());
  SLUICE_INVARIANT(piece->texts > 0);
  if (--piece->texts > 0) return;
  piece->used = sizeof(Piece);
  if (piece == at_) return;
  if (spare_ == nullptr) spare_ = piece;
  else drop(piece);
}

// Aligned to its size, so that a text leads to its piece.
OctetLog::Piece* OctetLog::map() noexcept {
  if (pieces_ >= most_ || !pool_.charge(kPiece)) return nullptr;
  void* const mapped = mmap(nullptr, 2 * kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return pool_.refund(kPiece), nullptr;
  char* const begin = static_cast<char*>(mapped);
  char* const piece = reinterpret_cast<char*>(piece_of(begin + kPiece - 1));
  if (piece > begin) munmap(begin, static_cast<size_t>(piece - begin));
  munmap(piece + kPiece, static_cast<size_t>(begin + kPiece - piece));
  madvise(piece, kPiece, MADV_HUGEPAGE);  // a system that has none takes small ones
  ++pieces_;
  return new (piece) Piece{sizeof(Piece), 0};
}

void OctetLog::drop(Piece* piece) noexcept {
  munmap(piece, kPiece);
  pool_.refund(kPiece);
  --pieces_;
}

}  // namespace sluice
