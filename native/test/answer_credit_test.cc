// A UDP source that has not shown that it hears us is answered with three times the octets that it sent, and no more.
#include "core/flow/answer_credit.h"

#include "check.h"

using namespace sluice;

namespace {

Address address(const char* text, uint16_t port = 0) {
  Address result;
  CHECK(parse_ip(text, result));
  result.port = port;
  return result;
}

}  // namespace

TEST("a source is answered with three times what it sent, whatever port it is answered at") {
  AnswerCredit credit(SipKey{1, 2});
  credit.received(address("192.0.2.1", 5060), 100);
  CHECK(credit.may_answer(address("192.0.2.1", 5060), 200));
  CHECK(!credit.may_answer(address("192.0.2.1", 5060), 101));
  CHECK(credit.may_answer(address("192.0.2.1", 4000), 100));
  CHECK(!credit.may_answer(address("192.0.2.1", 5060), 1));
  credit.received(address("192.0.2.1", 5060), 1);
  CHECK(credit.may_answer(address("192.0.2.1", 5060), 3));
}

TEST("credit is not saved up without end") {
  AnswerCredit credit(SipKey{1, 2});
  for (int i = 0; i < 1000; ++i) credit.received(address("192.0.2.1"), 65'000);
  size_t answered = 0;
  while (answered < (4u << 20) && credit.may_answer(address("192.0.2.1"), 1 << 10)) answered += 1 << 10;
  CHECK_EQ(answered, size_t{1} << 20);
}

TEST("whoever has heard us is answered whatever it takes, and nobody else for that") {
  AnswerCredit credit(SipKey{1, 2});
  credit.received(address("192.0.2.1"), 10);
  credit.received(address("192.0.2.2"), 10);
  credit.heard_us(address("192.0.2.1"));
  credit.received(address("192.0.2.1"), 10);
  CHECK(credit.may_answer(address("192.0.2.1"), 60'000));
  CHECK(!credit.may_answer(address("192.0.2.2"), 31));
}
