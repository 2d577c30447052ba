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
constexpr size_t kKeptOctets = kKeptNotesAt + size_t{FlowTable::kMostSlots} * sizeof(KeptNotes);
static_assert(sizeof(Flow) == KeptMemory::kFlowOctets && sizeof(KeptHead) <= 20 << 10);

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
  return found;
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
