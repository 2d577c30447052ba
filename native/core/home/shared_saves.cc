#include "core/home/shared_saves.h"

#include <initializer_list>

#include "core/base/base64url.h"
#include "core/crypto/hmac.h"
#include "core/home/shared_row.h"

namespace sluice {
namespace {

// MessagePack.
constexpr unsigned char kNil = 0xC0, kUint64 = 0xCF, kStr32 = 0xDB, kFixArray = 0x90;
constexpr size_t kPackedText = 5, kPackedNumber = 9;
constexpr unsigned kFields = 9;
// Of a binding's name among those of its source, as in src/location/redis-store.ts.
constexpr size_t kMemberOctets = 12;

void put_big_endian(uint64_t value, size_t octets, Writer& out) noexcept {
  for (size_t left = octets; left-- > 0;) out.put(static_cast<char>(value >> 8 * left));
}

void pack(uint64_t value, Writer& out) noexcept {
  out.put(static_cast<char>(kUint64));
  put_big_endian(value, 8, out);
}

void pack(Text text, Writer& out) noexcept {
  out.put(static_cast<char>(kStr32));
  put_big_endian(text.size(), 4, out);
  out.put(text);
}

// The name of a binding among those of its source.
Text member_of(Text aor, Text key, char (&out)[base64url_size(kMemberOctets)]) {
  char named[4'096];
  Writer name(named, sizeof named);
  put_utf8(aor, name);
  name.put('\n');
  put_utf8(key, name);
  uint8_t digest[kSha256Size];
  sha256(named, name.size(), digest);
  return Text(out, base64url_encode(digest, kMemberOctets, out));
}

}  // namespace

void SharedSaves::add(const RegisterOperation& operation, bool is_charged) {
  const Binding* const put = operation.put.empty() ? nullptr : &operation.put.front();
  const Text drop = operation.drop.empty() ? Text() : operation.drop.front();
  size_t most = 0;
  row_.clear();
  if (put != nullptr) {
    Writer row = row_.room(most_of_row(*put));
    put_row(*put, row);
    row_.commit(row);
    most = row.size();
  }
  // Twice: in UTF-8 an octet may be two.
  Writer out = octets_.room(most + 2 * (operation.call_id.size() + drop.size()) + kFields * kPackedNumber + 3 * kPackedText + base64url_size(kMemberOctets));
  const auto pack_utf8 = [&](Text text) {
    size_t size = text.size();
    for (const char c : text) size += static_cast<unsigned char>(c) >> 7;
    out.put(static_cast<char>(kStr32));
    put_big_endian(size, 4, out);
    put_utf8(text, out);
  };
  out.put(static_cast<char>(kFixArray | kFields));
  for (const uint64_t number : std::initializer_list<uint64_t>{operation.now, operation.cseq, operation.max_contacts, operation.max_flows}) pack(number, out);
  pack_utf8(operation.call_id);
  if (drop.empty()) out.put(static_cast<char>(kNil));
  else pack_utf8(drop);
  if (put == nullptr) {
    for (int nils = 0; nils < 3; ++nils) out.put(static_cast<char>(kNil));
  } else {
    char member[base64url_size(kMemberOctets)];
    pack(row_.part(0, row_.size()), out);
    pack(put->expires, out);
    if (is_charged) pack(member_of(operation.aor, (*put)[Part::key], member), out);
    else out.put(static_cast<char>(kNil));
  }
  octets_.commit(out);
}

bool SharedOutcomes::number(char end, size_t& out) noexcept {
  const size_t size = left_.find(end);
  constexpr size_t kMostDigits = 9;
  if (size == 0 || size == Text::npos || size > kMostDigits) return false;
  out = 0;
  for (const char digit : left_.substr(0, size)) {
    if (!is_digit(digit)) return false;
    out = out * 10 + static_cast<size_t>(digit - '0');
  }
  left_.remove_prefix(size + 1);
  return true;
}

SharedOutcome SharedOutcomes::next() noexcept {
  for (Binding skipped; rows_ > 0 && is_sound_;) next_row(skipped);
  if (left_.empty() || !is_sound_) return SharedOutcome::failed;
  const char kind = left_.front();
  left_.remove_prefix(1);
  switch (const auto outcome = static_cast<SharedOutcome>(kind)) {
    case SharedOutcome::saved:
      if (number(';', rows_)) return outcome;
      break;
    case SharedOutcome::out_of_order:
    case SharedOutcome::full:
    case SharedOutcome::source_full: return outcome;
    case SharedOutcome::failed: return outcome;
  }
  is_sound_ = false;
  return SharedOutcome::failed;
}

SharedOutcomes::Row SharedOutcomes::next_row(Binding& out) {
  if (rows_ == 0 || !is_sound_) return Row::none;
  --rows_;
  size_t size = 0;
  is_sound_ = number(':', size) && size <= left_.size();
  if (!is_sound_) return Row::damaged;
  const Text row = left_.substr(0, size);
  room_.resize(room_of_row(row));
  left_.remove_prefix(size);
  return read_row(row, room_.data(), out) ? Row::read : Row::damaged;
}

}  // namespace sluice
