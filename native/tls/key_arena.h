// Memory for keys: left out of core dumps, kept out of swap where the limit of locked memory allows it, zeroed when it is given back.
#pragma once

#include <memory>

#include "record_state.h"

namespace sluice {

struct ForgetKeys {
  bool is_lent = false;  // somebody else's memory
  void operator()(RecordState* state) const noexcept;
};
using RecordStatePtr = std::unique_ptr<RecordState, ForgetKeys>;

// All zero. nullptr: the system has no such memory.
RecordStatePtr new_record_state() noexcept;

// Whether `memory` lies in it; for tests.
bool is_key_memory(const void* memory) noexcept;

}  // namespace sluice
