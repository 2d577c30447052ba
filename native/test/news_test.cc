// What a shard tells the history, and what it counts of calls, registrations and the core's answers.
#include <algorithm>

#include "core/relay/answer_times.h"
#include "shard_rig.h"

namespace sluice::news_test {
using namespace test;

namespace {

struct Scene {
  Scene() : core(Peer::bound(SOCK_DGRAM)) {
    rig.upstreams({{Transport::udp, core.port()}});
    rig.policy = [](unsigned, const int32_t* record, int32_t* verdict) {
      if (!record[kRecord_is_response]) return false;
      verdict[kVerdict_action] = static_cast<int32_t>(Action::relay_response);
      if (record[kRecord_method] == static_cast<int32_t>(Method::register_)) verdict[kVerdict_edits] = static_cast<int32_t>(kEdit_mark_registered);
      return true;
    };
  }

  // The core answers with this status.
  void ask(const Peer& client, Request request, int status) {
    request.number = ++number;
    request.transport = "TCP";
    client.send(request.text());
    const std::string sent = rig.hear(core, "Call-ID: c" + std::to_string(number) + "\r\n");
    core.send_to(rig.port(ShardRig::kCoreUdp), answer_to(sent, status));
    rig.hear(client, "SIP/2.0 " + std::to_string(status));
  }

  ShardRig rig;
  Peer core;
  int number = 0;
};

Request with_contact(const std::string& contact) { return Request{.method = "REGISTER", .lines = "Contact: " + contact + "\r\n"}; }

const std::string kPhone = "<sip:bob@10.0.0.1>;reg-id=2;+sip.instance=\"<urn:uuid:1>\"";

}  // namespace

TEST("a registration over a flow is news, its refresh is not; its end and that of the flow are") {
  Scene scene;
  ShardRig& rig = scene.rig;
  Peer phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  scene.ask(phone, with_contact(kPhone), 200);
  std::vector<News> news = rig->take_news();
  CHECK_EQ(news.size(), 1u);
  CHECK(news[0].event == Event::flow_registered && news[0].number == 2 && news[0].peer.port == phone.port() && news[0].at > 0);
  CHECK_EQ(news[0].text, "sip:bob@example.com\nurn:uuid:1");
  scene.ask(phone, with_contact(kPhone), 200);
  scene.ask(phone, with_contact(kPhone), 403);
  CHECK(rig->take_news().empty());
  scene.ask(phone, with_contact("<sip:bob@10.0.0.1>;expires=0;reg-id=2;+sip.instance=\"<urn:uuid:1>\""), 200);
  news = rig->take_news();
  CHECK(news.size() == 1 && news[0].event == Event::flow_unregistered);
  scene.ask(phone, with_contact(kPhone), 200);
  rig->take_news();
  phone.close();
  CHECK(rig.until([&] { return !(news = rig->take_news()).empty(); }));
  CHECK(news[0].event == Event::flow_lost && news[0].number == static_cast<int32_t>(Counter::flows_closed));
  CHECK_EQ(rig.count(Counter::registrations_accepted), 4);
  CHECK_EQ(rig.count(Counter::registrations_denied), 1);
}

TEST("what a drain closes, and what nobody registered over, is no news") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  scene.ask(phone, with_contact(kPhone), 200);
  {
    const Peer nobody = Peer::tcp(rig.port(ShardRig::kClientTcp));
    rig.turn();
  }
  CHECK(rig.until([&] { return rig.count(Counter::flows_closed) == 1; }));
  rig->take_news();
  rig->inspect().move_out(10, true);
  rig.turn();
  CHECK(rig->take_news().empty());
}

TEST("a call that fails is news with the head of its response and who sent it; challenges, cancelled calls and other methods are not") {
  Scene scene;
  ShardRig& rig = scene.rig;
  const Peer phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
  for (const int status : {401, 407, 487, 302, 200}) scene.ask(phone, Request{.method = "INVITE"}, status);
  scene.ask(phone, Request{.method = "MESSAGE"}, 404);
  CHECK(rig->take_news().empty());
  for (const int status : {486, 404, 503}) scene.ask(phone, Request{.method = "INVITE"}, status);
  const std::vector<News> news = rig->take_news();
  CHECK_EQ(news.size(), 3u);
  CHECK(news[0].event == Event::call_failed && news[0].peer.port == scene.core.port());
  CHECK(holds(news[0].text, "SIP/2.0 486 ") && holds(news[0].text, "Call-ID: c7\r\n"));
  CHECK_EQ(rig.count(Counter::calls_answered), 1);
  CHECK_EQ(rig.count(Counter::calls_declined), 1);
  CHECK_EQ(rig.count(Counter::calls_cancelled), 1);
  CHECK_EQ(rig.count(Counter::calls_refused), 1);
  CHECK_EQ(rig.count(Counter::calls_failed), 1);
  // One that we refuse ourselves, because there is nobody to ask.
  rig.upstreams({});
  phone.send(Request{.method = "INVITE", .number = 99, .transport = "TCP"}.text());
  rig.hear(phone, "SIP/2.0 503");
  const std::vector<News> own = rig->take_news();
  CHECK(own.size() == 1 && own[0].event == Event::call_refused && own[0].peer.port == phone.port());
}

