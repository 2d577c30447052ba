#include "core/home/binding_record.h"

#include <bit>
#include <cstring>

#include "core/base/crc32c.h"
#include "core/home/binding_key.h"

namespace sluice {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr char kMagic[8] = {'S', 'L', 'U', 'I', 'C', 'E', 'B', '\n'};

struct RawHeader {
  char magic[8];
  uint32_t version;
  uint32_t kind;
  uint64_t key[2];
  uint64_t number;
  char zeros[20];
  uint32_t crc;
};
static_assert(sizeof(RawHeader) == kFileHeader);

struct RawRecord {
  uint32_t crc;
  uint32_t size;
  uint64_t lsn;
  uint64_t hash;
  uint16_t aor_size;
  uint16_t items;
  uint32_t zeros;
};
static_assert(sizeof(RawRecord) == kRecordHead);

// The beginning of each item.
struct RawItem {
  uint8_t kind;
  uint8_t form;
  uint16_t flags;
  uint32_t size;  // including padding
  uint64_t name;
};
static_assert(sizeof(RawItem) == 16);

struct RawTouch {
  uint64_t expires;
  uint64_t updated;
  uint32_t cseq;
  uint32_t age;
};
static_assert(sizeof(RawTouch) == 24);

// Followed by the lengths of the parts, 16 bits each, and the parts.
struct RawPut {
  uint32_t reg_id;
  uint16_t q;
  uint16_t instance_at;
  uint16_t parts;
  uint16_t payer;
};
static_assert(sizeof(RawPut) == 12);

constexpr size_t padded(size_t size) noexcept { return (size + 7) & ~size_t{7}; }

template <typename T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// False: there are not enough octets.
template <typename T>
bool take(Text& octets, T& value) noexcept {
  if (octets.size() < sizeof value) return false;
  std::memcpy(&value, octets.data(), sizeof value);
  octets.remove_prefix(sizeof value);
  return true;
}

bool take_text(Text& octets, size_t size, Text& text) noexcept {
  if (octets.size() < size) return false;
  text = octets.substr(0, size);
  octets.remove_prefix(size);
  return true;
}

}  // namespace

void write_file_header(const FileHeader& header, char* out) noexcept {
  RawHeader raw{};
  std::memcpy(raw.magic, kMagic, sizeof kMagic);
  raw.version = kFormatVersion;
  raw.kind = static_cast<uint32_t>(header.kind);
  raw.key[0] = header.key.k0;
  raw.key[1] = header.key.k1;
  raw.number = header.number;
  raw.crc = crc32c(0, &raw, offsetof(RawHeader, crc));
  std::memcpy(out, &raw, sizeof raw);
}

HeaderFault read_file_header(Text octets, FileHeader& out) noexcept {
  RawHeader raw;
  if (!take(octets, raw) || std::memcmp(raw.magic, kMagic, sizeof kMagic) != 0) return HeaderFault::damaged;
  if (raw.crc != crc32c(0, &raw, offsetof(RawHeader, crc))) return HeaderFault::damaged;
  if (raw.version > kFormatVersion) return HeaderFault::newer;
  out.kind = static_cast<FileKind>(raw.kind);
  out.key = SipKey{raw.key[0], raw.key[1]};
  out.number = raw.number;
  return HeaderFault::none;
}

RecordWriter::RecordWriter(std::string& out, uint64_t lsn, uint64_t hash, Text aor) : out_(out), begin_(out.size()) {
  append(out_, RawRecord{0, 0, lsn, hash, static_cast<uint16_t>(aor.size()), 0, 0});
  out_.append(aor);
  pad();
}

void RecordWriter::put(const BindingBlock& block) {
  uint16_t sizes[kParts];
  for (size_t i = 0; i < kParts; ++i) sizes[i] = static_cast<uint16_t>(block.size_of(static_cast<Part>(i)));
  const size_t texts = block.text_octets();
  const size_t size = padded(sizeof(RawItem) + sizeof(RawTouch) + sizeof(RawPut) + sizeof sizes + texts);
  append(out_, RawItem{static_cast<uint8_t>(RecordItem::Kind::put), static_cast<uint8_t>(block.form & (kKeyIsOfFlow | kInstanceIsInParams)), block.flags, static_cast<uint32_t>(size), block.lsn});
  append(out_, RawTouch{block.expires, block.updated, block.cseq, block.age});
  append(out_, RawPut{block.reg_id, block.q, block.instance_at, kParts, block.payer});
  append(out_, sizes);
  out_.append(block.texts(), texts);
  pad();
  ++items_;
}

