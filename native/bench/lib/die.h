#pragma once

#include <cstdio>
#include <cstdlib>

namespace sluice::bench {

// Ends the program, saying what failed and why.
[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

}  // namespace sluice::bench
