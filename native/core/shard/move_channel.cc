#include "core/shard/move_channel.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice {
int MoveSender::flows(const std::vector<MovingFlow>& flows, bool waits, size_t& sent) noexcept {
  for (sent = 0; sent < flows.size();) {
    const size_t count = std::min(PieceMessage::kMostFlows, flows.size() - sent);
    PieceMessage message;
    int descriptors[PieceMessage::kMostFlows];
    message.head = {Piece::flows, static_cast<uint32_t>(count)};
    for (size_t i = 0; i < count; ++i) {
      const MovingFlow& flow = flows[sent + i];
      message.flows[i] = {flow.slot, flow.generation};
      descriptors[i] = flow.fd;
    }
    const Text octets = message_of(message, sizeof(PieceHead) + count * sizeof(PieceMessage::FlowPlace));
    const int error = waits ? channel_.send(octets, descriptors, count) : channel_.try_send(octets, descriptors, count);
    if (error != 0) return error;
    sent += count;
  }
  return 0;
}

int MoveSender::desk() noexcept {
  const PieceHead head{Piece::desk, 0};
  const int file = desk_->file();
  return send(message_of(head), &file, 1);
}

int MoveSender::octets(Piece piece, Text octets) noexcept {
  if (desk_ != nullptr && desk_->holds(octets)) {
    PieceMessage message;
    message.head = {piece, 0};
    message.place = {desk_->place_of(octets), octets.size()};
    return send(message_of(message, sizeof(PieceHead) + sizeof message.place), nullptr, 0);
  }
  const int file = memfd_create("image", MFD_CLOEXEC);
  if (file < 0) return errno;
  int error = 0;
  for (size_t at = 0; at < octets.size() && error == 0;) {
    const ssize_t size = write(file, octets.data() + at, octets.size() - at);
    if (size > 0) at += static_cast<size_t>(size);
    else if (errno != EINTR) error = errno;
  }
  const PieceHead head{piece, 0};
  if (error == 0) error = send(message_of(head), &file, 1);
  close(file);
  return error;
}

int MoveSender::store(const BindingStore::End& end) noexcept {
  PieceMessage message;
  message.head = {Piece::store, 0};
  message.journal = {end.journal.number, end.journal.size, end.next_lsn};
  return send(message_of(message, sizeof(PieceHead) + sizeof message.journal), nullptr, 0);
}

int MoveSender::heard() noexcept {
  PieceHead head;
  int descriptors[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  const ssize_t got = channel_.try_receive(reinterpret_cast<char*>(&head), sizeof head, descriptors, &count);
  return got < 0 ? static_cast<int>(-got) : 0;
}

int MoveReceiver::next(Piece& piece) noexcept {
  for (;;) {
    PieceMessage message;
    message.head = {};
    int descriptors[PieceMessage::kMostFlows];
    size_t count = 0;
    const ssize_t got = channel_.receive(reinterpret_cast<char*>(&message), sizeof message, descriptors, &count);
    if (got < 0) return static_cast<int>(-got);
    const auto size = static_cast<size_t>(got);
    piece = message.head.piece;
    drop_copy();
    if (size >= sizeof(PieceHead) && piece == Piece::flows) return take_flows(message, size, descriptors, count);
    if (size == sizeof(PieceHead) && count == 1 && piece != Piece::store) {
      const int error = take_file(piece, descriptors[0]);
      if (error != 0 || piece != Piece::desk) return error;
    } else if (size == sizeof(PieceHead) + sizeof message.journal && count == 0 && piece == Piece::store) {
      store_ = {{message.journal.number, message.journal.size}, message.journal.next_lsn};
      return 0;
    } else if (size == sizeof(PieceHead) + sizeof message.place && count == 0 && piece != Piece::store) {
      const int error = take_place(message);
      if (error != 0 || piece != Piece::touch) return error;
    } else {
      for (size_t i = 0; i < count; ++i) close(descriptors[i]);
      return EPROTO;
    }
  }
}

int MoveReceiver::take_flows(const PieceMessage& message, size_t size, const int* descriptors, size_t count) noexcept {
  const bool is_sound = size == sizeof(PieceHead) + count * sizeof(PieceMessage::FlowPlace) && message.head.count == count;
  flows_.clear();
  for (size_t i = 0; i < count; ++i) {
    if (is_sound) flows_.push_back({message.flows[i].slot, message.flows[i].generation, descriptors[i]});
    else close(descriptors[i]);
  }
  return is_sound ? 0 : EPROTO;
}

int MoveReceiver::take_file(Piece piece, int file) noexcept {
  if (piece == Piece::desk) {
    desk_ = std::make_unique<Desk>();
    return desk_->open(file);
  }
  struct stat status {};
  fstat(file, &status);
  const auto size = static_cast<size_t>(status.st_size);
  void* const start = size == 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  close(file);
  if (start == MAP_FAILED) return EPROTO;
  madvise(start, size, MADV_DONTDUMP);
  octets_ = copy_ = Text(static_cast<const char*>(start), size);
  return 0;
}

int MoveReceiver::take_place(const PieceMessage& message) noexcept {
  const PieceMessage::DeskPlace& place = message.place;
  if (desk_ == nullptr) return EPROTO;
  if (message.head.piece == Piece::touch) {
    desk_->touch(place.at, place.size);
    ++touches_;
    return channel_.send(message_of(message.head), nullptr, 0);
  }
  octets_ = desk_->at(place.at, place.size);
  return octets_.empty() ? EPROTO : 0;
}

void MoveReceiver::drop_copy() noexcept {
  if (!copy_.empty()) munmap(const_cast<char*>(copy_.data()), copy_.size());
  octets_ = copy_ = Text();
}

}  // namespace sluice
