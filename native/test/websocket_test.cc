// RFC 6455 frames and messages that a client may and may not send.
#include "core/transport/websocket.h"

#include "core/base/utf8.h"
#include "check.h"

namespace sluice::websocket_test {
namespace {

constexpr uint8_t kMask[4] = {0x37, 0xfa, 0x21, 0x3d};

std::string frame(int first, Text payload, bool masked = true) {
  std::string out;
  out += static_cast<char>(first);
  const int bit = masked ? 0x80 : 0;
  if (payload.size() < 126) {
    out += static_cast<char>(bit | static_cast<int>(payload.size()));
  } else if (payload.size() < 65'536) {
    out += static_cast<char>(bit | 126);
    for (int shift : {8, 0}) out += static_cast<char>(payload.size() >> shift);
  } else {
    out += static_cast<char>(bit | 127);
    for (int shift : {56, 48, 40, 32, 24, 16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  }
  if (masked) out.append(reinterpret_cast<const char*>(kMask), 4);
  for (size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ (masked ? kMask[i % 4] : 0));
  return out;
}

// The events of a stream that arrives in pieces of `step` octets, one line each.
std::string told(Text stream, size_t step, size_t most = 65'535) {
  std::string said;
  std::string kept;
  WsState state;
  for (size_t at = 0; at < stream.size(); at += step) {
    std::string data = kept + std::string(stream.substr(at, step));
    WsReader reader(state, data.data(), data.size(), most);
    WsEvent event = reader.next();
    for (; event.kind != WsKind::more; event = reader.next()) {
      const char* const kKinds[] = {"", "message", "ping", "pong", "close", "broken"};
      said += kKinds[static_cast<size_t>(event.kind)];
      if (event.kind == WsKind::message) said += event.opcode == Opcode::text ? " text" : " binary";
      if (event.code != CloseCode::none) said += " " + std::to_string(static_cast<int>(event.code));
      else said += " " + std::string(event.payload);
      said += "\n";
      if (event.kind == WsKind::broken || event.kind == WsKind::close) return said;
    }
    kept = reader.rest();
  }
  return said;
}

std::string whole(const std::string& stream) {
  const std::string at_once = told(stream, stream.size());
  for (size_t step = 1; step < stream.size() && step < 40; ++step) CHECK_EQ(told(stream, step), at_once);
  return at_once;
}

}  // namespace

TEST("WS-4.1-3 WS-4.2-1 text and binary messages, however they are cut") {
  CHECK_EQ(whole(frame(0x81, "hello") + frame(0x82, "\xff\x01")), "message text hello\nmessage binary \xff\x01\n");
  CHECK_EQ(whole(frame(0x81, "")), "message text \n");
  for (size_t size : {125u, 126u, 127u, 65'535u}) {
    const std::string body(size, 'x');
    CHECK_EQ(told(frame(0x81, body), 1000), "message text " + body + "\n");
  }
}

TEST("WS-5-5 fragments with control frames in between are one message") {
  CHECK_EQ(whole(frame(0x01, "REG") + frame(0x89, "abc") + frame(0x00, "IST") + frame(0x8a, "") + frame(0x80, "ER")),
           "ping abc\npong \nmessage text REGISTER\n");
  CHECK_EQ(whole(frame(0x02, "") + frame(0x00, "") + frame(0x80, "a") + frame(0x81, "b")), "message binary a\nmessage text b\n");
}

TEST("WS-F-1 a frame without a mask is 1002") { CHECK_EQ(whole(frame(0x81, "x", false)), "broken 1002\n"); }

TEST("WS-F-2 reserved bits, unknown opcodes and odd control frames are 1002") {
  for (int first : {0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f, 0x09, 0x08}) CHECK_EQ(whole(frame(first, "x")), "broken 1002\n");
  CHECK_EQ(whole(frame(0x89, std::string(126, 'x'))), "broken 1002\n");
  CHECK_EQ(whole(frame(0x80, "x")), "broken 1002\n");                       // continues nothing
  CHECK_EQ(whole(frame(0x01, "x") + frame(0x81, "y")), "broken 1002\n");    // begins within another message
  CHECK_EQ(whole(std::string("\x81\xfe\x00\x05", 4) + std::string(9, 'x')), "broken 1002\n");  // a longer length field than needed
}

TEST("WS-F-2 text that is not UTF-8 is 1007, also across fragments") {
  CHECK_EQ(whole(frame(0x81, "\xc3\x28")), "broken 1007\n");
  CHECK_EQ(whole(frame(0x01, "\xc3") + frame(0x80, "\xa4")), "message text \xc3\xa4\n");
  CHECK_EQ(whole(frame(0x01, "\xc3") + frame(0x80, "x")), "broken 1007\n");
}

TEST("WS-F-3 a message is refused by its announced length, in one frame or in many") {
  CHECK_EQ(told(frame(0x81, std::string(101, 'x')).substr(0, 6), 6, 100), "broken 1009\n");
  CHECK_EQ(told(frame(0x01, std::string(60, 'x')) + frame(0x80, std::string(41, 'x')), 7, 100), "broken 1009\n");
  CHECK_EQ(whole(std::string("\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00", 10) + "mask"), "broken 1009\n");  // 2^40
  CHECK_EQ(whole(std::string("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01", 10)), "broken 1002\n");           // top bit
  std::string many = frame(0x01, "");
  for (int i = 0; i < 200; ++i) many += frame(0x00, "");
  CHECK_EQ(told(many, 64), "broken 1009\n");
}

TEST("WS-F-4 close frames carry a legal code, or none") {
  CHECK_EQ(whole(frame(0x88, "")), "close \n");
  CHECK_EQ(whole(frame(0x88, Text("\x03\xe9" "bye", 5))), "close 1001\n");
  CHECK_EQ(whole(frame(0x88, Text("\x0f\xa0", 2))), "close 4000\n");
  for (Text bad : {Text("\x03", 1), Text("\x03\xed", 2), Text("\x03\xe7", 2), Text("\x13\x88", 2)}) CHECK_EQ(whole(frame(0x88, bad)), "broken 1002\n");
  CHECK_EQ(whole(frame(0x88, Text("\x03\xe8\xff", 3))), "broken 1007\n");
}

TEST("WS-F-1 headers from the server have no mask and the shortest length") {
  char out[kMaxServerHeader];
  CHECK_EQ(Text(out, write_ws_header(Opcode::text, 125, out)), Text("\x81\x7d", 2));
  CHECK_EQ(Text(out, write_ws_header(Opcode::binary, 126, out)), Text("\x82\x7e\x00\x7e", 4));
  CHECK_EQ(Text(out, write_ws_header(Opcode::text, 65'536, out)), Text("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST("WS-4.2-2 UTF-8, and octets that only look like it") {
  for (Text good : {Text(""), Text("plain ascii text"), Text("\xc3\xa4"), Text("\xe2\x82\xac"), Text("\xf0\x9f\x98\x80"), Text("\xed\x9f\xbf"), Text("\xf4\x8f\xbf\xbf"), Text("a\0b", 3)})
    CHECK(is_utf8(good));
  for (Text bad : {Text("\xff"), Text("\x80"), Text("\xc0\xaf"), Text("\xc1\xbf"), Text("\xe0\x80\x80"), Text("\xed\xa0\x80"), Text("\xf0\x80\x80\x80"), Text("\xf4\x90\x80\x80"), Text("\xf5\x80\x80\x80"), Text("\xe2\x82"), Text("12345678\xc3")})
    CHECK(!is_utf8(bad));
}

TEST("WS-4.2-2 a text in two parts is checked as one, wherever the seam is") {
  const std::string text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
  for (size_t seam = 0; seam <= text.size(); ++seam) {
    CHECK(is_utf8(Text(text).substr(0, seam), Text(text).substr(seam)));
    for (size_t cut = 0; cut + seam < text.size(); ++cut) {
      const std::string joined = text.substr(0, seam) + text.substr(seam + cut);
      CHECK_EQ(is_utf8(Text(text).substr(0, seam), Text(text).substr(seam + cut)), is_utf8(joined));
    }
  }
}

}  // namespace sluice::websocket_test
