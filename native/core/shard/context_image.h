// Response contexts on their way from one process to the next (transactions_image.h).
#pragma once

#include <memory>

#include "core/base/image.h"
#include "core/shard/proxied_context.h"

namespace sluice {

// The layout that knows several devices of a request; the one before knew one.
constexpr uint32_t kForksSince = 2;
constexpr uint32_t kWholeBreadth = 60;  // as in plain_request.cc

// nullptr: it has none.
void put_context(ImageWriter& image, ProxiedContext* context) noexcept;
// What was answered; layout 1 has what goes back if a device has no further way in the same place.
void put_answer(ImageWriter& image, Text answer, const ProxiedContext* context) noexcept;
std::unique_ptr<ProxiedContext> read_context(ImageReader& image);

}  // namespace sluice
