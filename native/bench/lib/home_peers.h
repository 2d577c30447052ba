// Everyone around a registrar, on one UDP socket: the edge of all flows, the phones behind it, and strangers who call them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "clock.h"
#include "datagrams.h"
#include "histogram.h"
#include "home_requests.h"
#include "ledger.h"
#include "response.h"
#include "tally.h"

namespace sluice::bench {

enum class HomeWork { kRegister, kMessage, kInvite, kQuery };

// One flow of a user's device.
struct Phone {
  uint32_t sent = 0, acknowledged = 0;  // CSeq numbers; 0: none
  uint32_t nonce_count = 0;
  std::string nonce;
};

class HomePeers {
 public:
  // `devices`: that the flows of a user belong to. `expires`: what each REGISTER asks for; 0: as below.
  HomePeers(const sockaddr_in& server, const sockaddr_in& local, uint32_t users, uint32_t flows, uint32_t devices, Digest digest, uint32_t expires)
      : server_(server), users_(users), flows_(flows), devices_(devices), digest_(digest), expires_(expires), datagrams_(local, false), requests_(text_of(datagrams_.fd())), phones_(users * flows) {}

  std::vector<Phone>& phones() noexcept { return phones_; }
  HomeRequests& requests() noexcept { return requests_; }
  Ledger& ledger() noexcept { return ledger_; }
  Tally& tally() noexcept { return tally_; }
  Histogram& latencies() noexcept { return latencies_; }
  const std::string& first_wrong() const noexcept { return first_wrong_; }
  // Bindings that a query did not find, or found older than what was answered 200.
  uint64_t missing() const noexcept { return missing_; }

