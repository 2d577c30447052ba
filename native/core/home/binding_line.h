// An event of a binding as a line of the history: the JSON that src/history would make of it, octet for octet.
#pragma once

#include <string>

#include "core/home/binding_news.h"

namespace sluice {

constexpr size_t kMostBindingLine = 2'600;  // octets

// `run` and `number` name the event for ever; `at`: milliseconds since 1970.
void write_binding_line(const BindingNews& news, Text run, uint64_t number, uint64_t at, std::string& out);

}  // namespace sluice
