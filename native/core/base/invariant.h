// What must hold whatever arrives from the network. Debug and sanitizer builds abort when it does not; a release checks nothing.
#pragma once

#if !defined(NDEBUG) || defined(SLUICE_CHECKED)

#include <cstdio>
#include <cstdlib>

#define SLUICE_INVARIANT(condition)                                                                  \
  do {                                                                                               \
    if (!(condition)) {                                                                              \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition);         \
      std::abort();                                                                                  \
    }                                                                                                \
  } while (0)

#else

#define SLUICE_INVARIANT(condition) static_cast<void>(sizeof(condition))

#endif
