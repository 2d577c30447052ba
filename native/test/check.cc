#include "check.h"

#include <algorithm>
#include <cstring>

namespace sluice::test {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

static int failures_in_case = 0;

void fail(const char* file, int line, const std::string& what) {
  if (++failures_in_case <= 10) std::printf("# %s:%d: %s\n", file, line, what.c_str());
}

bool has_failed() { return failures_in_case != 0; }

int run(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--list") == 0) {
    for (const Case& test : cases()) std::printf("%s\t%s\n", test.name, test.file);
    return 0;
  }
  // Without arguments all; else those that have one of them in their name or in that of their file.
  const auto is_wanted = [&](const Case& test) {
    return argc == 1 || std::any_of(argv + 1, argv + argc, [&](const char* part) {
             return std::string_view(test.name).find(part) != std::string_view::npos || std::string_view(test.file).find(part) != std::string_view::npos;
           });
  };
  int failed = 0, run = 0;
  for (const Case& test : cases()) {
    if (!is_wanted(test)) continue;
    failures_in_case = 0;
    ++run;
    test.run();
    std::printf("%s %s\n", failures_in_case ? "not ok" : "ok", test.name);
    if (failures_in_case) ++failed;
  }
  std::printf("# %d tests, %d failed\n", run, failed);
  return failed || run == 0 ? 1 : 0;
}

}  // namespace sluice::test
