// The scanner: bodies, long lines, faults in single headers, and what remains for a response.
#include "core/sip/scanner.h"

#include "check.h"
#include "sip_text.h"

namespace sluice::scanner_fault_test {
using namespace test;

namespace {

ScanError error_of(const Parts& parts, Carrier carrier = Carrier::datagram) { return Scanned(parts, carrier).error(); }

}  // namespace

TEST("TT-08 TR-11 octets after the body of a datagram are dropped") {
  Scanned m({.content_length = "Content-Length: 2", .body = "abINVITE sip:x SIP/2.0\r\n\r\n"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.body(), "ab");
  CHECK(m.message.has_crlf_body);
  CHECK(!Scanned({.content_length = "Content-Length: 2", .body = "ab"}).message.has_crlf_body);
}

TEST("TT-15 TR-12 a datagram shorter than its Content-Length") {
  Scanned m({.content_length = "Content-Length: 9999", .body = "ab"});
  CHECK_EQ(m.error(), ScanError::body_short);
  CHECK_EQ(m.message.size, m.text.size());
  Scanned stream({.content_length = "Content-Length: 9999", .body = "ab"}, Carrier::stream);
  CHECK_EQ(stream.error(), ScanError::none);
  CHECK_EQ(stream.message.size, stream.message.head_size + 9999);
}

TEST("TR-13 TR-15 without Content-Length the rest of a datagram is body, and a stream has lost its framing") {
  Scanned m({.content_length = "-", .body = "rest"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.body(), "rest");
  CHECK_EQ(m.message.content_length, -1);
  Scanned stream({.content_length = "-"}, Carrier::stream);
  CHECK_EQ(stream.error(), ScanError::no_content_length);
  CHECK(!stream.message.is_framed);
  CHECK_EQ(error_of({.content_length = "-", .body = "rest"}, Carrier::frame), ScanError::none);
}

TEST("TR-18 TT-16 TT-42 a Content-Length that is not a number, too large or duplicated") {
  for (const char* bad : {"", "-999", "+5", "5 5", "5,5", "0x10", "5.", "a", "12345678901", "18446744073709551616", "18446744073709551621", "5\r\nl: 5", "5\r\nContent-Length: 6",
                          "0\r\nCONTENT-LENGTH : 0"}) {
    for (Carrier carrier : {Carrier::datagram, Carrier::stream, Carrier::frame}) {
      Scanned m({.content_length = std::string("Content-Length: ") + bad, .body = "abcdef"}, carrier);
      CHECK_EQ(m.error(), ScanError::bad_content_length);
      CHECK(!m.message.is_framed);
      CHECK(m.message.size <= m.text.size());
    }
  }
  for (const char* large : {"2147483648", "4294967296", "9999999999", "65537"})
    CHECK_EQ(error_of({.content_length = std::string("Content-Length: ") + large}, Carrier::stream), ScanError::body_too_large);
  CHECK_EQ(Scanned({.content_length = "Content-Length: 00000000000000000003", .body = "abc"}, Carrier::stream).message.body(), "abc");
}

TEST("TR-18 TR-30 a framing error outranks any other") {
  Scanned m({.from = "From: nobody", .content_length = "Content-Length: x"}, Carrier::stream);
  CHECK_EQ(m.error(), ScanError::bad_content_length);
  Scanned kept({.from = "From: nobody"}, Carrier::stream);
  CHECK_EQ(kept.error(), ScanError::bad_from);
  CHECK(kept.message.is_framed);
}

TEST("TR-10 a datagram of 65,507 octets") {
  Scanned m({.content_length = "-", .body = std::string(65507 - Parts{.content_length = "-"}.text().size(), 'x')});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.size, 65507u);
}

TEST("TR-29 TT-11 any octets in a body") {
  std::string body;
  for (int i = 0; i < 256; ++i) body += static_cast<char>(i);
  body += "\r\n\r\n\n\n";
  Scanned m({.content_length = "Content-Length: " + std::to_string(body.size()), .body = body});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.body(), body);
}

TEST("PX-16.3-6 PX-16.3-7 GR-43 Max-Forwards: 0 to 255, larger counts as absent, anything but a number is an error") {
  const auto of = [](const std::string& value) { return Parts{.max_forwards = "Max-Forwards: " + value}; };
  CHECK_EQ(Scanned(of("0")).message.max_forwards, 0);
  CHECK_EQ(Scanned(of("255")).message.max_forwards, 255);
  CHECK_EQ(Scanned(of("0068")).message.max_forwards, 68);
  for (const char* large : {"256", "99999999999", "4294967296", "18446744073709551616"}) {
    Scanned m(of(large));
    CHECK_EQ(m.error(), ScanError::none);
    CHECK_EQ(m.message.max_forwards, -1);
  }
  for (const char* bad : {"", "-1", "abc", "7x", "7 7", "7,7", "0x7", "+7"}) {
    Scanned m(of(bad));
    CHECK_EQ(m.error(), ScanError::bad_max_forwards);
    CHECK_EQ(m.message.max_forwards, -1);
  }
}

TEST("PX-16.3-1 TT-34 what is missing or broken is named, and the well-formed rest is kept for the response") {
  struct Case {
    Parts parts;
    ScanError error;
  };
  const Case cases[] = {{{.from = "-"}, ScanError::missing_from},
                        {{.to = "-"}, ScanError::missing_to},
                        {{.call_id = "-"}, ScanError::missing_call_id},
                        {{.cseq = "-"}, ScanError::missing_cseq},
                        {{.from = "From:"}, ScanError::bad_from},
                        {{.from = "From: alice"}, ScanError::bad_from},
                        {{.from = "From: <alice>"}, ScanError::bad_from},
                        {{.to = "To: <sip:a@b> x"}, ScanError::bad_to},
                        {{.extra = "Route: sip:r"}, ScanError::bad_route},
                        {{.extra = "Route: <sip:r>,"}, ScanError::bad_route},
                        {{.extra = "Route:"}, ScanError::bad_route},
                        {{.extra = "Route: <sip:r>\r\nRoute: <r>"}, ScanError::bad_route},
                        {{.extra = "Route: <sip:r>;;lr"}, ScanError::bad_route}};
  for (const Case& one : cases) {
    Scanned m(one.parts);
    CHECK_EQ(m.error(), one.error);
    CHECK_EQ(m.slice(m.message.top_via), "SIP/2.0/TCP 192.0.2.9:5070;branch=z9hG4bKtest1;rport");
    if (one.error != ScanError::missing_call_id) CHECK_EQ(m.slice(m.message.call_id), "call-1@192.0.2.9");
    if (one.error != ScanError::missing_cseq) CHECK_EQ(m.slice(m.message.cseq_value), "7 OPTIONS");
    CHECK(m.message.is_framed);
  }
  CHECK_EQ(error_of({.extra = "Route: <urn:any:scheme>, \"r\" <tel:1>;x"}), ScanError::none);
}

TEST("PX-16.3-1 without a Via there can be no response") {
  Scanned m({.via = "-"});
  CHECK_EQ(m.error(), ScanError::missing_via);
  CHECK(m.message.top_via.empty());
  CHECK_EQ(m.message.via_count, 0);
}

TEST("TT-14 PX-16.3-1 every Via value must parse, the top one first") {
  const std::string good = "SIP/2.0/UDP h;branch=b";
  for (const std::string& bad : {good + ",", good + ",,SIP/2.0/UDP g", good + "\r\nVia:", good + "\r\nVia: x", good + ", SIP/2.0/UDP g;;"}) {
    Scanned m({.via = "Via: " + bad});
    CHECK_EQ(m.error(), ScanError::bad_via);
    CHECK_EQ(m.slice(m.message.top_via), good);
  }
  Scanned dots({.via = "Via: SIP/2.0/UDP 192.0.2.15;;,;,,"});
  CHECK_EQ(dots.error(), ScanError::bad_via);
  CHECK_EQ(dots.slice(dots.message.top_via), "SIP/2.0/UDP 192.0.2.15");
  Scanned second({.via = "Via: x\r\nVia: " + good});
  CHECK_EQ(second.error(), ScanError::bad_via);
  CHECK(second.message.top_via.empty());
}

TEST("TT-33 a branch that is only the magic cookie") {
  for (const char* cookie : {"z9hG4bK", "Z9HG4BK"}) {
    Scanned m({.via = std::string("Via: SIP/2.0/UDP h;branch=") + cookie});
    CHECK_EQ(m.error(), ScanError::bad_via);
    CHECK(!m.message.top_via.empty());
  }
  CHECK_EQ(error_of({.via = "Via: SIP/2.0/UDP h;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP g;branch=z9hG4bK"}), ScanError::none);
}

TEST("PX-16.3-2 PX-16.3-3 headers that we do not need may be malformed") {
  CHECK_EQ(error_of({.extra = "Date: yesterday\r\nX-Weird: <\"\r\nRecord-Route: ,,\r\nPath: x\r\nExpires: soon\r\nAccept: ;;"}), ScanError::none);
  CHECK_EQ(error_of({.start = "FOO sip:x SIP/2.0", .cseq = "CSeq: 1 FOO"}), ScanError::none);
}

TEST("PX-16.3-5 TT-35 TT-36 schemes of the Request-URI") {
  const auto start = [](const std::string& uri) { return error_of({.start = "OPTIONS " + uri + " SIP/2.0"}); };
  CHECK_EQ(start("nobodyKnows:x"), ScanError::uri_scheme);
  CHECK_EQ(start("urn:service:sos"), ScanError::none);
  CHECK_EQ(start("urns:service:sos"), ScanError::uri_scheme);
  CHECK_EQ(start("urn:<sos>"), ScanError::request_uri);
  CHECK_EQ(start("beep.x://192.0.2.1:3002"), ScanError::uri_scheme);
  CHECK_EQ(start("tel:+1"), ScanError::none);
  CHECK_EQ(start("sips:h"), ScanError::none);
  for (const char* bad : {"nobodyKnows:", "x", "x:<y>", "sip:", "*"}) CHECK_EQ(start(bad), ScanError::request_uri);
}

TEST("TT-20 TT-21 TT-24 T6-2 invalid Request-URIs") {
  const auto start = [](const std::string& uri) { return error_of({.start = "OPTIONS " + uri + " SIP/2.0"}); };
  CHECK_EQ(start("<sip:u@h>"), ScanError::request_uri);
  CHECK_EQ(start("sip:u@h; lr"), ScanError::start_line);
  CHECK_EQ(start("sip:u@h?Route=%3Csip:x%3E"), ScanError::request_uri);
  CHECK_EQ(start("sip:2001:db8::10"), ScanError::request_uri);
  CHECK_EQ(start("sip:[2001:db8::10]"), ScanError::none);
  Scanned m({.start = "OPTIONS <sip:u@h> SIP/2.0"});
  CHECK(m.message.request_uri.empty());
}

TEST("TT-03 TT-09 TT-10 escapes and separators in user parts stay untouched, odd transports pass") {
  Scanned m({.start = "OPTIONS sip:sips%3Auser%40example.net;par=u%40x@h SIP/2.0", .via = "Via: SIP/2.0/UNKNOWN h;branch=b\r\nVia: SIP/2.0/SCTP g\r\nVia: SIP/2.0/TLS f"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.slice(m.message.request_uri), "sip:sips%3Auser%40example.net;par=u%40x@h");
  CHECK_EQ(m.message.via_count, 3);
}

TEST("TT-27 TT-28 blanks in an addr-spec and loose characters in a display name") {
  Scanned to({.to = "To: \"W\" < sip:w@h >"});
  CHECK_EQ(to.error(), ScanError::bad_to);
  CHECK(to.message.to_value.empty());
  CHECK_EQ(error_of({.from = "From: Bell, Alexander <sip:a.g@h>;tag=43"}), ScanError::bad_from);
}

TEST("TT-30 TT-31 the method of CSeq") {
  CHECK_EQ(error_of({.cseq = "CSeq: 8 INVITE"}), ScanError::cseq_method);
  CHECK_EQ(error_of({.start = "NEWMETHOD sip:x SIP/2.0", .cseq = "CSeq: 8 INVITE"}), ScanError::cseq_method);
  CHECK_EQ(error_of({.cseq = "CSeq: 8 options"}), ScanError::cseq_method);
  Scanned m({.cseq = "CSeq: 8 INVITE"});
  CHECK_EQ(m.slice(m.message.cseq_value), "8 INVITE");
}

TEST("GR-31 TR-12 a datagram without an empty line is an error, and is not read beyond its end") {
  const std::string whole = Parts{}.text();
  for (size_t size = 0; size < whole.size(); ++size) {
    Scanned m(whole.substr(0, size));
    CHECK(m.error() != ScanError::none);
    CHECK_EQ(m.message.size, size);
    CHECK_EQ(m.message.head_size, size);
  }
  Scanned cut(whole.substr(0, whole.size() - 2));
  CHECK_EQ(cut.error(), ScanError::header_syntax);
  CHECK(!cut.message.top_via.empty());
}

TEST("GR-32 long lines of any shape are read in one go") {
  ScanLimits wide;
  wide.max_head = 65535;
  for (const char* unit : {";a", ";a=\"\\\\\"", "\r\n ", " ", "\\\x07", "\"", ",", ";a=b\r\n ,"}) {
    std::string value = "To: <sip:b>";
    while (value.size() < 60000) value += unit;
    for (const char* name : {"To: <sip:b>", "Via: SIP/2.0/UDP h", "Route: <sip:r>", "Contact: <sip:c>", "Subject: x", "Supported: x"}) {
      Scanned m({.extra = name + value.substr(11)}, Carrier::datagram, wide);
      CHECK(m.message.size > 60000);
      has_option(m.message, HeaderId::supported, "zzz");
    }
  }
  Scanned m({.to = [] {
               std::string to = "To: <sip:b>";
               for (int i = 0; i < 10000; ++i) to += ";a";
               return to + ";tag=9";
             }()},
            Carrier::datagram, wide);
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.slice(m.message.to_tag), "9");
}

TEST("TT-17 a CSeq that is too large keeps its text for the response") {
  Scanned m({.cseq = "CSeq: 36893488147419103232 OPTIONS"});
  CHECK_EQ(m.slice(m.message.cseq_value), "36893488147419103232 OPTIONS");
  CHECK(m.message.cseq_method.empty());
}

TEST("TT-18 a response with numbers out of range has an error") {
  CHECK_EQ(error_of({.start = "SIP/2.0 503 Service Unavailable", .cseq = "CSeq: 9292394834772304023312 OPTIONS"}), ScanError::bad_cseq);
}

}  // namespace sluice::scanner_fault_test
