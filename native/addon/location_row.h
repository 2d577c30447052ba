// How operations and bindings cross to TypeScript and back: a table of numbers, and one text with all texts one after the other.
#pragma once

#include <napi.h>

#include <algorithm>
#include <string>

#include "core/home/binding_table.h"
#include "latin1.h"

namespace sluice {

// A row in the table of numbers that TypeScript writes and reads (src/location/native-row.ts).
constexpr double kMaxSeen = 9e15;  // of a time in milliseconds
constexpr size_t kRowNumbers = 6;
constexpr size_t kRow = kRowNumbers + kParts;

// Takes numbers and texts in order; detects at the end if they do not add up.
class LocationInput {
 public:
  LocationInput(const Napi::Float64Array& numbers, Text text) : numbers_(numbers.Data()), left_(numbers.ElementLength()), text_(text) {}
  double number() noexcept {
    if (left_ == 0) {
      ok_ = false;
      return 0;
    }
    --left_;
    return *numbers_++;
  }
  uint64_t integer(double most = kMaxSeen) noexcept {
    const double value = number();
    return value >= 0 && value <= most ? static_cast<uint64_t>(value) : value > most ? static_cast<uint64_t>(most) : 0;
  }
  uint32_t integer32() noexcept { return static_cast<uint32_t>(integer(UINT32_MAX)); }
  Text text(uint64_t size) noexcept {
    if (size > text_.size()) {
      ok_ = false;
      return {};
    }
    const Text taken = text_.substr(0, size);
    text_.remove_prefix(size);
    return taken;
  }
  bool ok() const noexcept { return ok_; }

 private:
  const double* numbers_;
  size_t left_;
  Text text_;
  bool ok_ = true;
};

// Writes bindings after the first two numbers, which belong to the caller; counts those there is no room for.
class LocationOutput : public BindingSink {
 public:
  explicit LocationOutput(Napi::Float64Array& numbers) : at_(numbers.Data() + 2), left_(numbers.ElementLength() < 2 ? 0 : (numbers.ElementLength() - 2) / kRow) {
    text_.clear();
  }
  void take(const Binding& binding) noexcept override {
    ++count_;
    if (left_ == 0) return;
    --left_;
    for (const double number : {static_cast<double>(binding.expires), static_cast<double>(binding.updated), static_cast<double>(binding.cseq),
                                static_cast<double>(binding.reg_id), static_cast<double>(binding.q), static_cast<double>(binding.flags)})
      *at_++ = number;
    for (const Text part : binding.parts) {
      *at_++ = static_cast<double>(part.size());
      text_.append(part);
    }
  }
  double count() const noexcept { return count_; }
  Napi::Value text(Napi::Env env) const { return to_latin1(env, text_); }

 private:
  inline static thread_local std::string text_;
  double* at_;
  size_t left_;
  double count_ = 0;
};

inline uint64_t time_of(const Napi::Value& value) {
  const double number = value.ToNumber();
  return number > 0 ? static_cast<uint64_t>(std::min(number, kMaxSeen)) : 0;
}

}  // namespace sluice
