// What must hold whatever comes from the network. Debug and sanitizer builds end the process where it does not; a release looks at nothing.
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
