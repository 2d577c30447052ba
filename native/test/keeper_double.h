// The keeper, for tests that play the processes.
#pragma once

#include <cstring>

#include "core/transport/descriptor_channel.h"
#include "keeper/holdings.h"

namespace sluice::test {

// The keeper takes all that it was told.
inline void take_all(int channel, Holdings& holdings) {
  static char room[1 << 16];
  int descriptors[DescriptorChannel::kMostDescriptors];
  size_t count = 0;
  for (ssize_t size; (size = DescriptorChannel(channel).try_receive(room, sizeof room, descriptors, &count)) > 0;) {
    KeeperHead head{};
    std::memcpy(&head, room, sizeof head);
    holdings.take(head, Text(room + sizeof head, static_cast<size_t>(size) - sizeof head), descriptors, count);
  }
}

}  // namespace sluice::test
