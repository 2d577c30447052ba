// The scanner: what it finds in valid messages, and what it reports about invalid ones.
#include "core/sip/scanner.h"

#include "check.h"
#include "sip_text.h"

namespace sluice::scanner_test {
using namespace test;

namespace {

ScanError error_of(const Parts& parts, Carrier carrier = Carrier::datagram, const ScanLimits& limits = {}) {
  return Scanned(parts, carrier, limits).error();
}

ScanError error_of_start(std::string start) { return error_of({.start = std::move(start)}); }

ScanError error_with(std::string extra) { return error_of({.extra = std::move(extra)}); }

const std::string kResponse200 = "SIP/2.0 200 OK";

}  // namespace

TEST("GR-1 names in any case") {
  Scanned m(std::string("OPTIONS sip:b@h SIP/2.0\r\nvIA: SIP/2.0/UDP h;branch=b\r\nfROM: <sip:a>\r\nTO: <sip:b>\r\ncAlL-iD: x\r\ncSEq: 1 OPTIONS\r\n"
                        "mAX-fORWARDS: 9\r\ncONTENT-lENGTH: 0\r\n\r\n"));
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.slice(m.message.call_id), "x");
  CHECK_EQ(m.message.max_forwards, 9);
  CHECK_EQ(m.message.content_length, 0);
}

TEST("GR-2 compact forms in both cases, mixed with long ones, in order") {
  Scanned m(std::string("OPTIONS sip:b@h SIP/2.0\r\nV: SIP/2.0/UDP h1;branch=b\r\nVia: SIP/2.0/UDP h2\r\nv: SIP/2.0/UDP h3\r\nf: <sip:a>\r\nT: <sip:b>\r\n"
                        "i: x\r\nCSeq: 1 OPTIONS\r\nL: 0\r\nm: <sip:c>\r\nk: path\r\nK: outbound\r\no: dialog\r\nc: text/plain\r\n"
                        "a: 1\r\nb: 1\r\nd: 1\r\ne: 1\r\nj: 1\r\nn: 1\r\nr: 1\r\ns: 1\r\nu: 1\r\nx: 1\r\ny: 1\r\n\r\n"));
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.via_count, 3);
  CHECK_EQ(m.slice(m.message.top_via), "SIP/2.0/UDP h1;branch=b");
  const HeaderLine* via = m.message.line(HeaderId::via);
  CHECK_EQ(m.message.value(*via), "SIP/2.0/UDP h1;branch=b");
  via = m.message.next(*via);
  CHECK_EQ(m.message.value(*via), "SIP/2.0/UDP h2");
  via = m.message.next(*via);
  CHECK_EQ(m.message.value(*via), "SIP/2.0/UDP h3");
  CHECK(m.message.next(*via) == nullptr);
  CHECK_EQ(m.value(HeaderId::contact), "<sip:c>");
  CHECK_EQ(m.value(HeaderId::event), "dialog");
  CHECK_EQ(m.value(HeaderId::content_type), "text/plain");
  CHECK(has_option(m.message, HeaderId::supported, "PATH"));
  CHECK(has_option(m.message, HeaderId::supported, "outbound"));
  CHECK_EQ(m.message.line_count, 24);
}

TEST("GR-3 blanks before and after the colon, or none") {
  for (const char* via : {"Via:SIP/2.0/UDP h;branch=b", "Via \t :\t  SIP/2.0/UDP h;branch=b \t ", "v :SIP/2.0/UDP h;branch=b"}) {
    Scanned m({.via = via, .from = "From:<sip:a>;tag=1", .to = "To   :   <sip:b>  "});
    CHECK_EQ(m.error(), ScanError::none);
    CHECK_EQ(m.slice(m.message.top_via), "SIP/2.0/UDP h;branch=b");
    CHECK_EQ(m.slice(m.message.to_value), "<sip:b>");
  }
}

