// Runs every TEST and prints one line each, TAP style: "ok NAME" or "not ok NAME"; --list prints the names with their files.
#include <cstring>

#include "check.h"

namespace sluice::test {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

static int failures_in_case = 0;

void fail(const char* file, int line, const std::string& what) {
  if (++failures_in_case <= 10) std::printf("# %s:%d: %s\n", file, line, what.c_str());
}

}  // namespace sluice::test

int main(int argc, char** argv) {
  using namespace sluice::test;
  if (argc > 1 && std::strcmp(argv[1], "--list") == 0) {
    for (const Case& test : cases()) std::printf("%s\t%s\n", test.name, test.file);
    return 0;
  }
  const std::string_view filter = argc > 1 ? argv[1] : "";
  int failed = 0, run = 0;
  for (const Case& test : cases()) {
    if (std::string_view(test.name).find(filter) == std::string_view::npos) continue;
    failures_in_case = 0;
    ++run;
    test.run();
    std::printf("%s %s\n", failures_in_case ? "not ok" : "ok", test.name);
    if (failures_in_case) ++failed;
  }
  std::printf("# %d tests, %d failed\n", run, failed);
  return failed || run == 0 ? 1 : 0;
}