  // What a REGISTER asks for tells which one a binding is of, as long as fewer than 100 seconds have passed.
  static uint32_t expires_of(uint32_t cseq) noexcept { return 1'000 + 100 * (cseq % 50); }

  void start(HomeWork work, uint32_t number, int64_t now) {
    if (work == HomeWork::kRegister) return send_register(number % static_cast<uint32_t>(phones_.size()), now);
    const uint32_t user = number % users_;
    const uint32_t seq = ledger_.open(user, now);
    char* room = datagrams_.room();
    if (work == HomeWork::kQuery) return commit(requests_.write_query(room, Datagrams::kRoom, user, seq));
    commit(requests_.write_call(room, Datagrams::kRoom, work == HomeWork::kInvite ? "INVITE" : "MESSAGE", user, seq));
  }

  // Sends what was started and takes what has come; false: nothing has.
  bool round() {
    datagrams_.flush();
    const unsigned count = datagrams_.receive([this](const char* data, size_t size, const sockaddr_in&, in_addr) {
      Message m;
      if (read_message(Text(data, size), m) == Read::kWhole) m.response ? response(m, Text(data, size)) : request(m);
    });
    return count > 0;
  }

 private:
  void send_register(uint32_t number, int64_t now) {
    Phone& phone = phones_[number];
    const uint32_t cseq = ledger_.open(number, now) + 1;
    phone.sent = cseq;
    Login login{digest_};
    if (!phone.nonce.empty()) login.nonce = phone.nonce.c_str(), login.count = ++phone.nonce_count;
    const uint32_t user = number / flows_, flow = number % flows_;
    commit(requests_.write_register(datagrams_.room(), Datagrams::kRoom, user, user * devices_ + flow % devices_, 1 + flow / devices_, number, cseq, expires_ != 0 ? expires_ : expires_of(cseq), login));
  }

  // A call that has come to its phone: 486 to an INVITE, 200 to everything else.
  void request(const Message& m) {
    if (m.method == "ACK") return;
    commit(write_response(m, datagrams_.room(), Datagrams::kRoom, {m.method == "INVITE" ? "486 Busy Here" : "200 OK"}));
  }

  void response(const Message& m, Text octets) {
    if (m.status < 200) return;
    const Text method = cseq_method(m);
    const uint32_t seq = method == "REGISTER" ? static_cast<uint32_t>(std::atol(value_of(m.cseq).data())) - 1 : m.seq;
    if (method == "INVITE") commit(requests_.write_ack(datagrams_.room(), Datagrams::kRoom, m));
    int64_t opened = 0;
    if (m.flow == kNoNumber || ledger_.close(seq, m.flow, opened) != Ledger::Outcome::kDone) return;
    if (m.status == 401 && digest_ != Digest::kNone && method == "REGISTER") return challenged(m.flow, octets, opened);
    const bool is_query = method == "REGISTER" && m.seq == HomeRequests::kQuerySeq;
    // The object path has had its share of this second: nothing is wrong, and the question stays.
    if (is_query && m.status == 503 && asked_again_ < kMostAgain * users_) return ++asked_again_, start(HomeWork::kQuery, m.flow, now_ns());
    ++tally_.done;
    latencies_.add(now_ns() - opened);
    if (m.status != (method == "INVITE" ? 486 : 200)) return wrong(octets);
    if (is_query) return compare(m.flow, octets);
    if (method == "REGISTER") phones_[m.flow].acknowledged = std::max(phones_[m.flow].acknowledged, seq + 1);
  }

  void wrong(Text octets) {
    if (tally_.mismatched++ == 0) first_wrong_ = octets.substr(0, octets.find('\r'));
  }

  // Once more with the new nonce; the time runs from the first request.
  void challenged(uint32_t number, Text octets, int64_t opened) {
    Phone& phone = phones_[number];
    const std::string algorithm = std::string("algorithm=") + name_of(digest_);
    for (size_t at = 0; (at = octets.find("\r\nWWW-Authenticate:", at)) != Text::npos; ++at) {
      const Text line = octets.substr(at + 2, octets.find('\r', at + 2) - at - 2);
      const size_t begin = line.find("nonce=\"");
      if (begin == Text::npos || (line.find("algorithm=") != Text::npos && line.find(algorithm) == Text::npos)) continue;
      const Text rest = line.substr(begin + 7);
      // The same challenge again: these credentials are refused for another reason.
      if (phone.nonce == rest.substr(0, rest.find('"'))) break;
      phone.nonce = rest.substr(0, rest.find('"'));
      phone.nonce_count = 0;
      return send_register(number, opened);
    }
    ++tally_.done;
    wrong(octets);
  }

  // Every flow of the user that was answered 200 must be there, as that REGISTER or the one after it left it.
  void compare(uint32_t user, Text octets) {
    for (uint32_t flow = 0; flow < flows_; ++flow) {
      const Phone& phone = phones_[user * flows_ + flow];
      if (phone.acknowledged == 0) continue;
      const std::string mark = ";reg-id=" + std::to_string(flow + 1);
      const size_t at = octets.find(mark);
      const Text line = at == Text::npos ? Text() : octets.substr(at, octets.find('\r', at) - at);
      const size_t expires = line.find(";expires=");
      const long left = expires == Text::npos ? -1 : std::atol(line.data() + expires + 9);
      const auto is_of = [left](uint32_t cseq) { return left <= static_cast<long>(expires_of(cseq)) && left > static_cast<long>(expires_of(cseq)) - 100; };
      if (!is_of(phone.acknowledged) && !is_of(phone.sent)) ++missing_;
    }
  }

  void commit(size_t size) { datagrams_.commit(size, server_, {}); }

  static std::string text_of(int fd) {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    char ip[INET_ADDRSTRLEN];
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) die("getsockname");
    return std::string(inet_ntop(AF_INET, &own.sin_addr, ip, sizeof ip)) + ":" + std::to_string(ntohs(own.sin_port));
  }

  sockaddr_in server_;
  uint32_t users_, flows_, devices_;
  Digest digest_;
  uint32_t expires_;
  Datagrams datagrams_;
  HomeRequests requests_;
  std::vector<Phone> phones_;
  Ledger ledger_;
  Tally tally_;
  static constexpr uint32_t kMostAgain = 50;  // for each user
  uint64_t asked_again_ = 0;
  Histogram latencies_;
  std::string first_wrong_;
  uint64_t missing_ = 0;
};

}  // namespace sluice::bench
