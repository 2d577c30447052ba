// What the operator's history keeps of a shard: failed calls, and who came and went over which flow. Rare events, copied into a bounded queue
// that the process empties several times a second; nothing here is done for a message that succeeds.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/counters.h"
#include "core/base/wall_ms.h"
#include "core/observe/failed_calls.h"
#include "core/sip/address.h"
#include "core/sip/message.h"

namespace sluice {

struct News {
  Event event = Event::call_failed;
  Address peer;         // who answered, or who was answered; port 0: not known
  uint64_t at = 0;      // milliseconds since 1970
  int32_t number = 0;   // flow_lost: the Counter that says why; registrations: the reg-id
  uint32_t lasted = 0;  // flow_lost: ticks
  std::string text;     // of a call: the head of the response; else the AOR, a line end, and the instance
};

class NewsQueue {
 public:
  static constexpr size_t kMostOctets = 2u << 20;  // ten thousand registrations, or a thousand failed calls, between two takings
  static constexpr size_t kMostText = 2'048;       // octets of the head of a response

  NewsQueue(Counters& counters, bool on, const SipKey& key) noexcept : counters_(counters), on_(on), failed_calls_(key) {}

  // A response on its way; `head` is its head.
  void response(Event event, Method method, int status, const Address& peer, Text head) noexcept {
    if (method == Method::invite && is_failed_call(status)) call(event, peer, head);
  }
  // `response`: of an INVITE.
  void call(Event event, const Address& peer, Text response) noexcept {
    if (!on_) return;
    if (!failed_calls_.takes(event == Event::call_refused ? peer : Address{}, wall_ms())) return counters_.add(Counter::news_suppressed);
    News news;
    news.event = event;
    news.peer = peer;
    news.text = response.substr(0, kMostText);
    add(std::move(news));
  }
  // A registration began or ended on a flow.
  void registration(Event event, const Address& peer, Text aor, Text instance, uint32_t number, uint32_t lasted = 0) noexcept {
    if (!on_) return;
    News news;
    news.event = event;
    news.peer = peer;
    news.number = static_cast<int32_t>(number);
    news.lasted = lasted;
    news.text.append(aor).append("\n").append(instance);
    add(std::move(news));
  }

  std::vector<News> take() noexcept {
    octets_ = 0;
    return std::exchange(list_, {});
  }

 private:
  // Whether the response ends a call that somebody expected to succeed: neither a redirection nor a challenge, nor was it cancelled.
  static bool is_failed_call(int status) noexcept { return status >= 400 && status != 401 && status != 407 && status != 487; }

  void add(News news) noexcept {
    const size_t octets = sizeof news + news.text.size();
    if (octets_ + octets > kMostOctets) return counters_.add(Counter::news_lost);
    octets_ += octets;
    news.at = wall_ms();
    list_.push_back(std::move(news));
  }

  Counters& counters_;
  const bool on_;
  FailedCalls failed_calls_;
  std::vector<News> list_;
  size_t octets_ = 0;
};

}  // namespace sluice
