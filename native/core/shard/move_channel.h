// What a shard sends to the one that takes over from it, in another process: messages over a DescriptorChannel (docs/decisions/handover.md).
// What is long lies on a desk that both have, or in a file of memory that goes along.
#pragma once

#include <memory>
#include <vector>

#include "core/base/desk.h"
#include "core/home/binding_store.h"
#include "core/shard/moving_flow.h"
#include "core/transport/descriptor_channel.h"

namespace sluice {

// Numbers of the message. `objects`: what JavaScript leaves to JavaScript. `touch`: something will lie there.
enum class Piece : uint32_t { flows = 1, image = 2, commons = 3, logins = 4, store = 5, objects = 6, desk = 7, drafts = 8, touch = 9 };

struct PieceHead {
  Piece piece;
  uint32_t count;  // of flows
};

// A whole message; it ends with what its piece has.
struct PieceMessage {
  static constexpr size_t kMostFlows = DescriptorChannel::kMostDescriptors;
  struct FlowPlace {
    uint32_t slot, generation;
  };
  struct DeskPlace {
    uint64_t at, size;
  };
  struct JournalPlace {
    uint64_t number, size, next_lsn;
  };

  PieceHead head;
  union {
    FlowPlace flows[kMostFlows];
    DeskPlace place;
    JournalPlace journal;
  };
};

class MoveSender {
 public:
  // Owns neither.
  MoveSender(int channel, const Desk* desk) noexcept : channel_(channel), desk_(desk) {}
  void set_patience(int milliseconds) noexcept { channel_.set_patience(milliseconds); }
  // A shard that serves must not wait for the other process: what finds no room is EAGAIN from now on.
  void never_wait() noexcept { waits_ = false; }

  // Each: 0 or an errno.
  // Without `waits` it stops at EAGAIN; `sent` says how many have gone.
  int flows(const std::vector<MovingFlow>& flows, bool waits, size_t& sent) noexcept;
  int desk() noexcept;
  // Octets on the desk are named, others are copied.
  int octets(Piece piece, Text octets) noexcept;
  int store(const BindingStore::End& end) noexcept;
  // Something will be written there soon: the other one finds its pages, and answers when it has taken all that was sent before.
  int touch(Text octets) noexcept { return this->octets(Piece::touch, octets); }
  // Whether such an answer is here: 0, EAGAIN or another errno.
  int heard() noexcept;

 private:
  int send(Text octets, const int* descriptors, size_t count) noexcept { return waits_ ? channel_.send(octets, descriptors, count) : channel_.try_send(octets, descriptors, count); }

  DescriptorChannel channel_;
  const Desk* desk_;
  bool waits_ = true;
};

class MoveReceiver {
 public:
  explicit MoveReceiver(int channel) noexcept : channel_(channel) {}
  ~MoveReceiver() noexcept { drop_copy(); }
  MoveReceiver(const MoveReceiver&) = delete;
  MoveReceiver& operator=(const MoveReceiver&) = delete;
  void set_patience(int milliseconds) noexcept { channel_.set_patience(milliseconds); }

  // Waits for the next piece that is the shard's: 0 or an errno, EPROTO if it makes no sense.
  int next(Piece& piece) noexcept;
  // Of the last piece. Their descriptors are the caller's.
  const std::vector<MovingFlow>& flows() const noexcept { return flows_; }
  // Until the next one.
  Text octets() const noexcept { return octets_; }
  const BindingStore::End& store() const noexcept { return store_; }
  // How often the other process has announced what will lie on the desk: what comes after the last time comes in its stop.
  uint32_t touches() const noexcept { return touches_; }

 private:
  int take_flows(const PieceMessage& message, size_t size, const int* descriptors, size_t count) noexcept;
  int take_file(Piece piece, int file) noexcept;
  int take_place(const PieceMessage& message) noexcept;
  void drop_copy() noexcept;

  DescriptorChannel channel_;
  std::unique_ptr<Desk> desk_;
  Text copy_;  // mapped
  Text octets_;
  std::vector<MovingFlow> flows_;
  BindingStore::End store_;
  uint32_t touches_ = 0;
};

}  // namespace sluice
