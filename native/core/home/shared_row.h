// A binding as nodes that share a store keep it there (src/location/row.ts): an array of JSON in UTF-8, in which each octet of ours is a
// character.
#pragma once

#include "core/base/edit_list.h"
#include "core/home/binding.h"

namespace sluice {

// Octets that a row takes at most.
size_t most_of_row(const Binding& binding) noexcept;
void put_row(const Binding& binding, Writer& out) noexcept;

// `room` holds the texts and has at least room_of_row() octets. False: it is no row.
inline size_t room_of_row(Text row) noexcept { return 2 * row.size(); }  // the length of a value of the Path takes more than its quotes
bool read_row(Text row, char* room, Binding& out) noexcept;

// Writes text as UTF-8.
void put_utf8(Text octets, Writer& out) noexcept;

}  // namespace sluice