void RecordWriter::touch(const BindingBlock& block) {
  append(out_, RawItem{static_cast<uint8_t>(RecordItem::Kind::touch), 0, 0, sizeof(RawItem) + sizeof(RawTouch), block.lsn});
  append(out_, RawTouch{block.expires, block.updated, block.cseq, block.age});
  ++items_;
}

void RecordWriter::drop(uint64_t name) {
  append(out_, RawItem{static_cast<uint8_t>(RecordItem::Kind::drop), 0, 0, sizeof(RawItem), name});
  ++items_;
}

void RecordWriter::finish() noexcept {
  char* const at = out_.data() + begin_;
  const auto size = static_cast<uint32_t>(out_.size() - begin_);
  std::memcpy(at + offsetof(RawRecord, size), &size, sizeof size);
  std::memcpy(at + offsetof(RawRecord, items), &items_, sizeof items_);
  const uint32_t crc = crc32c(0, at + sizeof crc, size - sizeof crc);
  std::memcpy(at, &crc, sizeof crc);
}

void RecordWriter::pad() { out_.append(padded(out_.size() - begin_) - (out_.size() - begin_), '\0'); }

RecordReader::Result RecordReader::read(Text octets) noexcept {
  RawRecord raw;
  Text rest = octets;
  if (!take(rest, raw)) return Result::cut;
  if (raw.size < kRecordHead || raw.size > kMaxRecord || raw.size % 8 != 0) return Result::damaged;
  if (octets.size() < raw.size) return Result::cut;
  if (raw.crc != crc32c(0, octets.data() + sizeof raw.crc, raw.size - sizeof raw.crc)) return Result::damaged;
  size_ = raw.size;
  lsn_ = raw.lsn;
  hash_ = raw.hash;
  items_ = raw.items;
  read_ = 0;
  sound_ = true;
  left_ = octets.substr(kRecordHead, raw.size - kRecordHead);
  if (left_.size() < padded(raw.aor_size)) return Result::damaged;
  aor_ = left_.substr(0, raw.aor_size);
  left_.remove_prefix(padded(raw.aor_size));
  return Result::whole;
}

bool RecordReader::next(RecordItem& item) noexcept {
  if (read_ == items_) return false;
  sound_ = false;
  RawItem raw;
  RawTouch touch{};
  Text rest = left_;
  if (!take(rest, raw) || raw.size < sizeof raw || raw.size % 8 != 0 || raw.size > left_.size()) return false;
  rest = left_.substr(sizeof raw, raw.size - sizeof raw);
  item.kind = static_cast<RecordItem::Kind>(raw.kind);
  if (item.kind < RecordItem::Kind::put || item.kind > RecordItem::Kind::drop) return false;
  if (item.kind != RecordItem::Kind::drop && !take(rest, touch)) return false;
  item.name = raw.name;
  item.age = touch.age;
  item.binding = Binding{};
  item.binding.expires = touch.expires;
  item.binding.updated = touch.updated;
  item.binding.cseq = touch.cseq;
  item.binding.flags = raw.flags;
  if (item.kind == RecordItem::Kind::put && !read_put(rest, raw.form, item)) return false;
  left_.remove_prefix(raw.size);
  ++read_;
  sound_ = true;
  return true;
}


bool RecordReader::read_put(Text octets, uint8_t form, RecordItem& item) noexcept {
  RawPut put;
  uint16_t sizes[kParts] = {};
  if (!take(octets, put)) return false;
  // An older version may have known fewer parts.
  const size_t table = put.parts * sizeof sizes[0];
  if (put.parts > kParts || octets.size() < table) return false;
  std::memcpy(sizes, octets.data(), table);
  octets.remove_prefix(table);
  Binding& binding = item.binding;
  binding.reg_id = put.reg_id;
  binding.q = put.q;
  binding.payer = put.payer;
  for (size_t i = 0; i < kParts; ++i)
    if (is_kept(form, static_cast<Part>(i)) && !take_text(octets, sizes[i], binding.parts[i])) return false;
  const size_t instance = sizes[static_cast<size_t>(Part::instance)];
  if ((form & kInstanceIsInParams) != 0) {
    const Text params = binding[Part::params];
    if (put.instance_at > params.size() || instance > params.size() - put.instance_at) return false;
    binding[Part::instance] = params.substr(put.instance_at, instance);
  }
  if ((form & kKeyIsOfFlow) != 0) {
    if (instance > kKeyScratch - kFlowKeyHead) return false;
    const size_t head = write_flow_key_head(put.reg_id, key_);
    if (instance > 0) std::memcpy(key_ + head, binding[Part::instance].data(), instance);
    binding[Part::key] = Text(key_, head + instance);
  }
  return true;
}

}  // namespace sluice
