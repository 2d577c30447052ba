// Removing values from comma lists and from the Route set (RFC 3261 16.4, 16.6 step 6).
#pragma once

#include "core/base/edit_list.h"
#include "core/sip/message.h"

namespace sluice {

// Cuts the first `count` values of all header lines of `id`, and lines of which nothing is left.
void cut_values(const Message& message, HeaderId id, size_t count, EditList& edits) noexcept;

// Cuts the first Via, and its line if nothing else is on it. The message has a well-formed first Via.
void cut_top_via(const Message& message, EditList& edits) noexcept;

// Cuts every line of `id`.
void cut_lines(const Message& message, HeaderId id, EditList& edits) noexcept;

// The n-th value of all lines of `id`, or an empty view.
Text nth_value(const Message& message, HeaderId id, size_t n) noexcept;

// A strict router has put our own Record-Route URI into the Request-URI: the last Route value moves back there (RFC 3261 16.4). The
// first `cut` Route values go as well. False: there is no Route value to put there.
[[gnu::cold]] bool undo_strict_route(const Message& message, size_t cut, EditList& edits) noexcept;

// The next hop is a strict router: its URI becomes the Request-URI, the old Request-URI goes to the end of Route (RFC 3261 16.6 step 6).
// `next_uri` is the URI of the Route value after our own `cut` ones; `text` holds the new Route line until apply().
[[gnu::cold]] void apply_strict_route(const Message& message, size_t cut, Text next_uri, Writer& text, EditList& edits) noexcept;

}  // namespace sluice
