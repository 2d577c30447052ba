// MD5 (RFC 1321), only for digest authentication, where most phones still use it (RFC 8760 2.1).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

constexpr size_t kMd5Size = 16;

void md5(const void* data, size_t size, uint8_t out[kMd5Size]) noexcept;

}  // namespace sluice
