// Octets that are kept for about the same time, written one after the other into large pieces of memory. What is kept is memory that nobody
// has touched yet, so its page faults cost more than what is copied into it: a piece is one huge page, where the system has them.
#pragma once

#include <cstdint>

#include "core/base/buffer_pool.h"
#include "core/base/bytes.h"

namespace sluice {

class OctetLog {
 public:
  static constexpr size_t kPiece = 2u << 20;
  static constexpr size_t kMostKept = kPiece / 8;  // of one text

  // Its memory counts towards the cap of the pool, and `most` octets is all that it takes of it: one text keeps a whole piece from going
  // back, so whoever lets one wait in each must not get the room of others. It comes piece by piece.
  OctetLog(BufferPool& pool, size_t most) noexcept : pool_(pool), most_((most + kPiece - 1) / kPiece) {}
  ~OctetLog() noexcept;  // nothing is kept any longer
  OctetLog(const OctetLog&) = delete;
  OctetLog& operator=(const OctetLog&) = delete;

  // A copy of both as one text; empty: there is no room, or nothing to keep.
  Text keep(Text head, Text body) noexcept;
  // `kept` is what keep() returned.
  void give_back(Text kept) noexcept;

  size_t pieces() const noexcept { return pieces_; }
  size_t most() const noexcept { return most_ * kPiece; }
  bool is_over_half() const noexcept { return pieces_ * 2 > most_; }

 private:
  struct Piece {
    uint32_t used;  // octets from its beginning on, this included
    uint32_t texts;
  };

  Piece* map() noexcept;
  static Piece* piece_of(const char* octets) noexcept { return reinterpret_cast<Piece*>(reinterpret_cast<uintptr_t>(octets) & ~uintptr_t{kPiece - 1}); }
  void drop(Piece* piece) noexcept;

  BufferPool& pool_;
  const size_t most_;  // pieces
  size_t pieces_ = 0;
  Piece* at_ = nullptr;     // where the next text goes
  Piece* spare_ = nullptr;  // so that a piece is not given back and fetched again and again
};

}  // namespace sluice