TEST("news that nobody takes is bounded and counted; the head of a response is cut") {
  int64_t numbers[static_cast<size_t>(Counter::count_)] = {};
  Counters counters(numbers);
  NewsQueue queue(counters, true, SipKey{});
  for (size_t i = 0; i < 2'000; ++i) queue.call(Event::call_failed, Address{}, std::string(10'000, 'x'));
  const std::vector<News> taken = queue.take();
  CHECK(taken.size() > 900 && taken.size() * (NewsQueue::kMostText + sizeof(News)) <= NewsQueue::kMostOctets);
  CHECK_EQ(taken[0].text.size(), NewsQueue::kMostText);
  const int64_t lost = counters.get(Counter::news_lost);
  CHECK_EQ(lost, 2'000 - static_cast<int64_t>(taken.size()));
  queue.registration(Event::flow_registered, Address{}, "sip:bob@h", "", 1);
  CHECK_EQ(queue.take().size(), 1u);
  CHECK(queue.take().empty());
  NewsQueue off(counters, false, SipKey{});
  off.call(Event::call_failed, Address{}, "x");
  CHECK(off.take().empty());
  CHECK_EQ(counters.get(Counter::news_lost), lost);
}

TEST("failed calls beyond the allowance are counted, not copied; refusals of one stranger take little of it") {
  FailedCalls calls{SipKey{1, 2}};
  const Address callee, stranger = address("192.0.2.1", 5060), other = address("192.0.2.2", 5060);
  uint64_t now = 5'000'000;
  const auto taken = [&](const Address& who, size_t tries) {
    size_t count = 0;
    for (size_t i = 0; i < tries; ++i) count += calls.takes(who, now);
    return count;
  };
  CHECK_EQ(taken(stranger, 10'000), 2u);
  CHECK_EQ(taken(other, 10), 2u);
  CHECK_EQ(taken(callee, 3'000), 1'996u);
  now += 1'000;
  CHECK_EQ(taken(stranger, 100), 2u);
  CHECK_EQ(taken(callee, 100), 18u);
  now += 3'600'000;
  CHECK_EQ(taken(callee, 3'000), 2'000u);

  int64_t numbers[static_cast<size_t>(Counter::count_)] = {};
  Counters counters(numbers);
  NewsQueue queue(counters, true, SipKey{});
  for (size_t i = 0; i < 2'500; ++i) queue.call(Event::call_failed, callee, "x");
  const size_t kept = queue.take().size();
  CHECK(kept >= 2'000 && kept < 2'500);
  CHECK_EQ(counters.get(Counter::news_suppressed), 2'500 - static_cast<int64_t>(kept));
  CHECK_EQ(counters.get(Counter::news_lost), 0);
}

TEST("the core's answers are timed for a sample: one a place and tick, and one that never comes counts as late") {
  int64_t numbers[static_cast<size_t>(Counter::count_)] = {};
  Counters counters(numbers);
  AnswerTimes times(counters, 10);
  const auto counted = [&] {
    int64_t sum = counters.get(Counter::answers_longer);
    for (uint32_t i = 0; i < 10; ++i) sum += counters.get(beyond(Counter::answers_2500us, i));
    return sum;
  };
  times.asked(16, 100);
  times.asked(32, 100);  // the place is taken
  times.answered(32, 100);
  CHECK_EQ(counted(), 0);
  times.answered(16, 100);
  CHECK_EQ(counted(), 1);
  times.answered(16, 100);
  CHECK_EQ(counted(), 1);
  times.asked(48, 100);  // in the same tick
  times.answered(48, 100);
  CHECK_EQ(counted(), 1);
  times.asked(48, 101);
  times.asked(64, 111);  // given up meanwhile
  CHECK_EQ(counted(), 2);
  times.answered(64, 112);
  CHECK_EQ(counted(), 3);
  CHECK(counters.get(Counter::answer_nanoseconds) > 0);
}

TEST("a relayed request is timed from the core's side") {
  Scene scene;
  const Peer phone = Peer::tcp(scene.rig.port(ShardRig::kClientTcp));
  scene.ask(phone, Request{.method = "MESSAGE"}, 200);
  int64_t sum = scene.rig.count(Counter::answers_longer);
  for (uint32_t i = 0; i < 10; ++i) sum += scene.rig.count(beyond(Counter::answers_2500us, i));
  CHECK_EQ(sum, 1);
}

}  // namespace sluice::news_test