TEST("GR-4 folding wherever LWS is legal") {
  Scanned m({.via = "Via:\r\n SIP\r\n /\r\n 2.0\r\n\t/ UDP\r\n h\r\n ;\r\n branch\r\n =\r\n b\r\n ,\r\n SIP/2.0/TCP\r\n g",
             .from = "From: A\r\n B\r\n <sip:a>\r\n ;\r\n tag\r\n =\r\n 1",
             .cseq = "CSeq:\r\n 7\r\n OPTIONS",
             .max_forwards = "Max-Forwards:\r\n\t 70",
             .extra = "Route: <sip:r;lr>\r\n ,\r\n <sip:s>\r\n ;x",
             .content_length = "Content-Length:\r\n 0\r\n "});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.via_count, 2);
  CHECK_EQ(m.message.route_count, 2);
  CHECK_EQ(m.slice(m.message.from_tag), "1");
  CHECK_EQ(m.message.cseq, 7u);
  CHECK_EQ(m.message.max_forwards, 70);
  CHECK_EQ(m.message.content_length, 0);
  CHECK_EQ(m.message.line_count, 8);
}

TEST("GR-4 TT-01 any blank of a REGISTER may be a fold") {
  const std::string plain =
      "REGISTER sip:h SIP/2.0\r\nVia : SIP / 2.0 / UDP h : 5070 ; branch = b , SIP/2.0/TCP g\r\nRoute: <sip:r;lr> , <sip:s>\r\n"
      "From: A B <sip:a> ; tag = 1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: <sip:c> ; q = 1\r\nContent-Length: 0\r\n\r\n";
  int folds = 0;
  for (size_t at = plain.find("\r\n"); (at = plain.find(' ', at)) != std::string::npos; ++at) {
    const size_t colon = plain.find(':', plain.rfind('\n', at));
    if (at < colon) continue;  // no fold is legal before the colon
    std::string folded = plain;
    folded.replace(at, 1, "\r\n ");
    Scanned m(folded);
    CHECK_EQ(m.error(), ScanError::none);
    CHECK_EQ(m.message.via_count, 2);
    CHECK_EQ(m.message.route_count, 2);
    CHECK_EQ(m.slice(m.message.from_tag), "1");
    ++folds;
  }
  CHECK_EQ(folds, 35);
  CHECK_EQ(error_with("Subject\r\n : x"), ScanError::header_syntax);
}

TEST("GR-5 folds of blanks only, values that begin on the next line, a fold before the empty line") {
  Scanned m({.extra = "Subject:\r\n text\r\nSupported: a\r\n  \t\r\n ,b\r\nX-Empty:\r\n ", .content_length = "Content-Length: 0\r\n  "});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK(has_option(m.message, HeaderId::supported, "b"));
  CHECK_EQ(m.message.value(m.message.lines[6]), "text");
  CHECK_EQ(m.message.value(m.message.lines[8]), "");
  CHECK_EQ(m.message.lines[9].line_end, m.message.head_size - 2);
}

TEST("GR-7 values on one line are equivalent to values on several") {
  const std::string one = "SIP/2.0/UDP a;branch=1", two = "SIP/2.0/TCP b;p=\",\"", three = "SIP/2.0/TLS [::1]";
  for (const std::string& via : {"Via: " + one + "," + two + " , " + three, "Via: " + one + "\r\nv: " + two + "," + three,
                                 "v: " + one + "\r\nVia: " + two + "\r\nVIA: " + three}) {
    Scanned m({.via = via, .extra = "Route: <sip:a>,<sip:b>;x=\",\"\r\nRoute: <sip:c;d,e@h>"});
    CHECK_EQ(m.error(), ScanError::none);
    CHECK_EQ(m.message.via_count, 3);
    CHECK_EQ(m.message.route_count, 3);
    CHECK_EQ(m.slice(m.message.top_via), one);
  }
  Scanned tags({.extra = "Supported: a , B\r\nk: c,\r\n d"});
  for (Text tag : {"A", "b", "c", "d"}) CHECK(has_option(tags.message, HeaderId::supported, tag));
  CHECK(!has_option(tags.message, HeaderId::supported, "e"));
  CHECK(!has_option(tags.message, HeaderId::require, "a"));
}

