// What a process leaves to its successor, as plain octets: numbers in the order of this machine, texts with their length, no pointer. One
// function describes a thing for both directions: fields() copies out of it or into it. A writer of a newer layout can write an older one,
// for the way back to the version before, so descriptions ask for version().
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/bytes.h"

namespace sluice {

// Without padding, whose octets would tell what was in memory before.
template <typename T>
concept ImageField = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && std::has_unique_object_representations_v<T>;

// The layout that this version writes, and the oldest one that it reads. Numbers of enumerations are part of the layout.
constexpr uint32_t kImageVersion = 4;
constexpr uint32_t kOldestImageVersion = 1;

enum class ImageOf : uint32_t { shard = 1, process = 2, logins = 3, flow = 4, drafts = 5 };

// What an image begins with.
struct ImageHead {
  static constexpr uint64_t kMagic = 0x656761'6d494c53;  // "SLImage"
  uint64_t magic = kMagic;
  uint64_t size = 0;  // octets after it
  uint32_t version = 0;
  ImageOf of = ImageOf::shard;
  uint32_t crc = 0;   // CRC-32C of everything but itself
  uint32_t unused = 0;
};

// The octets after the head. On a fault they are empty, and `fault` is a constant text.
Text open_image(Text image, ImageOf of, uint32_t& version, const char*& fault) noexcept;

class ImageWriter {
 public:
  static constexpr bool kReads = false;

  // `memory`: to write into, as far as it reaches; what is in it is lost.
  ImageWriter(ImageOf of, uint32_t version, std::vector<char>&& memory = {}) noexcept : version_(version), octets_(std::move(memory)) {
    octets_.resize(octets_.capacity());
    place_ = octets_;
    begin(of);
  }
  // Into memory of somebody else, as far as it reaches.
  ImageWriter(ImageOf of, uint32_t version, std::span<char> memory) noexcept : version_(version), place_(memory) { begin(of); }
  ~ImageWriter() { wipe_own(); }
  ImageWriter(const ImageWriter&) = delete;
  ImageWriter& operator=(const ImageWriter&) = delete;
  uint32_t version() const noexcept { return version_; }

  template <ImageField... T>
  void fields(const T&... values) noexcept {
    char* at = room((sizeof(T) + ...));
    ((std::memcpy(at, &values, sizeof(T)), at += sizeof(T)), ...);
  }
  void text(Text octets) noexcept {
    fields(static_cast<uint32_t>(octets.size()));
    if (!octets.empty()) octets.copy(room(octets.size()), octets.size());
  }
  // So many things of a kind follow.
  void count(size_t number) noexcept { fields(static_cast<uint32_t>(number)); }
  // A number that is known only after what follows it.
  size_t later() noexcept { return fields(uint32_t{0}), size_ - sizeof(uint32_t); }
  void set(size_t at, uint32_t number) noexcept { std::memcpy(place_.data() + at, &number, sizeof number); }

  // What has been written, and what of it from there on; back to there.
  size_t size() const noexcept { return size_; }
  Text since(size_t at) const noexcept { return Text(place_.data() + at, size_ - at); }
  void take_back(size_t at) noexcept { size_ = at; }

  // The whole image, where it was written. In memory of this writer if there was too little elsewhere.
  Text seal() noexcept;
  // The same, if it was not told where to write.
  std::vector<char> finish() noexcept;

 private:
  char* room(size_t octets) noexcept {
    if (place_.size() - size_ < octets) grow(octets);
    size_ += octets;
    return place_.data() + size_ - octets;
  }

  void begin(ImageOf of) noexcept;
  void grow(size_t octets) noexcept;
  void wipe_own() noexcept;

  const uint32_t version_;
  std::vector<char> octets_;
  std::span<char> place_;
  size_t size_ = 0;
};

// An image may hold keys of TLS: nothing of it stays in memory.
void wipe(std::vector<char>& image) noexcept;

// Reads octets that anyone may have written. After the first fault everything reads as zero or empty.
class ImageReader {
 public:
  static constexpr bool kReads = true;

  ImageReader(Text octets, uint32_t version) noexcept : rest_(octets), version_(version) {}
  uint32_t version() const noexcept { return version_; }

  template <ImageField... T>
  void fields(T&... values) noexcept {
    constexpr size_t kSize = (sizeof(T) + ...);
    if (rest_.size() < kSize) {
      fail("it ends too early");
      ((values = T{}), ...);
      return;
    }
    const char* at = rest_.data();
    ((read(at, values), at += sizeof(T)), ...);
    rest_.remove_prefix(kSize);
  }
  // Lies in the image.
  Text text() noexcept {
    const size_t size = count(1);
    const Text octets = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return octets;
  }
  // How many things follow that take at least so many octets each.
  uint32_t count(size_t least) noexcept {
    uint32_t number = 0;
    fields(number);
    if (number <= rest_.size() / least) return number;
    fail("it announces more than it holds");
    return 0;
  }

  bool good() const noexcept { return fault_ == nullptr; }
  bool empty() const noexcept { return rest_.empty(); }
  // The first fault counts; a constant text.
  void fail(const char* fault) noexcept {
    if (fault_ == nullptr) fault_ = fault;
    rest_ = Text();
  }
  void expect(bool is_true, const char* otherwise) noexcept {
    if (!is_true) fail(otherwise);
  }
  const char* fault() const noexcept { return fault_; }

 private:
  template <typename T>
  static void read(const char* at, T& value) noexcept {
    if constexpr (std::same_as<T, bool>) value = *at != 0;
    else std::memcpy(&value, at, sizeof value);
  }

  Text rest_;
  const uint32_t version_;
  const char* fault_ = nullptr;
};

// All that an image of this kind holds: `read(image)`. nullptr, or why it cannot be taken over; a constant text.
template <typename Read>
const char* adopt_image(Text octets, ImageOf of, Read&& read) {
  const char* fault = nullptr;
  uint32_t version = 0;
  // Only then is the version known.
  const Text inside = open_image(octets, of, version, fault);
  ImageReader image(inside, version);
  if (fault != nullptr) return fault;
  read(image);
  image.expect(image.empty(), "something follows its end");
  return image.fault();
}

}  // namespace sluice
