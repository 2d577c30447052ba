// A UDP source that has not shown that it hears us gets at most three times the octets it has sent.
#include "core/flow/answer_credit.h"

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

TEST("a source gets three times what it has sent, whatever port the response goes to") {
  AnswerCredit credit(SipKey{1, 2});
  credit.received(address("192.0.2.1", 5060), 100);
  CHECK(credit.may_send(address("192.0.2.1", 5060), 200, Kind::provisional));
  CHECK(!credit.may_send(address("192.0.2.1", 5060), 101, Kind::provisional));
  CHECK(credit.may_send(address("192.0.2.1", 4000), 99, Kind::provisional));
  CHECK(!credit.may_send(address("192.0.2.1", 5060), 1, Kind::provisional));
  credit.received(address("192.0.2.1", 5060), 1);
  CHECK(credit.may_send(address("192.0.2.1", 5060), 3, Kind::provisional));
}

TEST("the first final response may be long, and the source must make up for it before the next") {
  AnswerCredit credit(SipKey{1, 2});
  const Address source = address("192.0.2.1");
  credit.received(source, 100);
  CHECK_EQ(credit.room(source), size_t{300 + 2048});
  CHECK(!credit.may_send(source, 300 + 2049, Kind::final));
  CHECK(credit.may_send(source, 300 + 2048, Kind::final));
  CHECK(!credit.may_send(source, 1, Kind::final));
  CHECK_EQ(credit.room(source), size_t{0});
  credit.received(source, 682);
  CHECK(!credit.may_send(source, 1, Kind::final));
  credit.received(source, 1);
  CHECK(credit.may_send(source, 500, Kind::final));
}

TEST("a question whether the source hears us leaves room for a final response, and fits in what that one may exceed the credit by") {
  AnswerCredit credit(SipKey{1, 2});
  const Address source = address("192.0.2.1");
  credit.received(source, 100);
  CHECK(!credit.may_send(source, 300, Kind::question));
  CHECK(credit.may_send(source, 200, Kind::question));
  CHECK(credit.may_send(source, 100 + 1'500, Kind::final));
  CHECK(!credit.may_send(source, 549, Kind::question));
  CHECK(credit.may_send(source, 548, Kind::question));
  CHECK(!credit.may_send(source, 1, Kind::question));
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
  CHECK(!credit.may_send(address("192.0.2.2"), 31, Kind::provisional));
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
