// A flat JSON object on one line. Names and texts are our own, so nothing needs escaping.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace sluice::bench {

class JsonLine {
 public:
  JsonLine& text(const char* name, const std::string& value) { return put(name, "\"" + value + "\""); }
  JsonLine& count(const char* name, uint64_t value) { return put(name, std::to_string(value)); }
  JsonLine& real(const char* name, double value) { return put(name, print(value)); }

  JsonLine& pair(const char* name, int64_t before, int64_t after) {
    return put(name, "[" + std::to_string(before) + "," + std::to_string(after) + "]");
  }

  void print_line() const { std::printf("{%s}\n", fields_.c_str()); }

 private:
  static std::string print(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value);
    return text;
  }

  JsonLine& put(const char* name, const std::string& value) {
    if (!fields_.empty()) fields_ += ',';
    fields_.append("\"").append(name).append("\":").append(value);
    return *this;
  }

  std::string fields_;
};

}  // namespace sluice::bench