TEST("GR-8 commas in credentials do not split values") {
  Scanned m({.extra = "Authorization: Digest username=\"a\", realm=\"r,s\", nonce=\"n\"\r\nProxy-Authorization: Digest a=b, c=d"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.value(HeaderId::authorization), "Digest username=\"a\", realm=\"r,s\", nonce=\"n\"");
}

TEST("GR-10 GR-17 tags of From and To with and without brackets") {
  Scanned m({.from = "From: sip:a@h;tag=x1 ; y", .to = "To: \"B;tag=no\" <sip:b;tag=uri> ; TAG = t2"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.slice(m.message.from_tag), "x1");
  CHECK_EQ(m.slice(m.message.to_tag), "t2");
  CHECK(m.message.has_tag_to);
  CHECK_EQ(m.slice(m.message.from_value), "sip:a@h;tag=x1 ; y");
}

TEST("GR-11 TT-19 a quoted string must close") {
  CHECK_EQ(error_of({.to = "To: \"Mr. J. User <sip:j@example.net>"}), ScanError::bad_to);
  CHECK_EQ(error_of({.from = "From: \"a\\\" <sip:a>"}), ScanError::bad_from);
}

TEST("GR-15 TT-37 any scheme in From and To") {
  for (const char* uri : {"tel:+1-555", "isbn:298", "http://www.example.net/?a=b", "urn:x:y", "sips:a@h"}) {
    CHECK_EQ(error_of({.from = std::string("From: <") + uri + ">;tag=1", .to = std::string("To: <") + uri + ">"}), ScanError::none);
  }
}

TEST("GR-20 TT-22 TT-23 exactly one SP between the parts of the start line, version in any case") {
  CHECK_EQ(error_of_start("OPTIONS sip:x sip/2.0"), ScanError::none);
  CHECK_EQ(error_of_start("OPTIONS sip:x SiP/2.0"), ScanError::none);
  for (const char* bad : {"OPTIONS  sip:x SIP/2.0", "OPTIONS sip:x  SIP/2.0", "OPTIONS sip:x SIP/2.0 ", " OPTIONS sip:x SIP/2.0", "OPTIONS\tsip:x SIP/2.0",
                          "OPTIONS sip:x\tSIP/2.0", "OPTIONS sip:x", "OPTIONS", "OPTIONS SIP/2.0", "OPT@ sip:x SIP/2.0", "OPTIONS sip:x SIP/2", "OPTIONS sip:x SIP",
                          "OPTIONS sip:x HTTP/1.1", "OPTIONS sip:x SIP/2.0x", "OPTIONS sip:x; lr SIP/2.0"})
    CHECK_EQ(error_of_start(bad), ScanError::start_line);
}

TEST("TT-29 another SIP version is 505, and the message can be answered") {
  Scanned m({.start = "OPTIONS sip:x SIP/7.0", .via = "Via: SIP/7.0/UDP h;branch=z9hG4bKv"});
  CHECK_EQ(m.error(), ScanError::version);
  CHECK_EQ(m.slice(m.message.top_via), "SIP/7.0/UDP h;branch=z9hG4bKv");
  CHECK_EQ(error_of_start("OPTIONS sip:x SIP/2.1"), ScanError::version);
  CHECK_EQ(error_of_start("OPTIONS sip:x SIP/02.0"), ScanError::version);
}

TEST("GR-21 methods are case-sensitive") {
  CHECK_EQ(Scanned({.start = "INVITE sip:x SIP/2.0", .cseq = "CSeq: 1 INVITE"}).message.method, Method::invite);
  Scanned lower({.start = "invite sip:x SIP/2.0", .cseq = "CSeq: 1 invite"});
  CHECK_EQ(lower.error(), ScanError::none);
  CHECK_EQ(lower.message.method, Method::unknown);
  CHECK_EQ(error_of({.start = "invite sip:x SIP/2.0", .cseq = "CSeq: 1 INVITE"}), ScanError::cseq_method);
  CHECK_EQ(method_of("REGISTER"), Method::register_);
  CHECK_EQ(method_of("UPDATE"), Method::update);
  CHECK_EQ(method_of(""), Method::unknown);
}

TEST("GR-22 bare LF is never a line end") {
  std::string all_lf = Parts{}.text();
  for (size_t at; (at = all_lf.find('\r')) != std::string::npos;) all_lf.erase(at, 1);
  CHECK_EQ(Scanned(all_lf).error(), ScanError::line_end);
  CHECK_EQ(find_head_end(all_lf.data(), all_lf.size(), 0), 0u);
  CHECK_EQ(error_with("Subject: a\nContent-Length: 5"), ScanError::line_end);
  CHECK_EQ(error_with("Subject: a\n\nBYE sip:x SIP/2.0"), ScanError::line_end);
  CHECK(!Scanned(Parts{.extra = "Subject: a\nb"}, Carrier::stream).message.is_framed);
}

TEST("GR-23 bare CR in a header line") {
  CHECK_EQ(error_with("Subject: a\rb"), ScanError::line_end);
  CHECK_EQ(error_with("Subject: a\r\r"), ScanError::line_end);
  CHECK_EQ(error_with("Subject: \"a\\\rb\""), ScanError::line_end);
}

TEST("GR-24 control octets in the head") {
  for (char c = 0; c < 0x20; ++c) {
    if (c == '\t' || c == '\r' || c == '\n') continue;
    CHECK_EQ(error_with(std::string("Subject: a") + c + "b"), ScanError::control_octet);
    CHECK_EQ(error_of({.via = std::string("Via") + c + ": SIP/2.0/UDP h"}), ScanError::control_octet);
  }
  CHECK_EQ(error_with("Subject: a\x7f"), ScanError::control_octet);
  CHECK_EQ(error_with("Subject: a\\\x7f"), ScanError::control_octet);
  CHECK_EQ(error_of_start("OPTIONS sip:\\\x01 SIP/2.0"), ScanError::control_octet);
  CHECK_EQ(error_with("Subject: a\tb"), ScanError::none);
}

TEST("TT-02 GR-11 a control octet after a backslash in a quoted string is legal") {
  CHECK_EQ(error_of({.to = std::string("To: \"bell \\\x07 nul \\\0 del \\\x7f\" <sip:b>", 35)}), ScanError::none);
  CHECK_EQ(error_of({.to = "To: \"a\" <sip:b>;x=\\\x07"}), ScanError::control_octet);
  CHECK_EQ(error_with("Subject: \"open \\\x07"), ScanError::control_octet);
}

TEST("GR-25 UTF-8, valid or not, in headers that nobody reads") {
  Scanned m({.extra = "Subject: \xc3\xa4\xff\x80 \xf0\x9f\x98\x80"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.value(m.message.lines[6]), "\xc3\xa4\xff\x80 \xf0\x9f\x98\x80");
  CHECK_EQ(error_of({.from = "From: \"\xc3\xa4\xff\" <sip:a>"}), ScanError::none);
}

TEST("GR-26 Call-ID is word[@word]") {
  for (const char* good : {"{}<>\"/()[]?:\\@x", "a", "a@b", "-.!%*_+`'~"}) {
    Scanned m({.call_id = std::string("Call-ID: ") + good});
    CHECK_EQ(m.error(), ScanError::none);
    CHECK_EQ(m.slice(m.message.call_id), good);
  }
  for (const char* bad : {"", "@", "a@", "@b", "a@b@c", "a b", "a;b", "a,b", "a=b", "\xc3\xa4"}) {
    Scanned m({.call_id = std::string("Call-ID: ") + bad});
    CHECK_EQ(m.error(), ScanError::bad_call_id);
    CHECK(m.message.call_id.empty());
  }
}

TEST("GR-27 CSeq: leading zeros, LWS, below 2^31") {
  Scanned m({.cseq = "CSeq: 0009 \t  OPTIONS"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.cseq, 9u);
  CHECK_EQ(m.slice(m.message.cseq_method), "OPTIONS");
  CHECK_EQ(Scanned({.cseq = "CSeq: 000000000002147483647 OPTIONS"}).message.cseq, 2147483647u);
  for (const char* bad : {"", "1", "OPTIONS", "OPTIONS 1", "1OPTIONS", "-1 OPTIONS", "+1 OPTIONS", "1 OPTIONS x", "1 OPT@", "0x1 OPTIONS", "2147483648 OPTIONS",
                          "4294967297 OPTIONS", "36893488147419103232 OPTIONS"})
    CHECK_EQ(error_of({.cseq = std::string("CSeq: ") + bad}), ScanError::bad_cseq);
}

TEST("GR-28 TT-49 tags and branches keep their case, and old requests without them pass") {
  Scanned m({.via = "Via: SIP/2.0/UDP h;branch=z9hG4bKAbC", .from = "From: <sip:a>;tag=AbC"});
  CHECK_EQ(m.slice(m.message.from_tag), "AbC");
  Scanned old({.via = "Via: SIP/2.0/UDP h", .from = "From: <sip:a>", .max_forwards = "-", .content_length = "-"});
  CHECK_EQ(old.error(), ScanError::none);
  CHECK(old.message.from_tag.empty());
  CHECK_EQ(old.message.max_forwards, -1);
}

TEST("GR-29 TT-02 TT-05 every token character in methods and tags") {
  for (char c : std::string("-.!%*_+`'~09azAZ")) {
    const std::string method = std::string("M") + c + "X";
    Scanned m({.start = method + " sip:x SIP/2.0", .from = std::string("From: <sip:a>;tag=") + c, .cseq = "CSeq: 1 " + method});
    CHECK_EQ(m.error(), ScanError::none);
    CHECK_EQ(m.slice(m.message.method_text), method);
    CHECK_EQ(m.slice(m.message.from_tag), std::string(1, c));
  }
  for (char c : std::string("@,;:<>=\"()[]{}?/\\|^$&#\xc3"))
    CHECK_EQ(error_of({.from = std::string("From: <sip:a>;tag=x") + c}), ScanError::bad_from);
  for (const char* bad : {"<sip:a>;tag", "<sip:a>;tag=", "<sip:a>;tag=\"x\"", "<sip:a>;tag=1;tag=1"})
    CHECK_EQ(error_of({.to = std::string("To: ") + bad}), ScanError::bad_to);
}

TEST("GR-30 empty values") {
  Scanned m({.extra = "Supported:\r\nAllow: \r\nSubject:\t\r\nRequire:"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.value(HeaderId::supported), "");
  CHECK(!has_option(m.message, HeaderId::supported, ""));
}

TEST("GR-31 no colon, no name, a blank before the first header, names that are not tokens") {
  for (const char* bad : {"Subject", ": x", " : x", "Sub ject: x", "Sub@ject: x", "Sub(ject): x", "\xc3\xa4: x"}) {
    if (*bad == ' ') continue;
    CHECK_EQ(error_with(bad), ScanError::header_syntax);
  }
  CHECK_EQ(error_of({.via = " Via: SIP/2.0/UDP h;branch=b"}), ScanError::header_syntax);
  CHECK_EQ(error_of({.via = "\tfold"}), ScanError::header_syntax);
  CHECK(!Scanned(Parts{.extra = "Subject"}, Carrier::stream).message.is_framed);
}

TEST("GR-33 TR-19 limits on Via, Route, lines, URI, tokens, head and body") {
  const auto repeat = [](const std::string& head, const std::string& unit, int count) {
    std::string out = head + unit;
    for (int i = 1; i < count; ++i) out += "," + unit;
    return out;
  };
  const std::string via = "SIP/2.0/UDP h;branch=b";
  CHECK_EQ(error_of({.via = repeat("Via: ", via, 70)}), ScanError::none);
  CHECK_EQ(error_of({.via = repeat("Via: ", via, 71)}), ScanError::too_many_vias);
  CHECK_EQ(error_with(repeat("Route: ", "<sip:r;lr>", 20)), ScanError::none);
  CHECK_EQ(error_with(repeat("Route: ", "<sip:r;lr>", 21)), ScanError::too_many_routes);
  const auto lines = [](int count) {
    std::string out = "X: 0";
    for (int i = 1; i < count; ++i) out += "\r\nX: " + std::to_string(i);
    return out;
  };
  CHECK_EQ(error_with(lines(193)), ScanError::none);
  Scanned crowded(Parts{.extra = lines(194)});
  CHECK_EQ(crowded.error(), ScanError::too_many_headers);
  CHECK_EQ(crowded.message.line_count, 200);
  CHECK_EQ(error_of_start("OPTIONS sip:" + std::string(1020, 'x') + " SIP/2.0"), ScanError::none);
  CHECK_EQ(error_of_start("OPTIONS sip:" + std::string(1021, 'x') + " SIP/2.0"), ScanError::uri_too_long);
  CHECK_EQ(error_of({.from = "From: <sip:a>;tag=" + std::string(256, 'x')}), ScanError::none);
  CHECK_EQ(error_of({.from = "From: <sip:a>;tag=" + std::string(257, 'x')}), ScanError::token_too_long);
  CHECK_EQ(error_of({.to = "To: <sip:a>;tag=" + std::string(257, 'x')}), ScanError::token_too_long);
  CHECK_EQ(error_of({.via = "Via: SIP/2.0/UDP h;branch=" + std::string(257, 'x')}), ScanError::token_too_long);
  CHECK_EQ(error_of_start(std::string(257, 'M') + " sip:x SIP/2.0"), ScanError::token_too_long);
  Scanned large(Parts{.extra = "X: " + std::string(17000, 'x')});
  CHECK_EQ(large.error(), ScanError::head_too_large);
  CHECK_EQ(large.slice(large.message.call_id), "call-1@192.0.2.9");
  CHECK_EQ(error_of({.content_length = "Content-Length: 65537"}, Carrier::stream), ScanError::body_too_large);
  CHECK_EQ(error_of({.content_length = "Content-Length: 4000000000"}), ScanError::body_too_large);
  ScanLimits small;
  small.max_body = 3;
  CHECK_EQ(error_of({.content_length = "-", .body = "abcd"}, Carrier::datagram, small), ScanError::body_too_large);
}

TEST("GR-34 GR-38 Expires, Content-Type and Content-Encoding are not the scanner's business") {
  CHECK_EQ(error_with("Expires: 4294967296\r\nContent-Type: ;;\r\nContent-Encoding: gzip\r\ne: x"), ScanError::none);
}

TEST("GR-36 TT-26 Contact passes whatever its form") {
  Scanned m({.extra = "m:  *  "});
  CHECK_EQ(m.value(HeaderId::contact), "*");
  for (const char* odd : {"%", "None", "sip:u@h?Route=%3Csip:x%3E", "<sip:u", ",,"}) CHECK_EQ(error_with(std::string("Contact: ") + odd), ScanError::none);
}

TEST("GR-37 Content-Length folded and compact") {
  Scanned m({.content_length = "l :  \r\n 3", .body = "abc"});
  CHECK_EQ(m.error(), ScanError::none);
  CHECK_EQ(m.message.body(), "abc");
}

TEST("GR-39 names that begin like known ones") {
  Scanned m({.extra = "Via-Foo: x\r\nContact2: x\r\nTo-X: x\r\nFromage: x\r\nT: x"});
  CHECK_EQ(m.error(), ScanError::duplicate_header);  // T: is To
  Scanned clean({.extra = "Via-Foo: x\r\nContact2: x\r\nTo-X: x\r\nFromage: x\r\nVi: x\r\nCall_ID: x\r\nCSeqs: x\r\nContent-Lengths: 9\r\nContent-Lengt: 9\r\n"
                          "tT: x\r\nvv: x\r\n_: x\r\nV-: x\r\n-v: x"});
  CHECK_EQ(clean.error(), ScanError::none);
  for (int i = 6; i < 20; ++i) CHECK_EQ(clean.message.lines[i].id, HeaderId::other);
}

TEST("GR-43 TT-41 duplicate single-value headers") {
  for (const char* again : {"From: <sip:a>;tag=1", "f: <sip:a>;tag=1", "To: <sip:b>", "Call-ID: call-1@192.0.2.9", "i: x", "CSeq: 7 OPTIONS", "Max-Forwards: 70",
                            "MAX-FORWARDS\t:\r\n 5"}) {
    Scanned m({.extra = again});
    CHECK_EQ(m.error(), ScanError::duplicate_header);
    CHECK_EQ(m.slice(m.message.from_tag), "a1");
    CHECK_EQ(m.slice(m.message.call_id), "call-1@192.0.2.9");
    CHECK(m.message.is_framed);
  }
  CHECK_EQ(error_of({.call_id = "Call-ID: a, b"}), ScanError::bad_call_id);
  CHECK_EQ(error_of({.from = "From: <sip:a>, <sip:b>"}), ScanError::bad_from);
}

TEST("GR-44 TT-12 TT-13 TT-32 status lines") {
  const auto response = [](const std::string& start) { return Parts{.start = start}; };
  Scanned ok(response(kResponse200));
  CHECK_EQ(ok.error(), ScanError::none);
  CHECK(!ok.message.is_request);
  CHECK_EQ(ok.message.status, 200);
  CHECK_EQ(ok.message.method, Method::options);
  CHECK_EQ(ok.slice(ok.message.reason), "OK");
  CHECK_EQ(Scanned(response("SIP/2.0 100 ")).message.reason.len, 0);
  CHECK_EQ(Scanned(response("SIP/2.0 100 ")).error(), ScanError::none);
  CHECK_EQ(Scanned(response("SIP/2.0 100")).error(), ScanError::none);
  Scanned utf(response("SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xff"));
  CHECK_EQ(utf.error(), ScanError::none);
  CHECK_EQ(utf.slice(utf.message.reason), "= 2**3 * 5**2 \xd0\xbd\xd0\xbe \xff");
  for (const char* bad : {"SIP/2.0 4294967301 better", "SIP/2.0 99 x", "SIP/2.0 099 x", "SIP/2.0 700 x", "SIP/2.0 20 x", "SIP/2.0 2000 x", "SIP/2.0 -20 x", "SIP/2.0 OK",
                          "SIP/2.0 ", "SIP/2.0", "SIP/2.0  200 OK", "SIP/2.0 200\tOK", "SIP/2.0 200OK"}) {
    Scanned m(response(bad));
    CHECK_EQ(m.error(), ScanError::bad_status);
    CHECK(!m.message.is_request);
    CHECK_EQ(m.message.status, 0);
  }
  CHECK_EQ(Scanned(response("SIP/7.0 200 OK")).error(), ScanError::version);
}

TEST("GR-45 the first token distinguishes request and response") {
  Scanned sip({.start = "SIP sip:x SIP/2.0", .cseq = "CSeq: 1 SIP"});
  CHECK_EQ(sip.error(), ScanError::none);
  CHECK(sip.message.is_request);
  CHECK_EQ(sip.slice(sip.message.method_text), "SIP");
  CHECK_EQ(error_of({.start = "SIP2.0 sip:x SIP/2.0", .cseq = "CSeq: 1 SIP2.0"}), ScanError::none);
  CHECK_EQ(error_of_start("SIP/2.0X sip:x SIP/2.0"), ScanError::start_line);
  CHECK_EQ(error_of_start("sip/2.0 200 OK"), ScanError::none);
}

}  // namespace sluice::scanner_test
