// Command-line options of the form --name value.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <string>

namespace sluice::bench {

class Options {
 public:
  // Every option has a default; an unknown name or a missing value ends the program with a list of the options.
  Options(int argc, char** argv, std::initializer_list<std::pair<const std::string, std::string>> defaults) : values_(defaults) {
    for (int i = 1; i < argc; i += 2) {
      std::string name = argv[i];
      auto found = name.starts_with("--") ? values_.find(name.substr(2)) : values_.end();
      if (found == values_.end() || i + 1 == argc) usage(name);
      found->second = argv[i + 1];
    }
  }

  const std::string& text(const char* name) const { return values_.at(name); }
  long number(const char* name) const { return std::atol(values_.at(name).c_str()); }
  double real(const char* name) const { return std::atof(values_.at(name).c_str()); }
  bool is(const char* name, const char* value) const { return values_.at(name) == value; }

 private:
  [[noreturn]] void usage(const std::string& wrong) const {
    std::fprintf(stderr, "unknown or without a value: %s\noptions and their defaults:", wrong.c_str());
    for (const auto& [name, value] : values_) std::fprintf(stderr, " --%s %s", name.c_str(), value.empty() ? "''" : value.c_str());
    std::fprintf(stderr, "\n");
    std::exit(2);
  }

  std::map<std::string, std::string> values_;
};

}  // namespace sluice::bench
