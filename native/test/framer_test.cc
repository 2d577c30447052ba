// The framer: the same octets give the same frames, however they were split.
#include "core/sip/framer.h"

#include "check.h"
#include "sip_text.h"

namespace sluice::framer_test {
using namespace test;

namespace {

const ScanLimits kLimits;

// A connection: keeps what the framer did not consume and records what it found.
class Stream {
 public:
  explicit Stream(const ScanLimits& limits = kLimits) : limits_(limits) {}

  // "p" for a ping, "m<number>" for a message with its CSeq, "e<error>" for one with an error, "b<error>" for a broken stream.
  void feed(std::string_view octets) {
    if (broken_) return;
    kept_ += octets;
    for (;;) {
      const Frame frame = next_frame(state_, kept_.data(), kept_.size(), limits_, message_);
      CHECK(frame.consumed <= kept_.size());
      if (frame.kind == FrameKind::message) {
        CHECK(message_.data == kept_.data() + (frame.consumed - message_.size));
        log += message_.error == ScanError::none ? "m" + std::to_string(message_.cseq) : "e" + std::to_string(static_cast<int>(message_.error));
        bodies += std::string(message_.body()) + "|";
      } else if (frame.kind == FrameKind::ping) {
        log += "p";
      } else if (frame.kind == FrameKind::broken) {
        log += "b" + std::to_string(static_cast<int>(message_.error));
        broken_ = true;
      }
      kept_.erase(0, frame.consumed);
      if (frame.kind == FrameKind::more || broken_) return;
    }
  }

  size_t kept() const { return kept_.size(); }
  const Message& message() const { return message_; }
  std::string log;
  std::string bodies;

