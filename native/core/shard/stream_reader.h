// Turns a connection's octets into messages: strips PROXY header, TLS and WebSocket in this order, then frames SIP.
#pragma once

#include "core/shard/connections.h"
#include "core/shard/handshake_queue.h"
#include "core/shard/intake.h"
#include "core/shard/joint_reads.h"
#include "core/transport/upgrade_gate.h"

namespace sluice {

class StreamReader {
 public:
  StreamReader(Ground& ground, Turn& turn, Intake& intake, Connections& connections, FlowTimers& timers, Outbox& outbox, HandshakeQueue& handshakes) noexcept
      : ground_(ground), turn_(turn), intake_(intake), connections_(connections), timers_(timers), outbox_(outbox), handshakes_(handshakes), joint_(ground, turn, outbox.streams().ring()) {}

  // Decides on each WebSocket handshake; outlives this. nullptr: nobody does.
  void set_upgrade_gate(UpgradeGate* gate) noexcept { gate_ = gate; }

  // What is known of the connections beside their flows, which are on their way, is fetched from memory.
  void fetch(const epoll_event* events, unsigned count) noexcept;
  // What epoll reports about an open flow.
  void event(uint32_t slot, uint32_t events) noexcept;
  // The same for the first of these events, if they only mean that connections are readable; returns how many it has taken.
  unsigned readable(const epoll_event* events, unsigned count) noexcept;
  // Reads from the connections that we dialled to the core, whatever epoll says.
  void hear_core() noexcept;
  // Goes on with handshakes for which earlier turns had no time, whoever has waited for longest first.
  void shake_hands() noexcept;
  // Continues with flows that have complete messages left from the previous turn.
  void resume() noexcept;
  // Nothing of it shows on a socket that epoll would name.
  bool has_more() const noexcept { return !resumes_.empty() || !handshakes_.empty(); }
  void ping_websocket(uint32_t slot) noexcept;
  // A flow of another process has come with complete messages in its buffer.
  void goes_on(uint32_t slot) noexcept {
    if (ground_.flows.at(slot).marks & kMark_resumes) resumes_.push_back(ground_.flows.handle(slot));
  }

 private:
  // stream_reader.cc
  void handle(uint32_t slot, uint32_t events) noexcept;
  void receive(uint32_t slot) noexcept;
  void receive_long(uint32_t slot) noexcept;
  ssize_t receive_into(uint32_t slot, char* room, size_t most) noexcept;
  bool has_received(uint32_t slot, ssize_t n, int error) noexcept;
  void take(const JointReads::Read& read) noexcept;
  static bool has_records(const Flow& flow) noexcept;
  void deliver(uint32_t slot, char* data, size_t size) noexcept;
  void frame(uint32_t slot, char* data, size_t size) noexcept;
  void keep_unfinished(uint32_t slot, Text rest, bool whole) noexcept;
  void resume_later(uint32_t slot) noexcept;
  bool may_ping(uint32_t slot) noexcept;
  void close_after_answer(uint32_t slot) noexcept;

  // layers.cc
  void connected(uint32_t slot) noexcept;
  void take_proxy_header(uint32_t slot, char* data, size_t size) noexcept;
  void receive_tls(uint32_t slot) noexcept;
  void await_handshake(uint32_t slot) noexcept;
  void receive_record(uint32_t slot) noexcept;
  bool begin_tls(uint32_t slot) noexcept;
  void decrypt(uint32_t slot, Text wire) noexcept;
  bool keep_record(uint32_t slot, Text rest) noexcept;
  void follow(uint32_t slot, Text plain) noexcept;

  // websocket.cc
  void take_upgrade(uint32_t slot, char* data, size_t size) noexcept;
  void frame_websocket(uint32_t slot, char* data, size_t size) noexcept;
  void keep_frames(uint32_t slot, WsReader& reader, bool whole) noexcept;
  bool take_websocket_message(uint32_t slot, const WsEvent& event) noexcept;
  void end_websocket(uint32_t slot, CloseCode code, Counter why) noexcept;

  Ground& ground_;
  Turn& turn_;
  Intake& intake_;
  Connections& connections_;
  FlowTimers& timers_;
  Outbox& outbox_;
  HandshakeQueue& handshakes_;
  UpgradeGate* gate_ = nullptr;
  JointReads joint_;
  std::vector<FlowHandle> resumes_;  // flows with complete messages left in their buffers
  std::vector<char> tls_out_;        // what TLS sends while it receives
};

}  // namespace sluice
