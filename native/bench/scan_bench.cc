// Nanoseconds per scan() of messages as phones and softphones send them.
#include <chrono>
#include <cstdio>
#include <string>

#include "core/sip/scanner.h"

namespace {

using namespace sluice;

const std::string kRegister =
    "REGISTER sip:registrar.example.net SIP/2.0\r\n"
    "Via: SIP/2.0/TCP 192.0.2.44:49812;rport;branch=z9hG4bKPjq3v7d0sM2fYx1b9KcWzLtHhUe8RnA5oG;alias\r\n"
    "Route: <sip:edge.example.net;transport=tcp;lr>\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"Desk 114\" <sip:desk114@example.net>;tag=V8kQ2nZp0sLrT4\r\n"
    "To: \"Desk 114\" <sip:desk114@example.net>\r\n"
    "Call-ID: 7a3e91c2-5b0d-4f86-b1c4-2e9d8f60a713\r\n"
    "CSeq: 21044 REGISTER\r\n"
    "User-Agent: Bench Softphone 4.2.1 (linux)\r\n"
    "Supported: outbound, path, gruu\r\n"
    "Contact: <sip:desk114@192.0.2.44:49812;transport=tcp;ob>;reg-id=1;"
    "+sip.instance=\"<urn:uuid:3f0c9d52-87ab-4e16-9b2d-51c7f0e8a694>\"\r\n"
    "Expires: 600\r\n"
    "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\n"
    "Content-Length:  0\r\n"
    "\r\n";

const std::string kSdp =
    "v=0\r\no=- 3911 3911 IN IP4 192.0.2.44\r\ns=call\r\nc=IN IP4 192.0.2.44\r\nt=0 0\r\n"
    "m=audio 40120 RTP/AVP 111 8 0 101\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

const std::string kInvite =
    "INVITE sip:+4930555010@example.net;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK71c0.5e9b2a36.0\r\n"
    "Via: SIP/2.0/TCP 192.0.2.44:49812;received=192.0.2.44;rport=49812;branch=z9hG4bKPjW0x8sYp3mQd6\r\n"
    "Record-Route: <sip:198.51.100.7;lr;ftag=a81f>\r\n"
    "Max-Forwards: 69\r\n"
    "From: \"Desk 114\" <sip:desk114@example.net>;tag=a81f30c7\r\n"
    "To: <sip:+4930555010@example.net;user=phone>\r\n"
    "Contact: <sip:desk114@192.0.2.44:49812;transport=tcp;ob>\r\n"
    "Call-ID: 0b6fd7c8e2a94e51@192.0.2.44\r\n"
    "CSeq: 7821 INVITE\r\n"
    "Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n"
    "Supported: replaces, 100rel, timer, norefersub\r\n"
    "Session-Expires: 1800\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: " + std::to_string(kSdp.size()) + "\r\n\r\n" + kSdp;

const std::string kOk =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK71c0.5e9b2a36.0\r\n"
    "Via: SIP/2.0/TCP 192.0.2.44:49812;received=192.0.2.44;rport=49812;branch=z9hG4bKPjW0x8sYp3mQd6\r\n"
    "From: \"Desk 114\" <sip:desk114@example.net>;tag=a81f30c7\r\n"
    "To: <sip:+4930555010@example.net;user=phone>;tag=as5c20de1b\r\n"
    "Call-ID: 0b6fd7c8e2a94e51@192.0.2.44\r\n"
    "CSeq: 7821 REGISTER\r\n"
    "Contact: <sip:desk114@192.0.2.44:49812;transport=tcp;ob>;expires=600\r\n"
    "Content-Length: 0\r\n\r\n";

void measure(const char* what, const std::string& text, Carrier carrier) {
  static Message message;
  const ScanLimits limits;
  constexpr int kRounds = 200'000;
  double best = 1e9;
  double best_end = 1e9;
  size_t sum = 0;
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto ns = [](auto from, auto to) { return std::chrono::duration<double, std::nano>(to - from).count() / kRounds; };
  for (int turn = 0; turn < 7; ++turn) {
    const auto start = now();
    for (int i = 0; i < kRounds; ++i) sum += find_head_end(text.data(), text.size(), i & 1);
    const auto middle = now();
    const size_t head = find_head_end(text.data(), text.size(), 0);
    for (int i = 0; i < kRounds; ++i) sum += static_cast<size_t>(scan(text.data(), text.size(), head, carrier, limits, message));
    const auto end = now();
    best_end = std::min(best_end, ns(start, middle));
    best = std::min(best, ns(middle, end));
  }
  std::printf("scan %s %zuB: %.0f ns (error %d, lines %d; find_head_end %.0f ns)%s\n", what, text.size(), best,
              static_cast<int>(message.error), message.line_count, best_end, sum == 1 ? "." : "");
}

}  // namespace

int main() {
  measure("REGISTER", kRegister, Carrier::stream);
  measure("INVITE", kInvite, Carrier::datagram);
  measure("200", kOk, Carrier::datagram);
  return 0;
}
