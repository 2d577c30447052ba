#include "core/base/image.h"

#include "core/base/crc32c.h"

namespace sluice {
namespace {

uint32_t crc_of(const ImageHead& head, Text rest) noexcept {
  ImageHead bare = head;
  bare.crc = 0;
  return crc32c(crc32c(0, &bare, sizeof bare), rest.data(), rest.size());
}

}  // namespace

void wipe(std::vector<char>& image) noexcept {
  if (!image.empty()) explicit_bzero(image.data(), image.size());
  image.clear();
}

void ImageWriter::begin(ImageOf of) noexcept {
  ImageHead head;
  head.of = of;
  head.version = version_;
  std::memcpy(room(sizeof head), &head, sizeof head);
}

void ImageWriter::grow(size_t octets) noexcept {
  std::vector<char> bigger((size_ + octets) * 2 + 4096);
  if (size_ > 0) std::memcpy(bigger.data(), place_.data(), size_);
  bigger.swap(octets_);
  place_ = octets_;
  wipe(bigger);
}

void ImageWriter::wipe_own() noexcept { wipe(octets_); }

Text ImageWriter::seal() noexcept {
  ImageHead head;
  std::memcpy(&head, place_.data(), sizeof head);
  head.size = size_ - sizeof head;
  head.crc = crc_of(head, Text(place_.data() + sizeof head, head.size));
  std::memcpy(place_.data(), &head, sizeof head);
  return Text(place_.data(), size_);
}

std::vector<char> ImageWriter::finish() noexcept {
  seal();
  octets_.resize(size_);
  return std::move(octets_);
}

Text open_image(Text image, ImageOf of, uint32_t& version, const char*& fault) noexcept {
  ImageHead head;
  const auto broken = [&](const char* why) { return fault = why, Text(); };
  if (image.size() < sizeof head) return broken("it is no image of a shard");
  std::memcpy(&head, image.data(), sizeof head);
  const Text rest = image.substr(sizeof head);
  if (head.magic != ImageHead::kMagic || head.of != of) return broken("it is no image of a shard");
  if (head.version > kImageVersion) return broken("a newer version has written it in a layout that this one does not know");
  if (head.version < kOldestImageVersion) return broken("it is of a version so old that this one no longer reads it");
  if (head.size != rest.size()) return broken("it has not arrived whole");
  if (head.crc != crc_of(head, rest)) return broken("it was damaged on its way");
  version = head.version;
  fault = nullptr;
  return rest;
}

}  // namespace sluice
