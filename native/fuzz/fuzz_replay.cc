// Any octets as a journal: the result is a consistent table, which can be copied and restored.
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/base/crc32c.h"
#include "core/home/binding_table.h"

using namespace sluice;

namespace {

constexpr SipKey kKey{1, 2};
constexpr TableBounds kBounds{1'000, 8 << 20};

struct BindingCount final : BindingSink {
  size_t count = 0;
  void take(const Binding& binding) noexcept override {
    for (const Text part : binding.parts)
      if (part.size() > BlockArena::kMaxBlock) std::abort();
    ++count;
  }
};

void replay(BindingTable& table, Text octets) {
  RecordReader record;
  while (record.read(octets) == RecordReader::Result::whole) {
    if (!record.is_end() && !table.restore(record)) return;
    octets.remove_prefix(record.size());
  }
}

// A fuzzer never guesses a checksum or a keyed hash, so give each record the right ones, as far as its size makes sense.
void mend(std::string& octets) {
  SipKey key = kKey;
  for (size_t at = 0; octets.size() - at >= kRecordHead;) {
    uint32_t size;
    uint16_t aor;
    std::memcpy(&size, &octets[at + 4], sizeof size);
    std::memcpy(&aor, &octets[at + 24], sizeof aor);
    size = static_cast<uint32_t>(std::min<size_t>(size & 0xfff8u, (octets.size() - at) & ~size_t{7}));
    if (size < kRecordHead) size = kRecordHead;
    std::memcpy(&octets[at + 4], &size, sizeof size);
    if (aor > 0 && aor <= size - kRecordHead) {
      const uint64_t hash = siphash(key, &octets[at + kRecordHead], aor);
      std::memcpy(&octets[at + 16], &hash, sizeof hash);
    }
    const uint32_t crc = crc32c(0, &octets[at + 4], size - 4);
    std::memcpy(&octets[at], &crc, sizeof crc);
    at += size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string octets(reinterpret_cast<const char*>(data), size);
  FileHeader header;
  read_file_header(octets, header);
  BindingTable table(kKey, kBounds, 1'000);
  replay(table, octets);
  mend(octets);
  replay(table, octets);
  std::string copy;
  for (BindingTable::Walk walk; table.copy_some(walk, copy);) {
  }
  BindingTable again(kKey, kBounds, 1'000);
  replay(again, copy);
  if (again.bindings() != table.bindings() || again.octets() != table.octets()) std::abort();
  BindingCount count;
  table.lookup("sip:a@h", 0, count);
  uint32_t cursor = 0;
  for (bool more = true; more;) table.expire(UINT64_MAX / 2, 1'000'000'000, cursor, more);
  return 0;
}
