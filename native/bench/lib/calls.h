// Calls from the core to a client along its token: INVITE, 180, 200, ACK, then BYE and 200; the client ends every second call.
#pragma once

#include <string>
#include <vector>

#include "clients.h"
#include "core_peer.h"
#include "ledger.h"
#include "requests.h"
#include "response.h"
#include "tally.h"

namespace sluice::bench {

class Calls {
 public:
  // INVITE, 180, 200, ACK, BYE, 200.
  static constexpr unsigned kMessages = 6;

  // `bare`: nothing between the two sides adds a Record-Route.
  Calls(Clients& clients, CorePeer& core, const RequestsOf& requests, Ledger& ledger, Tally& tally, uint32_t flows, bool bare)
      : clients_(clients), core_(core), requests_(requests), ledger_(ledger), tally_(tally), bare_(bare), core_routes_(flows), client_routes_(flows) {}

  void start(uint32_t flow, uint32_t seq, const std::string& route) { send_from_core(requests_.of(flow).core_invite, route, flow, seq); }
  // One that is up until end_held().
  void start_held(uint32_t flow, uint32_t seq, const std::string& route) {
    ledger_.hold(seq);
    *ledger_.note(seq, flow) |= kHeld;
    start(flow, seq, route);
  }
  void end_held(int64_t now) {
    ledger_.go_on(now);
    for (const auto& [flow, seq] : held_) hang_up(flow, seq);
    held_.clear();
  }
  size_t held() const noexcept { return held_.size(); }

  // INVITE, ACK or BYE at a client; the flow is the right one.
  void client_got(uint32_t flow, const Message& m) {
    if (m.method == "INVITE") return ring_and_answer(flow, m);
    if (m.method == "BYE") return clients_.commit(flow, write_response(m, clients_.room(), Datagrams::kRoom));
    if (!mark(m, kAnswered, kAcknowledged)) return tally_.mismatch("ACK of no answered call", m);
    if (*ledger_.note(m.seq, flow) & kHeld) return held_.emplace_back(flow, m.seq), void();
    hang_up(flow, m.seq);
  }

  // A response to the INVITE, at the core.
  void core_got_response(const Message& m) {
    if (m.flow >= core_routes_.size() || !branch_agrees(m)) return tally_.mismatch("response with another branch or more than our Via", m);
    if (m.status == 100) return;
    // Over UDP, edges with several processes may deliver a 180 after its 200, as any network may.
    if (m.status == 180) return void(mark(m, 0, kRung) || ++tally_.late_180);
    if (m.status != 200) return tally_.mismatch("call that is not answered 200", m);
    if (!same_sdp(m)) return tally_.mismatch("answer with other SDP", m);
    if (!mark(m, 0, kAnswered)) return tally_.mismatch("200 of no call, or twice", m);
    keep_routes(core_routes_[m.flow], m, true);
    send_from_core(requests_.of(m.flow).core_ack, core_routes_[m.flow], m.flow, m.seq);
  }

  // Whether a call whose BYE has been answered has seen all the steps before that.
  bool complete(const Message& m) noexcept {
    uint8_t* note = ledger_.note(m.seq, m.flow);
    if (note == nullptr) return true;
    if ((*note & kRung) == 0) ++tally_.unrung;
    return (*note & kAnswered) != 0 && (*note & kAcknowledged) != 0;
  }

 private:
  static constexpr uint8_t kRung = 1, kAnswered = 2, kAcknowledged = 4, kHeld = 8;

  void hang_up(uint32_t flow, uint32_t seq) {
    if ((seq & 1) == 0) return send_from_core(requests_.of(flow).core_bye, core_routes_[flow], flow, seq);
    char* begin = clients_.room();
    clients_.commit(flow, static_cast<size_t>(requests_.of(flow).client_bye.write(begin, client_routes_[flow], flow, seq) - begin));
  }

  void ring_and_answer(uint32_t flow, const Message& m) {
    if (!same_sdp(m)) return tally_.mismatch("INVITE with other SDP", m);
    if (m.record_route.count == 0 && !bare_) return tally_.mismatch("INVITE without a Record-Route", m);
    keep_routes(client_routes_[flow], m, false);
    char contact[256], sdp[256];
    const Text contact_line(contact, static_cast<size_t>(requests_.of(flow).client_contact.write(contact, flow, m.seq) - contact));
    const Text body(sdp, static_cast<size_t>(requests_.of(flow).sdp.write(sdp, flow, m.seq) - sdp));
    clients_.commit(flow, write_response(m, clients_.room(), Datagrams::kRoom, {"180 Ringing", contact_line}));
    clients_.commit(flow, write_response(m, clients_.room(), Datagrams::kRoom, {"200 OK", contact_line, body}));
  }

  // Each step must come once, after the previous one.
  bool mark(const Message& m, uint8_t after, uint8_t step) noexcept {
    uint8_t* note = ledger_.note(m.seq, m.flow);
    if (note == nullptr || (*note & after) != after || (*note & step) != 0) return false;
    *note |= step;
    return true;
  }

  bool same_sdp(const Message& m) const noexcept {
    char sdp[256];
    return m.body == Text(sdp, static_cast<size_t>(requests_.of(m.flow).sdp.write(sdp, m.flow, m.seq) - sdp));
  }

  // The route set of a dialog (RFC 3261 12.1), kept per flow: an edge's token is valid for all calls of the flow.
  static void keep_routes(std::string& routes, const Message& m, bool reversed) {
    routes.clear();
    for (size_t i = 0; i < m.record_route.count; ++i) {
      Text line = m.record_route.line[reversed ? m.record_route.count - 1 - i : i];
      if (routes.size() + line.size() < 1024) routes.append("Route: ").append(value_of(line)).append("\r\n");
    }
  }

  void send_from_core(const RoutedText& text, const std::string& route, uint32_t flow, uint32_t seq) {
    core_.choose(flow);
    char* begin = core_.room();
    core_.commit(static_cast<size_t>(text.write(begin, route, flow, seq) - begin));
  }

  Clients& clients_;
  CorePeer& core_;
  const RequestsOf& requests_;
  Ledger& ledger_;
  Tally& tally_;
  bool bare_;
  std::vector<std::string> core_routes_;
  std::vector<std::string> client_routes_;
  std::vector<std::pair<uint32_t, uint32_t>> held_;  // flow and number
};

}  // namespace sluice::bench
