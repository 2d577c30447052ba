// CPU time and memory of a process and all its descendants, as accounted by the kernel.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

namespace sluice::bench {

struct Memory {
  int64_t pss_kib = 0;
  int64_t rss_kib = 0;
};

class ProcessTree {
 public:
  // Kamailio is a family of processes, so count all descendants of the given one.
  explicit ProcessTree(pid_t root) {
    if (root <= 0) return;
    pids_.push_back(root);
    std::vector<std::pair<pid_t, pid_t>> parents = all_parents();
    for (size_t i = 0; i < pids_.size(); ++i) {
      for (auto [pid, parent] : parents) {
        if (parent == pids_[i]) pids_.push_back(pid);
      }
    }
  }

  bool empty() const noexcept { return pids_.empty(); }
  size_t size() const noexcept { return pids_.size(); }

  // User and system time of all threads, including ended ones. The CPU clock of a process is what /proc/PID/stat rounds to 10 ms.
  int64_t cpu_ns() const noexcept {
    int64_t sum = 0;
    for (pid_t pid : pids_) {
      clockid_t clock;
      timespec t;
      if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0) sum += t.tv_sec * 1000000000LL + t.tv_nsec;
    }
    return sum;
  }

  Memory memory() const noexcept {
    Memory sum;
    for (pid_t pid : pids_) {
      char path[64];
      std::snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
      FILE* file = std::fopen(path, "r");
      if (file == nullptr) continue;
      char line[256];
      while (std::fgets(line, sizeof line, file) != nullptr) {
        if (std::strncmp(line, "Pss:", 4) == 0) sum.pss_kib += std::atoll(line + 4);
        if (std::strncmp(line, "Rss:", 4) == 0) sum.rss_kib += std::atoll(line + 4);
      }
      std::fclose(file);
    }
    return sum;
  }

 private:
  static std::vector<std::pair<pid_t, pid_t>> all_parents() {
    std::vector<std::pair<pid_t, pid_t>> parents;
    DIR* proc = opendir("/proc");
    if (proc == nullptr) return parents;
    while (dirent* entry = readdir(proc)) {
      pid_t pid = std::atoi(entry->d_name);
      if (pid <= 0) continue;
      char path[64], text[512];
      std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
      FILE* file = std::fopen(path, "r");
      if (file == nullptr) continue;
      size_t n = std::fread(text, 1, sizeof text - 1, file);
      std::fclose(file);
      text[n] = 0;
      // The name in brackets may contain spaces and brackets: the parent is two fields after the last bracket.
      const char* after = std::strrchr(text, ')');
      if (after != nullptr && std::strlen(after) > 4) parents.emplace_back(pid, std::atoi(after + 4));
    }
    closedir(proc);
    return parents;
  }

  std::vector<pid_t> pids_;
};

}  // namespace sluice::bench
