// How long do so many phones take to register again, all at once, through one shard? Simulated with the product's own admission
// (core/relay/admission.h) and the costs that are given, which bench/storm.mjs measures. Prints one line of JSON.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <queue>
#include <string>
#include <vector>

#include "core/relay/admission.h"

namespace {

using namespace sluice;

constexpr uint64_t kTimerF = 32 * kSecond;
constexpr Admission::Bounds kBounds{64u << 20, 1'000};

struct Settings {
  double phones = 15'000;
  double rate = 5'000;        // REGISTERs a second that the upstream answers
  double latency_ms = 1;      // that it takes when it has nothing else to do
  double refuses = 0;         // 1: it answers what is too much with 503; 0: that waits there
  double pause_ms = 0;        // it works for so long and stands still for so long, by turns
  double connection_us = 30;  // CPU of the edge for a connection, its handshakes included
  double register_us = 10;    // CPU of the edge for a REGISTER and its response
  double arrive_s = 1;        // they come within so many seconds
  double backlog = 4'096;     // connections that the kernel keeps for us
  double again_s = 30;        // a phone that failed tries again after this
  double follow = -1;         // what happens to this phone is printed (to stderr)
};

struct Phone {
  uint64_t sent = 0;
  uint32_t transaction = 0;
  uint8_t put_off = 0;
  uint8_t tries = 0;  // to connect
  bool is_in = false;
  bool connected = false;
};

struct Due {
  uint64_t at;
  uint32_t phone;
  uint32_t transaction;
  enum Kind : uint8_t { connect, register_, give_up } kind;
  bool operator>(const Due& other) const { return at > other.at; }
};

class Storm {
 public:
  explicit Storm(const Settings& s) : s_(s), counters_(numbers_), admission_(counters_, SipKey{0x9E3779B97F4A7C15u, 0xD6E8FEB86659FD93u}), phones_(static_cast<size_t>(s.phones)) {}

  void run() {
    for (uint32_t i = 0; i < phones_.size(); ++i) due_.push({static_cast<uint64_t>(s_.arrive_s * kSecond * i / s_.phones), i, 0, Due::connect});
    for (now_ = kSecond; in_ < phones_.size() && now_ < 7'200 * kSecond; now_ += kMs) step();
    const double seconds = static_cast<double>(last_ - kSecond) / kSecond, ideal = std::max(s_.phones / s_.rate, s_.phones * (s_.connection_us + s_.register_us) / 1e6);
    uint32_t most = 0, thrice = 0;
    int64_t unlucky = -1;  // the first phone with three
    for (size_t i = 0; i < phones_.size(); ++i) {
      most = std::max<uint32_t>(most, phones_[i].put_off);
      if (phones_[i].put_off <= 2) continue;
      ++thrice;
      if (unlucky < 0) unlucky = static_cast<int64_t>(i);
    }
    std::printf("{\"workload\":\"storm-simulated\",\"flows\":%.0f,\"rate\":%.0f,\"refuses\":%.0f,\"seconds_until_all\":%.2f,\"at_best\":%.2f,\"in\":%zu,\"put_off\":%llu,\"put_off_by_upstream\":%llu,"
                "\"most_503_of_a_phone\":%u,\"more_than_two_503\":%u,\"first_of_those\":%lld,\"timed_out\":%llu,\"most_waiting\":%u,\"edge_cpu_seconds\":%.2f}\n",
                s_.phones, s_.rate, s_.refuses, seconds, ideal, in_, static_cast<unsigned long long>(numbers_[static_cast<size_t>(Counter::registers_put_off)]),
                static_cast<unsigned long long>(refused_), most, thrice, static_cast<long long>(unlucky), static_cast<unsigned long long>(timed_out_), most_waiting_, cpu_used_ / 1e6);
  }

 private:
  void step() {
    cpu_ = std::min(cpu_ + 1'000, 1'000.0);
    while (!due_.empty() && due_.top().at + kSecond <= now_) {
      const Due due = due_.top();
      due_.pop();
      happen(due);
    }
    upstream();
    read();
    if (now_ % (50 * kMs) == 0) {
      admission_.tick(now_, [](int, bool) {});
      most_waiting_ = std::max<uint32_t>(most_waiting_, static_cast<uint32_t>(numbers_[static_cast<size_t>(Counter::registers_waiting)]));
    }
    release();
    accept();
  }

  void use(double us) { cpu_ -= us, cpu_used_ += us; }
  void later(uint64_t pause, uint32_t phone, Due::Kind kind) { due_.push({now_ - kSecond + pause, phone, phones_[phone].transaction, kind}); }

  // `number`: the rank of a REGISTER, or seconds.
  void tell(uint32_t phone, const char* what, unsigned number) const {
    if (static_cast<double>(phone) != s_.follow) return;
    const auto of = [this](Counter counter) { return static_cast<long long>(numbers_[static_cast<size_t>(counter)]); };
    std::fprintf(stderr, "%.3f s: phone %u %s (%u); %lld wait, the window is %lld, %lld a second\n", static_cast<double>(now_ - kSecond) / kSecond, phone, what, number,
                 of(Counter::registers_waiting), of(Counter::register_window), of(Counter::register_rate));
  }

  void happen(const Due& due) {
    Phone& phone = phones_[due.phone];
    if (phone.is_in) return;
    if (due.kind == Due::connect) {
      if (phone.connected) return register_(due.phone);
      if (static_cast<double>(connecting_.size()) < s_.backlog) return connecting_.push_back(due.phone);
      // The kernel repeats SYN after 1 s, 2 s, 4 s.
      return later(kSecond << std::min<unsigned>(phone.tries++, 4), due.phone, Due::connect);
    }
    if (due.kind == Due::register_) return register_(due.phone);
    if (due.transaction != phone.transaction) return;
    ++timed_out_;
    ++phone.transaction;
    tell(due.phone, "has given up", 0);
    later(static_cast<uint64_t>(s_.again_s * kSecond), due.phone, Due::register_);
  }

  void accept() {
    while (!connecting_.empty() && cpu_ > 0 && (admission_.accepts() > 0 || static_cast<double>(connecting_.size()) * 2 > s_.backlog)) {
      admission_.accepted();
      use(s_.connection_us);
      phones_[connecting_.front()].connected = true;
      register_(connecting_.front());
      connecting_.pop_front();
    }
  }

  void register_(uint32_t index) {
    Phone& phone = phones_[index];
    ++phone.transaction;
    phone.sent = now_;
    later(kTimerF, index, Due::give_up);
    arrived_.push_back(index);
  }

  static uint64_t key_of(uint32_t index, uint32_t transaction) { return (uint64_t{index} + 1) * 0x9E3779B97F4A7C15ull ^ (uint64_t{transaction} << 1); }

  // As well mixed as the hash of an address: multiples of one number alone would all meet in a few lines of the memory.
  static uint32_t phone_of(uint32_t index) {
    uint64_t hash = key_of(index, 0);
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93ull;
    return static_cast<uint32_t>(hash >> 32);
  }

  static Address address_of(uint32_t index) {
    Address address;
    address.ip[0] = static_cast<uint8_t>(index >> 8), address.ip[1] = static_cast<uint8_t>(index);
    return address;
  }

  void read() {
    while (!arrived_.empty() && cpu_ > 0) {
      const uint32_t index = arrived_.front();
      arrived_.pop_front();
      use(s_.register_us);
      ask(index, phones_[index].transaction);
    }
  }

  void ask(uint32_t index, uint32_t transaction) {
    const uint32_t hash = phone_of(index);
    Source source;
    source.slot = index;
    source.generation = transaction;
    source.remote = address_of(index);
    const Admission::Request request{.key = key_of(index, transaction), .target = 0, .rank = admission_.rank_of(hash, source.remote, now_), .source = source, .phone = hash};
    const Admission::Answer answer = admission_.ask(request, now_);
    tell(index, answer == Admission::Answer::send ? "is sent" : answer == Admission::Answer::wait ? "waits" : answer == Admission::Answer::refuse ? "would wait too long" : "is absorbed", static_cast<unsigned>(request.rank));
    switch (answer) {
      case Admission::Answer::send: return upstream_.push_back({now_, index, transaction});
      case Admission::Answer::absorb: return;
      case Admission::Answer::wait:
        if (admission_.keep(request, Text(kOctets, sizeof kOctets), Text(), kBounds, now_)) return;
        break;
      case Admission::Answer::refuse: break;
    }
    put_off(index, admission_.put_off(request, kBounds, now_));
  }

  void put_off(uint32_t index, uint32_t seconds) {
    Phone& phone = phones_[index];
    ++phone.put_off;
    ++phone.transaction;
    tell(index, "is told to come back in so many seconds", seconds);
    later(seconds * kSecond, index, Due::register_);
  }

  void release() {
    admission_.release(now_, [&](const Admission::Waiting& waiting) {
      ask_again_.push_back({waiting.source.slot, waiting.source.generation});
      return Admission::LetGo::sent;
    });
    for (const auto& [index, transaction] : ask_again_) ask(index, transaction);
    ask_again_.clear();
  }

  void upstream() {
    // One that refuses counts over a tenth of a second.
    credit_ = std::min(credit_ + s_.rate / 1e3, s_.refuses != 0 ? s_.rate / 10 : s_.rate / 1e3 + 1);
    if (s_.pause_ms > 0 && now_ / kMs / static_cast<uint64_t>(s_.pause_ms) % 2 == 1) return;
    while (!upstream_.empty() && now_ - upstream_.front().at >= static_cast<uint64_t>(s_.latency_ms * kMs)) {
      const bool bears = credit_ >= 1;
      if (!bears && s_.refuses == 0) return;
      const Asked one = upstream_.front();
      upstream_.pop_front();
      if (bears) credit_ -= 1;
      admission_.answered(key_of(one.phone, one.transaction), !bears, now_);
      Phone& phone = phones_[one.phone];
      if (one.transaction != phone.transaction || phone.is_in) continue;
      if (!bears) {
        ++refused_;
        admission_.turned_away(phone_of(one.phone), address_of(one.phone), now_);
        put_off(one.phone, 5 + one.phone % 6);
        continue;
      }
      const Address from = address_of(one.phone);
      admission_.registered(phone_of(one.phone), &from);
      phone.is_in = true;
      tell(one.phone, "is in", 0);
      ++in_;
      last_ = now_;
    }
  }

  struct Asked {
    uint64_t at;
    uint32_t phone;
    uint32_t transaction;
  };
  static constexpr char kOctets[700] = {};

  const Settings s_;
  int64_t numbers_[static_cast<size_t>(Counter::count_)] = {};
  Counters counters_;
  Admission admission_;
  std::vector<Phone> phones_;
  std::priority_queue<Due, std::vector<Due>, std::greater<Due>> due_;
  std::deque<uint32_t> connecting_, arrived_;
  std::deque<Asked> upstream_;
  std::vector<std::pair<uint32_t, uint32_t>> ask_again_;
  uint64_t now_ = 0, last_ = 0;
  double cpu_ = 0, cpu_used_ = 0, credit_ = 0;
  size_t in_ = 0;
  uint64_t refused_ = 0, timed_out_ = 0;
  uint32_t most_waiting_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  const std::pair<const char*, double*> known[] = {
      {"--phones", &settings.phones}, {"--rate", &settings.rate}, {"--latency-ms", &settings.latency_ms}, {"--refuses", &settings.refuses}, {"--pause-ms", &settings.pause_ms}, {"--connection-us", &settings.connection_us},
      {"--register-us", &settings.register_us}, {"--arrive-s", &settings.arrive_s}, {"--backlog", &settings.backlog}, {"--again-s", &settings.again_s}, {"--follow", &settings.follow}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto found = std::find_if(std::begin(known), std::end(known), [&](const auto& one) { return std::strcmp(one.first, argv[i]) == 0; });
    if (found == std::end(known)) return std::fprintf(stderr, "storm_sim: no option %s\n", argv[i]), 2;
    *found->second = std::atof(argv[i + 1]);
  }
  Storm(settings).run();
  return 0;
}
