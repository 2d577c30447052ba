// The smallest test harness that names requirements: TEST("GR-1 names in any case") { CHECK(…); }
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::test {

struct Case {
  const char* name;
  const char* file;
  void (*run)();
};

std::vector<Case>& cases();
void fail(const char* file, int line, const std::string& what);
bool has_failed();  // the current test

// Runs every TEST and prints one line each, TAP style: "ok NAME" or "not ok NAME"; --list prints the names with their files. Returns the exit status.
int run(int argc, char** argv);

struct Register {
  Register(const char* name, const char* file, void (*run)()) { cases().push_back({name, file, run}); }
};

template <typename A, typename B>
void check_equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (a == b) return;
  std::string what = text;
  if constexpr (std::is_convertible_v<A, std::string_view> && std::is_convertible_v<B, std::string_view>) {
    what += ": '" + std::string(std::string_view(a)) + "' is not '" + std::string(std::string_view(b)) + "'";
  } else if constexpr ((std::is_integral_v<A> || std::is_enum_v<A>) && (std::is_integral_v<B> || std::is_enum_v<B>)) {
    what += ": " + std::to_string(static_cast<long long>(a)) + " is not " + std::to_string(static_cast<long long>(b));
  }
  fail(file, line, what);
}

}  // namespace sluice::test

#define SLUICE_CONCAT2(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT2(a, b)
#define SLUICE_TEST_AS(id, name)                                                         \
  static void id();                                                                      \
  static const ::sluice::test::Register SLUICE_CONCAT(id, _registered)(name, __FILE__, id); \
  static void id()
#define TEST(name) SLUICE_TEST_AS(SLUICE_CONCAT(test_, __COUNTER__), name)
#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) ::sluice::test::fail(__FILE__, __LINE__, #condition); \
  } while (0)
#define CHECK_EQ(a, b) ::sluice::test::check_equal((a), (b), #a " == " #b, __FILE__, __LINE__)
