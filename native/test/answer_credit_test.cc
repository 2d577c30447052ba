// A UDP source that has not shown that it hears us gets at most three times the octets it has sent.
#include "core/flow/answer_credit.h"

#include <atomic>
#include <thread>
#include <vector>

#include "check.h"

namespace sluice::answer_credit_test {
namespace {

using Kind = AnswerCredit::Kind;

Address address(const char* text, uint16_t port = 0) {
  Address result;
  CHECK(parse_ip(text, result));
  result.port = port;
  return result;
}

}  // namespace

TEST("the successor gets every account ahead, and then those that have changed since") {
  const SipKey key{1, 2};
  AnswerCredit before(key), next(key);
  const auto accounts = [&](bool all) {
    ImageWriter image(ImageOf::process, kImageVersion);
    before.freeze(image, all);
    const std::vector<char> octets = image.finish();
    const char* const fault = adopt_image(Text(octets.data(), octets.size()), ImageOf::process, [&](ImageReader& reader) { next.adopt(reader); });
    CHECK_EQ(std::string(fault == nullptr ? "" : fault), "");
    return octets.size();
  };
  const size_t none = accounts(true);
  before.received(address("192.0.2.1"), 100);
  before.heard_us(address("192.0.2.2"));
  const size_t two = accounts(true);
  CHECK(two > none);
  CHECK_EQ(next.room(address("192.0.2.1")), size_t{300});
  CHECK_EQ(next.room(address("192.0.2.2")), SIZE_MAX);
  // A source that has heard us changes nothing more; each of the others counts.
  before.heard_us(address("192.0.2.2"));
  before.received(address("192.0.2.2"), 500);
  CHECK(before.may_send(address("192.0.2.2"), 500, Kind::final));
  CHECK_EQ(accounts(false), none);
  CHECK(before.may_send(address("192.0.2.1"), 120, Kind::final));
  CHECK(accounts(false) > none);
  CHECK_EQ(next.room(address("192.0.2.1")), size_t{180});
  before.received(address("192.0.2.1"), 10);
  CHECK(before.may_send(address("192.0.2.3"), 10, Kind::question));
  CHECK(accounts(false) > none);
  CHECK_EQ(next.room(address("192.0.2.1")), size_t{210});
  CHECK(!next.may_send(address("192.0.2.3"), 10, Kind::question));
  CHECK_EQ(accounts(false), none);
  CHECK_EQ(accounts(true) > two, true);
}

TEST("a source gets three times what it has sent, whatever port the response goes to") {
  AnswerCredit credit(SipKey{1, 2});
  credit.received(address("192.0.2.1", 5060), 100);
  CHECK_EQ(credit.room(address("192.0.2.1")), size_t{300});
  CHECK(credit.may_send(address("192.0.2.1", 5060), 200, Kind::final));
  CHECK(!credit.may_send(address("192.0.2.1", 5060), 101, Kind::final));
  CHECK(credit.may_send(address("192.0.2.1", 4000), 100, Kind::final));
  CHECK(!credit.may_send(address("192.0.2.1", 5060), 1, Kind::final));
  CHECK_EQ(credit.room(address("192.0.2.1")), size_t{0});
  credit.received(address("192.0.2.1", 5060), 1);
  CHECK(credit.may_send(address("192.0.2.1", 5060), 3, Kind::final));
  CHECK(!credit.may_send(address("192.0.2.1", 5060), 1u << 20, Kind::final));
}

TEST("a provisional response leaves room for the question whether the source hears us") {
  AnswerCredit credit(SipKey{1, 2});
  const Address source = address("192.0.2.1");
  credit.received(source, 200);
  CHECK(!credit.may_send(source, 201, Kind::provisional));
  CHECK(credit.may_send(source, 200, Kind::provisional));
  CHECK(!credit.may_send(source, 1, Kind::provisional));
  CHECK(credit.may_send(source, AnswerCredit::kQuestion, Kind::question));
  CHECK(!credit.may_send(source, 1, Kind::question));
}

TEST("a source that is forgotten gets one question and nothing else until it sends something") {
  AnswerCredit credit(SipKey{1, 2});
  const Address source = address("192.0.2.1");
  CHECK_EQ(credit.room(source), size_t{0});
  CHECK(!credit.may_send(source, 1, Kind::provisional));
  CHECK(!credit.may_send(source, 1, Kind::final));
  CHECK(credit.may_send(source, 300, Kind::question));
  CHECK(!credit.may_send(source, 300, Kind::question));
  CHECK(!credit.may_send(source, 1, Kind::final));
}

TEST("shards that answer a source at the same time together send no more than three times what it has sent") {
  AnswerCredit credit(SipKey{1, 2});
  const Address source = address("192.0.2.1");
  std::atomic<size_t> received{0}, sent{0};
  std::vector<std::thread> shards;
  for (int shard = 0; shard < 4; ++shard) {
    shards.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        credit.received(source, 10);
        received += 10;
        for (int copy = 0; copy < 4; ++copy)
          if (credit.may_send(source, 17, Kind::final)) sent += 17;
      }
    });
  }
  for (std::thread& shard : shards) shard.join();
  CHECK(sent <= 3 * received);
  CHECK(sent + credit.room(source) <= 3 * received);
  CHECK(sent > 2 * received);
}

TEST("credit does not accumulate without limit") {
  AnswerCredit credit(SipKey{1, 2});
  for (int i = 0; i < 1000; ++i) credit.received(address("192.0.2.1"), 65'000);
  size_t answered = 0;
  while (answered < (4u << 20) && credit.may_send(address("192.0.2.1"), 1 << 10, Kind::provisional)) answered += 1 << 10;
  CHECK_EQ(answered, size_t{63} << 10);
}

TEST("a source that has heard us gets any response, and that helps no other source") {
  AnswerCredit credit(SipKey{1, 2});
  credit.received(address("192.0.2.1"), 10);
  credit.received(address("192.0.2.2"), 10);
  credit.heard_us(address("192.0.2.1"));
  credit.received(address("192.0.2.1"), 10);
  CHECK(credit.may_send(address("192.0.2.1"), 60'000, Kind::provisional));
  CHECK_EQ(credit.room(address("192.0.2.1")), SIZE_MAX);
  CHECK(!credit.may_send(address("192.0.2.2"), 31, Kind::final));
  CHECK(credit.may_send(address("192.0.2.2"), 30, Kind::final));
}

TEST("no number of forged sources makes a proven source lose its proof") {
  AnswerCredit credit(SipKey{1, 2});
  const auto numbered = [](uint32_t first, uint32_t number) {
    Address source = address("0.0.0.0");
    for (int i = 0; i < 3; ++i) source.ip[15 - i] = static_cast<uint8_t>(number >> 8 * i);
    source.ip[12] = static_cast<uint8_t>(first);
    return source;
  };
  for (uint32_t i = 0; i < 5'000; ++i) credit.heard_us(numbered(10, i));
  for (uint32_t i = 0; i < 600'000; ++i) credit.received(numbered(20, i), 1);
  size_t proven = 0;
  for (uint32_t i = 0; i < 5'000; ++i) {
    credit.received(numbered(10, i), 1);
    proven += credit.may_send(numbered(10, i), 60'000, Kind::provisional);
  }
  CHECK_EQ(proven, size_t{5'000});
}

}  // namespace sluice::answer_credit_test
