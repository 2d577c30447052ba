// Response contexts on their way from one process to the next (transactions_image.h).
#pragma once

#include <memory>

#include "core/base/image.h"
#include "core/shard/proxied_context.h"

namespace sluice {

// The layout that knows several devices of a request; the one before knew one.
constexpr uint32_t kForksSince = 2;

// `context`: nullptr: it has none. `one`: the device that goes over in layout 1; nullptr: none has begun.
void put_context(ImageWriter& image, const ProxiedContext* context, const Fork* one) noexcept;
// `breadth`: the Max-Breadth of layout 1.
std::unique_ptr<ProxiedContext> read_context(ImageReader& image, uint32_t breadth);

}  // namespace sluice
