// What C++ reads from a REGISTER to have it decided by numbers, and what it leaves to the object path.
#include "check.h"
#include "core/home/contact_key.h"
#include "core/home/register_memory.h"
#include "core/home/register_request.h"
#include "flow_tokens.h"
#include "sip_text.h"

namespace sluice::register_request_test {
using namespace test;

namespace {

ServedDomains served() {
  ServedDomains domains;
  domains.add("example.org", "example.org");
  domains.add("alias.example", "example.org");
  domains.add("2001:db8::1", "[2001:db8::1]");
  domains.add("192.0.2.100", "");
  return domains;
}

struct Asked {
  std::string start = "REGISTER sip:example.org SIP/2.0";
  std::string to = "<sip:Bob@EXAMPLE.org.>";
  std::string lines =
      "Supported: path , OUTBOUND,gruu\r\nPath: <sip:T%6fk@edge.example;lr>, <sip:two@edge.example;lr;OB>\r\n"
      "Contact: \"B\" <sip:bob@192.0.2.7:5062;ob>;Reg-ID=2 ; +sip.instance=\"<URN:UUID:00000000-0000-1000-8000-00000000000A>\";expires=600;pub-gruu=\"x\"\r\n"
      "user-agent:  a phone \r\n";
  std::string cseq = "7 REGISTER";
  std::string via = "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKtest";
};

struct Read {
  explicit Read(const Asked& asked, bool from_core = true) {
    Parts parts;
    parts.start = asked.start;
    parts.via = "Via: " + asked.via;
    parts.to = "To: " + asked.to;
    parts.cseq = "CSeq: " + asked.cseq;
    parts.extra = asked.lines.substr(0, asked.lines.size() - 2);
    text = parts.text();
    CHECK(scan_text(text, message) == ScanError::none);
    Source source;
    source.remote = address("10.0.0.1", 5060);
    source.from_core = from_core;
    is_read = read_register(message, source, served(), request);
    // The scan has read the Contact by its map; by the octets it is the same.
    NameAddr contact;
    Uri uri;
    const HeaderLine* const line = message.line(HeaderId::contact);
    const bool is_one = line != nullptr && message.next(*line) == nullptr && parse_name_addr(message.value(*line), contact) && parse_uri(contact.uri_text, uri);
    CHECK_EQ(message.contact.is_read, is_one);
    if (is_one) CHECK(contact.value == message.contact.address.value && contact.params == message.contact.address.params && uri.host == message.contact.uri.host);
  }
  std::string text;
  Message message;
  RegisterRequest request;
  bool is_read = false;
};

// With this Contact and nothing else.
Asked with_contact(const std::string& contact) {
  Asked asked;
  asked.lines = "Contact: " + contact + "\r\n";
  return asked;
}

std::string key_of(const std::string& text) {
  Uri uri;
  CHECK(parse_uri(text, uri));
  char room[512];
  Writer out(room, sizeof room);
  return write_contact_key(uri, out) ? std::string(out.text()) : "(none)";
}

}  // namespace

TEST("REG-6 a REGISTER of a phone behind an edge becomes numbers and the texts of its binding") {
  const Read read{Asked{}};
  CHECK(read.is_read);
  const RegisterRequest& request = read.request;
  CHECK_EQ(request.aor, "sip:Bob@example.org");
  CHECK_EQ(request.uri, "sip:bob@192.0.2.7:5062;ob");
  CHECK_EQ(request.params, ";Reg-ID=2;+sip.instance=\"<URN:UUID:00000000-0000-1000-8000-00000000000A>\"");
  CHECK_EQ(request.instance, "urn:uuid:00000000-0000-1000-8000-00000000000a");
  CHECK_EQ(request.key, "f2 urn:uuid:00000000-0000-1000-8000-00000000000a");
  CHECK_EQ(request.path, "27:<sip:T%6fk@edge.example;lr>28:<sip:two@edge.example;lr;OB>");
  CHECK_EQ(request.agent, "a phone");
  CHECK_EQ(request.call_id, "call-1@192.0.2.9");
  CHECK_EQ(request.cseq, 7u);
  CHECK_EQ(request.reg_id, 2u);
  CHECK_EQ(request.asked, 600);
  CHECK_EQ(request.flags, uint32_t{kAsk_flow | kAsk_path | kAsk_last_ob | kAsk_any_ob | kAsk_supports_outbound | kAsk_supports_path | kAsk_supports_gruu});
  Text path = request.path;
  Text value;
  CHECK(next_path_value(path, value));
  CHECK_EQ(value, "<sip:T%6fk@edge.example;lr>");
  CHECK(next_path_value(path, value));
  CHECK_EQ(value, "<sip:two@edge.example;lr;OB>");
  CHECK(!next_path_value(path, value));
}

TEST("a damaged list of Path values ends at the damage") {
  for (const char* const text : {"", "x", "5", "5:", "5:abcd", "99999999999999999999999:a", ":abc"}) {
    Text path(text);
    Text value;
    CHECK(!next_path_value(path, value));
  }
}

TEST("REG-10 REG-12 the time asked for: the Contact's before that of Expires, an hour if it is invalid, and no number is too large") {
  const auto asked = [](const std::string& params, const std::string& lines) {
    Asked one = with_contact("<sip:bob@192.0.2.7>" + params);
    one.lines += lines;
    const Read read(one);
    CHECK(read.is_read);
    return read.request.asked;
  };
  CHECK_EQ(asked("", ""), -1);
  CHECK_EQ(asked("", "Expires: 77\r\n"), 77);
  CHECK_EQ(asked(";expires=0", "Expires: 77\r\n"), 0);
  CHECK_EQ(asked(";expires", "Expires: 77\r\n"), 3'600);
  CHECK_EQ(asked(";expires=\"5\"", ""), 3'600);
  CHECK_EQ(asked("", "Expires: soon\r\n"), 3'600);
  CHECK_EQ(asked(";expires=99999999999999999999", ""), INT32_MAX);
}

TEST("OB-4.1-1 instances are stored as normalised URNs") {
  const auto instance = [](const std::string& urn) {
    const Read read(with_contact("<sip:bob@192.0.2.7>;+sip.instance=\"<" + urn + ">\""));
    CHECK(read.is_read);
    return std::string(read.request.instance);
  };
  CHECK_EQ(instance("URN:Uuid:00000000-0000-1000-8000-00000000000U"), "urn:uuid:00000000-0000-1000-8000-00000000000u");
  CHECK_EQ(instance("urn:GSMA:imei:90420156-025763-0;Vers=0"), "urn:gsma:imei:90420156-025763-0;Vers=0");
}

TEST("rare and complex REGISTERs are left to the object path") {
  const char* const contacts[] = {
      "*", "<sip:bob@192.0.2.7>, <sip:bob@192.0.2.8>", "<sips:bob@192.0.2.7>", "<tel:+1>", "<sip:bob@example.org>", "<sip:bob@ALIAS.example.>", "<sip:bob@192.0.2.7>;q=0.5",
      "<sip:bob@192.0.2.7>;x=1;X=1", "<sip:bob@192.0.2.7>;reg-id=0", "<sip:bob@192.0.2.7>;reg-id=2147483648", "<sip:bob@192.0.2.7>;reg-id=x", "<sip:bob@192.0.2.7>;reg-id",
      "<sip:bob@192.0.2.7>;+sip.instance=\"<urn:x:%41>\"", "<sip:bob@192.0.2.7>;+sip.instance=\"<urn:uuid:>\"",
      "<sip:bob@192.0.2.7>;+sip.instance=\"<urn::1>\"", "<sip:bob@192.0.2.7>;+sip.instance=\"<urn:-x:1>\"", "<sip:bob@192.0.2.7>;+sip.instance=\"<urn:x>\"", "<sip:bob@192.0.2.7>;+sip.instance=\"<>\"",
      "<sip:bob@192.0.2.7>;+sip.instance=\"<\"", "<sip:bob@192.0.2.7>;+sip.instance=\"<urn:x_y:1>\"", "<sip:bob@192.0.2.7>;+sip.instance=\"<urn:x: 1>\"", "<sip:bob@192.0.2.7>;+sip.instance=\"<urn:uuid:\\1>\"",
      "<sip:bob@192.0.2.7>;+sip.instance=x", "<sip:b%6fb@192.0.2.7>", "<sip:bob:secret@192.0.2.7>", "<sip:bob:@192.0.2.7>", "<sip:bob@192.0.2.7?a=b>", "<sip:bob@192.0.2.7;method=INVITE>",
      "<sip:bob@192.0.2.7>\r\n ;x=1", "<sip:bob@192.0.2.7>;a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;r"};
  for (const char* const contact : contacts) {
    const Read read(with_contact(contact));
    CHECK(!read.is_read);
    // So that later REGISTERs of the same user do not overtake it.
    CHECK_EQ(read.request.aor, "sip:Bob@example.org");
  }
  const char* const lines[] = {"Require: path\r\n", "Record-Route: <sip:a@b>\r\n", "Expires: 1\r\nExpires: 1\r\n", "Supported: path,\r\n outbound\r\n", "Supported: p\xe1th\r\n",
                               "Path: <tel:+1>\r\n", "Path: <sip:a@b>,,<sip:c@d>\r\n", "Path:\r\n", "Path: <sip:a@b>\r\n <sip:c@d>\r\n", "User-Agent: a\r\n b\r\n", "Event: a\r\nEvent: a\r\n"};
  for (const char* const line : lines) {
    Asked asked = with_contact("<sip:bob@192.0.2.7>");
    asked.lines += line;
    CHECK(!Read(asked).is_read);
  }
  Asked two = with_contact("<sip:bob@192.0.2.7>");
  two.lines += two.lines;
  CHECK(!Read(two).is_read);
  Asked none;
  none.lines = "Subject: nothing\r\n";
  CHECK(!Read(none).is_read);
  Asked many = with_contact("<sip:bob@192.0.2.7>");
  many.lines += "Path: <sip:a@b>";
  for (int i = 0; i < 20; ++i) many.lines += ", <sip:a@b>";
  many.lines += "\r\n";
  CHECK(!Read(many).is_read);
}

TEST("a To or a Request-URI that names nobody here is left to the object path") {
  for (const char* const to : {"<sip:bob@example.net>", "<sip:bob@192.0.2.100>", "<sip:example.org>", "<tel:+1>", "<sip:b%6fb@example.org>"}) {
    Asked asked;
    asked.to = to;
    const Read read(asked);
    CHECK(!read.is_read);
    CHECK(read.request.aor.empty());
  }
  const auto reads = [](const std::string& start) {
    Asked asked;
    asked.start = start;
    return Read(asked).is_read;
  };
  CHECK(reads("REGISTER sip:192.0.2.100 SIP/2.0"));
  CHECK(!reads("REGISTER sip:192.0.2.101 SIP/2.0"));
  CHECK(!reads("REGISTER tel:1 SIP/2.0"));
  Asked six;
  six.to = "<sip:bob@[2001:db8::1]>";
  CHECK_EQ(Read(six).request.aor, "sip:bob@[2001:db8::1]");
  Asked alias;
  alias.to = "<sip:bob@Alias.Example>";
  CHECK_EQ(Read(alias).request.aor, "sip:bob@example.org");
}

TEST("a phone that listens where it sends from is left to the object path, a phone behind an edge is not") {
  const Asked asked = with_contact("<sip:bob@10.0.0.1:5060>");
  CHECK(!Read(asked, false).is_read);
  CHECK(Read(asked, true).is_read);
  CHECK(Read(with_contact("<sip:bob@192.0.2.7>"), false).is_read);
}

TEST("an old branch and a CSeq with very many digits are left to the object path") {
  Asked asked = with_contact("<sip:bob@192.0.2.7>");
  asked.via = "SIP/2.0/UDP 10.0.0.1;branch=1";
  CHECK(!Read(asked).is_read);
  asked = with_contact("<sip:bob@192.0.2.7>");
  asked.cseq = "00000000007 REGISTER";
  CHECK(!Read(asked).is_read);
}

TEST("keys of plain Contacts compare as their URIs do") {
  CHECK_EQ(key_of("sip:bob@192.0.2.7"), "csip>bob>>192.0.2.7>>>");
  CHECK_EQ(key_of("sip:Bob@Host.Example:5070;Transport=TCP;ob;line=aB;user=Phone"), "csip>Bob>>host.example>5070>transport=tcp;user=phone> line=ab ob=");
  CHECK_EQ(key_of("sip:[2001:DB8::1];a;b=1;aa"), "csip>>>[2001:db8::1]>>> a= aa= b=1");
  CHECK_EQ(key_of("sip:h;a-b=1;a=2"), key_of("sip:h;a=2;a-b=1"));
  CHECK_EQ(key_of("sip:h;a=1;A=1"), "(none)");
  CHECK_EQ(key_of("sip:h;a=%41"), "(none)");
}

TEST("a REGISTER that was answered is remembered for its time, and the oldest is replaced") {
  RegisterMemory memory(64);
  CHECK(memory.find(1, 100) == RegisterState::open);
  memory.remember(1, RegisterState::answered, 100, 200);
  memory.remember(2, RegisterState::held, 100, 200);
  CHECK(memory.find(1, 199) == RegisterState::answered);
  CHECK(memory.find(2, 199) == RegisterState::held);
  CHECK(memory.find(1, 200) == RegisterState::open);
  memory.remember(1, RegisterState::answered, 200, 300);
  memory.remember(1, RegisterState::held, 201, 301);
  CHECK(memory.find(1, 202) == RegisterState::held);
  const uint64_t step = memory.capacity();  // all in one set
  for (uint64_t i = 0; i < 5; ++i) memory.remember(7 + i * step, RegisterState::answered, 400, static_cast<uint32_t>(500 + i));
  CHECK(memory.find(7, 401) == RegisterState::open);
  for (uint64_t i = 1; i < 5; ++i) CHECK(memory.find(7 + i * step, 401) == RegisterState::answered);
  // A clock that has wrapped.
  memory.remember(9, RegisterState::answered, UINT32_MAX - 5, 20);
  CHECK(memory.find(9, 10) == RegisterState::answered);
  CHECK(memory.find(9, 21) == RegisterState::open);
}

TEST("TX-8 the process that takes over knows what was refused, and with which status; an older one is not told") {
  RegisterMemory memory(64);
  memory.remember(1, RegisterState::answered, 100, 200, {kGrant_gruu, 120});
  memory.refuse(2, 403, 100, 200);
  memory.refuse(3, 503, 100, 200);
  memory.remember(4, RegisterState::waiting, 100, 200);
  const auto told = [&](uint32_t layout, RegisterMemory& next) {
    ImageWriter image(ImageOf::shard, layout);
    const size_t at = image.size();
    memory.freeze(image, 150);
    ImageReader reader(image.since(at), layout);
    next.adopt(reader, 150);
    return reader.good() && reader.empty();
  };
  RegisterMemory next(64), older(64);
  CHECK(told(kImageVersion, next));
  CHECK_EQ(next.granted(1, 150).flow_timer, 120u);
  for (const uint64_t transaction : {2, 3}) CHECK(next.find(transaction, 150) == RegisterState::refused);
  CHECK_EQ(next.refusal(2, 150), 403);
  CHECK_EQ(next.refusal(3, 150), 503);
  CHECK(next.find(2, 201) == RegisterState::open);
  CHECK(next.find(4, 150) == RegisterState::open);
  CHECK(told(2, older));
  CHECK(older.find(1, 150) == RegisterState::answered);
  CHECK(older.find(2, 150) == RegisterState::open);
}

TEST("a refusal in an image without a status that refuses, or in an older layout, is a fault") {
  const auto fault = [](uint32_t layout, uint32_t status) {
    ImageWriter image(ImageOf::shard, layout);
    const size_t at = image.size();
    image.fields(uint32_t{1}, uint64_t{7}, uint32_t{200}, RegisterState::refused, uint8_t{0}, status);
    ImageReader reader(image.since(at), layout);
    RegisterMemory(64).adopt(reader, 100);
    return !reader.good();
  };
  CHECK(!fault(kImageVersion, 403));
  CHECK(fault(kImageVersion, 200));
  CHECK(fault(2, 403));
}

}  // namespace sluice::register_request_test