 private:
  ScanLimits limits_;
  FramerState state_;
  Message message_;
  std::string kept_;
  bool broken_ = false;
};

std::string run(std::string_view octets, size_t step = std::string::npos, const ScanLimits& limits = kLimits) {
  Stream stream(limits);
  for (size_t at = 0; at < octets.size(); at += std::min(step, octets.size() - at)) stream.feed(octets.substr(at, step));
  return stream.log + "/" + stream.bodies;
}

std::string broken_by(ScanError error) { return "b" + std::to_string(static_cast<int>(error)) + "/"; }

std::string wrong_by(ScanError error) { return "e" + std::to_string(static_cast<int>(error)); }

std::string message(int cseq, const std::string& body = "") {
  return Parts{.cseq = "CSeq: " + std::to_string(cseq) + " OPTIONS", .content_length = "Content-Length: " + std::to_string(body.size()), .body = body}.text();
}

// The streams for the split tests.
std::vector<std::string> streams() {
  return {message(1),
          "\r\n" + message(1, "abc") + "\r\n\r\n" + message(2),
          "\r\n\r\n\r\n\r\n\r\n" + message(1, "\r\n\r\n") + "\r\n" + message(2, "\r\n\r\n\r\n") + "\r\n\r\n",
          Parts{.from = "From: nobody", .extra = "Subject:\r\n a\r\n\tb", .content_length = "l: 4", .body = "OPTI"}.text() + message(2),
          Parts{.content_length = "-"}.text() + message(2),
          Parts{.extra = "Subject: a\nb"}.text() + message(2),
          Parts{.extra = "Subject: a\rb"}.text() + message(2),
          Parts{.extra = std::string("Subject: a\0b", 12)}.text() + message(2),
          Parts{.content_length = "Content-Length: 70000"}.text() + message(2),
          message(1) + "\r\n\r\r\n",
          message(1) + " " + message(2),
          "GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
}

}  // namespace

TEST("TR-17 GR-6 every stream gives the same frames when cut at any octet") {
  for (const std::string& octets : streams()) {
    const std::string whole = run(octets);
    for (size_t cut = 1; cut < octets.size(); ++cut) {
      Stream stream;
      stream.feed(std::string_view(octets).substr(0, cut));
      stream.feed(std::string_view(octets).substr(cut));
      CHECK_EQ(stream.log + "/" + stream.bodies, whole);
    }
  }
}

TEST("TR-17 every stream gives the same frames in pieces of 1 to 40 octets") {
  for (const std::string& octets : streams())
    for (size_t step = 1; step <= 40; ++step) CHECK_EQ(run(octets, step), run(octets));
}

TEST("TR-17 a hundred messages in one segment") {
  std::string octets, expected;
  for (int i = 1; i <= 100; ++i) {
    octets += message(i, std::string(static_cast<size_t>(i), 'x'));
    expected += "m" + std::to_string(i);
  }
  const std::string got = run(octets);
  CHECK_EQ(got.substr(0, got.find('/')), expected);
  CHECK_EQ(run(octets, 1000), got);
}

TEST("OB-5.4-2 OB-5.4-3 a ping is complete with its fourth octet, however it is split") {
  for (size_t step = 1; step <= 4; ++step) CHECK_EQ(run("\r\n\r\n", step), "p/");
  CHECK_EQ(run("\r\n\r"), "/");
  FramerState state;
  Message out;
  for (const auto& [octet, kind] : {std::pair{"\r", FrameKind::more}, {"\n", FrameKind::more}, {"\r", FrameKind::more}, {"\n", FrameKind::ping}}) {
    const Frame frame = next_frame(state, octet, 1, kLimits, out);
    CHECK_EQ(frame.kind, kind);
    CHECK_EQ(frame.consumed, 1u);  // an idle connection keeps no octet
  }
}

TEST("OB-5.4-4 CRLF inside a message is never a ping") {
  const std::string octets = message(1, "a\r\n\r\n\r\n\r\nb");
  for (size_t step = 1; step < 60; ++step) CHECK_EQ(run(octets, step), "m1/a\r\n\r\n\r\n\r\nb|");
}

TEST("OB-5.4-5 OB-5.4-6 several pings, an odd CRLF, and a message after them") {
  CHECK_EQ(run("\r\n\r\n\r\n\r\n\r\n" + message(5)), "ppm5/|");
  CHECK_EQ(run("\r\n\r\n" + message(5)), "pm5/|");
}

TEST("OB-5.4-7 stray CRLFs after a body do not harm what follows") {
  CHECK_EQ(run(message(1) + "\r\n" + message(2)), "m1m2/||");
  CHECK_EQ(run(message(1) + "\r\n\r\n" + message(2)), "m1pm2/||");
}

TEST("OB-4.4-5 a single CRLF is swallowed") { CHECK_EQ(run("\r\n" + message(3)), "m3/|"); }

TEST("TR-16 ten CRLFs before a start line") {
  std::string octets;
  for (int i = 0; i < 10; ++i) octets += "\r\n";
  CHECK_EQ(run(octets + message(1)), "pppppm1/|");
}

TEST("TR-30 an error that keeps the frame lets the stream go on") {
  for (const Parts& parts : {Parts{.from = "From: nobody", .content_length = "Content-Length: 3", .body = "abc"},
                             Parts{.start = "OPTIONS sip:x SIP/7.0", .content_length = "Content-Length: 3", .body = "abc"},
                             Parts{.start = "OPTIONS  sip:x SIP/2.0", .content_length = "Content-Length: 3", .body = "abc"},
                             Parts{.call_id = "-", .content_length = "Content-Length: 3", .body = "abc"}}) {
    const std::string got = run(parts.text() + message(2));
    CHECK_EQ(got[0], 'e');
    CHECK_EQ(got.substr(got.find('m')), "m2/abc||");
  }
  CHECK_EQ(run(Parts{.from = "From: nobody"}.text()), wrong_by(ScanError::bad_from) + "/|");
}

TEST("TR-18 TR-15 GR-22 GR-31 a framing error breaks the stream, and the well-formed part suffices for a response") {
  const std::pair<Parts, ScanError> cases[] = {{{.content_length = "-"}, ScanError::no_content_length},
                                               {{.content_length = "Content-Length: -1"}, ScanError::bad_content_length},
                                               {{.content_length = "Content-Length: 0\r\nl: 0"}, ScanError::bad_content_length},
                                               {{.extra = "Subject: a\nb"}, ScanError::line_end},
                                               {{.extra = "Subject: a\rb"}, ScanError::line_end},
                                               {{.extra = "Subject: \x01"}, ScanError::control_octet},
                                               {{.extra = "Subject"}, ScanError::header_syntax},
                                               {{.content_length = "Content-Length: 65537"}, ScanError::body_too_large},
                                               {{.content_length = "Content-Length: 4294967297"}, ScanError::body_too_large}};
  for (const auto& [parts, error] : cases) {
    Stream stream;
    stream.feed(parts.text() + message(2));
    CHECK_EQ(stream.log + "/", broken_by(error));
    CHECK_EQ(stream.message().text(stream.message().top_via), "SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bKtest1;rport");
  }
  CHECK_EQ(run("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), broken_by(ScanError::start_line));
}

TEST("GR-22 OB-4.4-4 an octet that cannot begin a SIP message breaks the stream at once") {
  for (const std::string& first : {std::string(1, '\0'), std::string("\x01"), std::string("\x16\x03\x01"), std::string(" OPTIONS"), std::string("\n"), std::string("\rX"),
                                   std::string("\r\n\r\r"), std::string("<"), std::string("\xff"), std::string(":")})
    CHECK_EQ(run(first), broken_by(ScanError::not_sip));
}

TEST("GR-22 a message with bare LFs breaks the stream as soon as its first line is complete") {
  CHECK_EQ(run("OPTIONS sip:x SIP/2.0\n"), broken_by(ScanError::line_end));
  CHECK_EQ(run("OPTIONS sip:x SIP/2.0\r\nVia: x\n\n"), broken_by(ScanError::line_end));
}

TEST("TR-19 limits apply before anything is buffered") {
  ScanLimits small;
  small.max_head = 500;
  small.max_body = 10;
  const std::string endless = "OPTIONS sip:x SIP/2.0\r\nSubject: " + std::string(10000, 'x');
  for (size_t step : {1u, 7u, 64u, 20000u}) {
    Stream stream(small);
    for (size_t at = 0; at < endless.size(); at += step) {
      stream.feed(std::string_view(endless).substr(at, step));
      CHECK(stream.kept() <= 500);
    }
    CHECK_EQ(stream.log + "/", broken_by(ScanError::head_too_large));
  }
  const std::string fits = Parts{.extra = "X: " + std::string(500 - Parts{.extra = "X: "}.text().size(), 'x')}.text();
  CHECK_EQ(fits.size(), 500u);
  for (size_t step : {1u, 499u, 500u}) CHECK_EQ(run(fits, step, small), "m7/|");
  const std::string over = Parts{.extra = "X: " + std::string(501 - Parts{.extra = "X: "}.text().size(), 'x')}.text();
  for (size_t step : {1u, 499u, 500u, 501u}) CHECK_EQ(run(over, step, small), broken_by(ScanError::head_too_large));
  CHECK_EQ(run(message(1, "0123456789"), 1, small), "m1/0123456789|");
  CHECK_EQ(run(message(1, "0123456789a"), 1, small), broken_by(ScanError::body_too_large));
}

TEST("TT-15 a body that never comes keeps the stream waiting") { CHECK_EQ(run(Parts{.content_length = "Content-Length: 9999", .body = "abc"}.text()), "/"); }

TEST("TR-20 GR-32 trickling octets are not searched again and again") {
  // 60,000 steps over a head and a body of 60,000 octets each: a search from the start at each step would take minutes.
  ScanLimits wide;
  wide.max_head = 65535;
  const std::string octets = Parts{.extra = "X: " + std::string(60000, 'x'), .content_length = "Content-Length: 60000", .body = std::string(60000, 'y')}.text();
  FramerState state;
  Message out;
  Frame frame{};
  for (size_t size = 1; size <= octets.size(); ++size) {
    frame = next_frame(state, octets.data(), size, wide, out);
    if (size < octets.size()) CHECK_EQ(frame.kind, FrameKind::more);
  }
  CHECK_EQ(frame.kind, FrameKind::message);
  CHECK_EQ(frame.consumed, octets.size());
}

}  // namespace sluice::framer_test
