#include "core/flow/kept_memory.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <new>

#include "core/flow/flow_table.h"

namespace sluice {
namespace {

constexpr uint64_t kKeptMagic = 0x5357'4f4c'4654'504b;

// Nothing of it takes memory before that is promised, so there is room for every slot that a token can name.
constexpr size_t kKeptLayersAt = (20 << 10) + size_t{FlowTable::kMostSlots} * KeptMemory::kFlowOctets;
constexpr size_t kKeptNotesAt = kKeptLayersAt + size_t{FlowTable::kMostSlots} * sizeof(KeptLayer);
constexpr size_t kKeptHandAt = kKeptNotesAt + size_t{FlowTable::kMostSlots} * sizeof(KeptNotes);
constexpr size_t kKeptOctets = kKeptHandAt + sizeof(KeptHand);
static_assert(sizeof(Flow) == KeptMemory::kFlowOctets && sizeof(KeptHead) <= 20 << 10);
static_assert(kKeptHandAt % 4096 == 0 && sizeof(KeptHand) % 4096 == 0);

}  // namespace

std::unique_ptr<KeptMemory> KeptMemory::make(int& error, size_t most) noexcept {
  // Beyond this limit the kernel does not refuse, it kills.
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  if (limit.rlim_cur < kKeptOctets) return error = EFBIG, nullptr;
  std::unique_ptr<KeptMemory> made(new (std::nothrow) KeptMemory);
  error = made ? made->memory_.make("flows", kKeptOctets, most) : ENOMEM;
  if (error == 0) error = made->memory_.promise(0, kHeadOctets);
  if (error != 0) return nullptr;
  made->head().magic = kKeptMagic;
  return made;
}

std::unique_ptr<KeptMemory> KeptMemory::read(int fd, uint64_t layout, const char*& fault) noexcept {
  std::unique_ptr<KeptMemory> found(new (std::nothrow) KeptMemory);
  if (!found) return fault = "there is no memory to read it", nullptr;
  if (found->memory_.read(fd) != 0) return fault = "it cannot be mapped", nullptr;
  if (found->memory_.size() != kKeptOctets) return fault = "it has another size", nullptr;
  if (found->head().magic != kKeptMagic || found->head().layout != layout) return fault = "another version has written it", nullptr;
  if (!found->is_sound(fd)) return fault = "it is damaged", nullptr;
  return found;
}

// All that the head names has been promised, and so is there. What is not there must not be touched, and a damaged number would name gigabytes of it.
bool KeptMemory::is_sound(int fd) const noexcept {
  struct stat status {};
  const KeptHead& said = head();
  if (fstat(fd, &status) != 0 || said.slots > FlowTable::kMostSlots || said.has_hand > 1) return false;
  const uint32_t last = (said.slots + kKeptPiece - 1) / kKeptPiece;
  size_t octets = kHeadOctets + size_t{last} * kKeptPiece * kFlowOctets + (said.has_hand ? sizeof(KeptHand) : 0);
  for (uint32_t i = 0; i < KeptHead::kMostPieces; ++i) {
    const uint8_t has = said.pieces[i];
    if (has != 0 && (i >= last || has > (kPiece_layers | kPiece_notes))) return false;
    octets += (has & kPiece_layers ? kKeptPiece * sizeof(KeptLayer) : 0) + (has & kPiece_notes ? kKeptPiece * sizeof(KeptNotes) : 0);
  }
  return octets <= static_cast<size_t>(status.st_blocks) * 512;
}

bool KeptMemory::is(int file) const noexcept {
  struct stat ours {}, other {};
  return fstat(fd(), &ours) == 0 && fstat(file, &other) == 0 && ours.st_ino == other.st_ino && ours.st_dev == other.st_dev;
}

KeptNotes* KeptMemory::notes(uint32_t slot) const noexcept {
  return head().pieces[slot / kKeptPiece] & kPiece_notes ? reinterpret_cast<KeptNotes*>(memory_.octets() + kKeptNotesAt + slot * sizeof(KeptNotes)) : nullptr;
}

KeptLayer* KeptMemory::layer(uint32_t slot) const noexcept {
  return head().pieces[slot / kKeptPiece] & kPiece_layers ? reinterpret_cast<KeptLayer*>(memory_.octets() + kKeptLayersAt + slot * sizeof(KeptLayer)) : nullptr;
}

KeptHand* KeptMemory::hand() const noexcept { return head().has_hand ? reinterpret_cast<KeptHand*>(memory_.octets() + kKeptHandAt) : nullptr; }

KeptHand* KeptMemory::make_hand() noexcept {
  if (head().has_hand == 0 && memory_.promise(kKeptHandAt, sizeof(KeptHand)) == 0) head().has_hand = 1;
  return hand();
}

Flow* KeptMemory::make_flows(uint32_t slot) noexcept {
  const size_t first = slot / kKeptPiece * kKeptPiece;
  if (memory_.promise(kHeadOctets + first * kFlowOctets, kKeptPiece * kFlowOctets) != 0) return nullptr;
  return flow(static_cast<uint32_t>(first));
}

bool KeptMemory::make_piece(KeptPiece which, uint32_t slot, size_t at, size_t each) noexcept {
  uint8_t& has = head().pieces[slot / kKeptPiece];
  if ((has & which) == 0 && memory_.promise(at + slot / kKeptPiece * kKeptPiece * each, kKeptPiece * each) == 0) has |= which;
  return (has & which) != 0;
}

KeptLayer* KeptMemory::make_layer(uint32_t slot) noexcept { return make_piece(kPiece_layers, slot, kKeptLayersAt, sizeof(KeptLayer)) ? layer(slot) : nullptr; }

KeptNotes* KeptMemory::make_notes(uint32_t slot) noexcept { return make_piece(kPiece_notes, slot, kKeptNotesAt, sizeof(KeptNotes)) ? notes(slot) : nullptr; }

}  // namespace sluice
