// The server as its keeper sees it: a child that is started, watched, and started again after a crash. Upgrades replace it by a child of its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "holdings.h"
#include "standby.h"

namespace sluice {

// One line of the log, like those of the server. `level` is one of pino's.
void say(const char* level, const std::string& text);
// "SIGKILL ended it", as waitpid(2) reports it; -1: unknown.
std::string how_of(int status);
uint64_t clock_ns();
// Milliseconds for poll(2), rounded up; -1: `due` is 0, so never.
int ms_until(uint64_t due);

class Server {
 public:
  // `has_standby`: a second one is kept ready.
  Server(std::vector<char*> command, bool has_standby) : command_(std::move(command)), standby_(has_standby) {}

  // The standby goes on, if there is one. False: nothing can be started.
  bool start();
  // -1: nobody is at the other end.
  int channel() const { return is_heard_ ? channel_ : -1; }
  // Becomes readable when the server has ended.
  int watch() const { return watch_; }
  pid_t pid() const { return pid_; }
  void pass_on(int signal) const;

  // Everything that it has said.
  void hear() { is_heard_ = is_heard_ && hear_all(); }
  // It has ended. False: another process serves, or did so before and goes on.
  bool has_ended(int& status);
  // Nobody that it has started can say any more that it serves. False: somebody has said so just now.
  bool is_over();
  // Says how long to wait before the next start, in ms; -1: it has crashed too often.
  int crashed(int status);

  Standby& standby() { return standby_; }
  void tend();
  // Milliseconds until there is something to tend; -1: nothing is due.
  int rest_ms() const;

  // It was told to end, or said that it does.
  bool is_ending = false;
  const Holdings& holdings() const { return holdings_; }

 private:
  // So many crashes, each within so long of the start, are too many.
  static constexpr uint32_t kMostQuick = 5;
  static constexpr uint64_t kQuickNs = 10'000'000'000;
  // One that has lived for so long has served, and the next one is not kept waiting: only a start that fails again and again costs too much.
  static constexpr uint64_t kServedNs = 1'500'000'000;

  // A standby that has not said a word for so long after it was told to serve hangs: it is killed, and a start like any other follows.
  static constexpr uint64_t kTurnNs = 10'000'000'000;

  bool hear_all();
  void take(const KeeperHead& head, Text rest, const int* descriptors, size_t count);
  void serves(pid_t pid);
  void look_at(pid_t pid);

  std::vector<char*> command_;
  Holdings holdings_;
  Standby standby_;
  KeeperDeath death_{};
  int channel_ = -1;
  bool is_heard_ = false;
  pid_t pid_ = 0;
  pid_t before_ = 0;  // which it has replaced, and which goes on if this one ends soon
  int watch_ = -1;
  uint64_t started_ = 0;
  bool has_served_ = false;  // since the last crash
  uint64_t turn_due_ = 0;  // when a standby must have said its first word; 0: it has, or none was told
  uint32_t quick_ = 0;
  uint64_t complained_ = 0;
};

}  // namespace sluice
