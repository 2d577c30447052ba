// What a shard sends to its successor, from one end of the channel to the other.
#include "core/shard/move_channel.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "check.h"

namespace sluice::move_channel_test {
using namespace test;

namespace {

Text write_on(Desk& desk, Text octets) {
  const std::span<char> room = desk.room();
  octets.copy(room.data(), octets.size());
  return Text(room.data(), octets.size());
}

}  // namespace

TEST("what lies on the desk is read in place, what does not is copied, and a touch is answered when all before it was taken") {
  int fd[2];
  CHECK_EQ(DescriptorChannel::open(fd), 0);
  Desk desk;
  CHECK_EQ(desk.make(1 << 16), 0);
  MoveSender sender(fd[0], &desk);
  MoveReceiver receiver(fd[1]);
  receiver.set_patience(1'000);
  CHECK_EQ(sender.desk(), 0);
  const Text first = write_on(desk, "first");
  desk.keep(first);
  CHECK_EQ(sender.octets(Piece::drafts, first), 0);
  const std::string own(100'000, 'x');
  CHECK_EQ(sender.octets(Piece::image, own), 0);
  CHECK_EQ(sender.heard(), EAGAIN);
  CHECK_EQ(sender.touch(Text(desk.room().data(), desk.room().size())), 0);
  CHECK_EQ(sender.octets(Piece::objects, write_on(desk, "second")), 0);
  Piece piece{};
  CHECK_EQ(receiver.next(piece), 0);
  CHECK(piece == Piece::drafts);
  CHECK_EQ(std::string(receiver.octets()), "first");
  // What was kept is not written over.
  CHECK_EQ(std::string(first), "first");
  CHECK_EQ(receiver.next(piece), 0);
  CHECK(piece == Piece::image);
  CHECK(receiver.octets() == own);
  CHECK_EQ(sender.heard(), EAGAIN);
  CHECK_EQ(receiver.next(piece), 0);
  CHECK(piece == Piece::objects);
  CHECK_EQ(std::string(receiver.octets()), "second");
  CHECK_EQ(sender.heard(), 0);
  CHECK_EQ(sender.heard(), EAGAIN);
  close(fd[0]);
  CHECK_EQ(receiver.next(piece), EPIPE);
  close(fd[1]);
}

TEST("a message that makes no sense is refused, and its descriptors are closed") {
  struct {
    PieceHead head;
    uint64_t at, size;
  } place{{Piece::image, 0}, 0, 5};
  const auto refused = [&](Text octets, size_t descriptors, bool has_desk) {
    int fd[2];
    CHECK_EQ(DescriptorChannel::open(fd), 0);
    Desk desk;
    CHECK_EQ(desk.make(4'096), 0);
    MoveReceiver receiver(fd[1]);
    receiver.set_patience(1'000);
    if (has_desk) CHECK_EQ(MoveSender(fd[0], &desk).desk(), 0);
    const int events = eventfd(0, 0);
    const int both[] = {events, events};
    CHECK_EQ(DescriptorChannel(fd[0]).send(octets, both, descriptors), 0);
    Piece piece{};
    const int error = receiver.next(piece);
    for (const int one : {fd[0], fd[1], events}) close(one);
    return error;
  };
  CHECK_EQ(refused(message_of(place, sizeof place), 0, true), 0);
  CHECK_EQ(refused(message_of(place, sizeof place), 0, false), EPROTO);
  CHECK_EQ(refused(message_of(place, sizeof place), 1, true), EPROTO);
  CHECK_EQ(refused(message_of(place, 12), 0, true), EPROTO);
  CHECK_EQ(refused(message_of(place, 3), 0, true), EPROTO);
  place.at = 4'095;
  CHECK_EQ(refused(message_of(place, sizeof place), 0, true), EPROTO);
  place.at = UINT64_MAX;
  CHECK_EQ(refused(message_of(place, sizeof place), 0, true), EPROTO);
  place.head = {Piece::flows, 3};
  CHECK_EQ(refused(message_of(place, sizeof place), 2, true), EPROTO);
  place.head = {Piece::store, 0};
  CHECK_EQ(refused(message_of(place, sizeof place), 0, true), EPROTO);
}

}  // namespace sluice::move_channel_test
