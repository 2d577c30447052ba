/** Which shared counter is which metric. Names follow the Prometheus conventions; no label holds anything that a stranger can choose. */
import { Counter } from "../native/layout.js";

export interface MetricRow {
  /** Without the prefix "sluice_". */
  readonly name: string;
  readonly help: string;
  readonly gauge?: true;
  /** A single counter, or one for each value of the label. */
  readonly label?: string;
  readonly values: Readonly<Record<string, number>>;
}

const one = (counter: number): Readonly<Record<string, number>> => ({ "": counter });

export const metricTable: readonly MetricRow[] = [
  { name: "requests_received_total", help: "Requests received.", values: one(Counter.requestsIn) },
  { name: "requests_relayed_total", help: "Requests relayed.", values: one(Counter.requestsRelayed) },
  { name: "responses_received_total", help: "Responses received.", values: one(Counter.responsesIn) },
  { name: "responses_relayed_total", help: "Responses relayed.", values: one(Counter.responsesRelayed) },
  {
    name: "responses_sent_total",
    help: "Responses sent, whether relayed or generated here, by class.",
    label: "class",
    values: {
      "1xx": Counter.responses1xx,
      "2xx": Counter.responses2xx,
      "3xx": Counter.responses3xx,
      "4xx": Counter.responses4xx,
      "5xx": Counter.responses5xx,
      "6xx": Counter.responses6xx,
    },
  },
  { name: "replies_total", help: "Responses generated here, not relayed.", values: one(Counter.replies) },
  {
    name: "refusals_total",
    help: "Responses generated here: 403 for a forged token or a forbidden request, 430 for a dead flow, 503 while draining or without an upstream.",
    label: "code",
    values: { 403: Counter.replies403, 430: Counter.replies430, 503: Counter.replies503 },
  },
  {
    name: "registers_total",
    help: "REGISTER requests relayed for clients, and the 2xx responses to them.",
    label: "result",
    values: { relayed: Counter.registersIn, accepted: Counter.registersOk },
  },
  {
    name: "registers_handled_total",
    help: "REGISTER requests of a registrar or standalone server: decided by numbers, or on the object path.",
    label: "path",
    values: { numbers: Counter.registersByNumbers, objects: Counter.registersByObjects },
  },
  { name: "flow_tokens_refused_total", help: "Flow tokens refused.", label: "reason", values: { forged: Counter.tokensForged, gone: Counter.tokensGone } },
  {
    name: "keepalives_total",
    help: "Keep-alives from clients.",
    label: "kind",
    values: { crlf: Counter.pings, datagram: Counter.datagramKeepalives, stun: Counter.stun },
  },
  { name: "flows", help: "Flows now.", gauge: true, label: "kind", values: { stream: Counter.streamFlows, udp: Counter.udpFlows } },
  { name: "flows_opened_total", help: "Connections opened.", values: one(Counter.flowsOpened) },
  {
    name: "flows_ended_total",
    help: "Flows ended and connections refused.",
    label: "reason",
    values: {
      closed: Counter.flowsClosed,
      expired: Counter.flowsExpired,
      refused: Counter.flowsRefused,
      overrun: Counter.flowsOverrun,
      faulty: Counter.flowsFaulty,
      moved: Counter.flowsMoved,
    },
  },
  { name: "answers_withheld_total", help: "UDP responses withheld because they exceed three times what a source has sent that never showed that it hears us.", values: one(Counter.answersWithheld) },
  { name: "udp_flows_evicted_total", help: "UDP flows forgotten to make room for others.", values: one(Counter.udpFlowsEvicted) },
  { name: "udp_flows_refused_total", help: "UDP flows not remembered for lack of room.", values: one(Counter.udpFlowsRefused) },
  { name: "pending_requests", help: "Requests waiting for their final response.", gauge: true, values: one(Counter.pending) },
  { name: "requests_held", help: "Requests that the registrar and home proxy hold now.", gauge: true, values: one(Counter.requestsHeld) },
  { name: "requests_held_bytes", help: "Octets of the requests that the registrar and home proxy hold.", gauge: true, values: one(Counter.requestOctetsHeld) },
  { name: "requests_refused_total", help: "Requests to the registrar and home proxy refused for lack of room.", values: one(Counter.requestsRefused) },
  { name: "pending_refused_total", help: "Requests relayed statelessly because the table was full.", values: one(Counter.pendingRefused) },
  { name: "retransmissions_total", help: "Requests retransmitted over UDP.", values: one(Counter.retransmissions) },
  { name: "retransmissions_absorbed_total", help: "Retransmissions answered from memory or dropped.", values: one(Counter.absorbed) },
  {
    name: "messages_dropped_total",
    help: "Messages dropped.",
    label: "reason",
    values: {
      malformed: Counter.malformed,
      not_sip: Counter.notSip,
      unsolicited_response: Counter.unsolicitedResponses,
      looped: Counter.looped,
      stun: Counter.stunIgnored,
      rule: Counter.dropped,
      banned: Counter.banned,
      send: Counter.sendDropped,
      ring_full: Counter.ringFull,
    },
  },
  { name: "datagram_trains_refused_total", help: "Runs of datagrams that the kernel refused as one and that were sent one by one.", values: one(Counter.trainsRefused) },
  { name: "shard_crossings_total", help: "Messages handed to another shard.", values: one(Counter.crossed) },
  { name: "object_events_lost_total", help: "Ended flows and failed requests that another shard could not be told about.", values: one(Counter.objectEventsLost) },
  { name: "object_messages_total", help: "Messages handed to the registrar and home proxy.", values: one(Counter.objectMessages) },
  { name: "received_bytes_total", help: "Octets received.", values: one(Counter.bytesIn) },
  { name: "sent_bytes_total", help: "Octets sent.", values: one(Counter.bytesOut) },
  { name: "buffer_bytes", help: "Octets of unfinished and unsent messages.", gauge: true, values: one(Counter.bufferBytes) },
  { name: "upstream_failures_total", help: "Times an upstream target stopped answering.", values: one(Counter.upstreamFailures) },
  { name: "tls_handshakes_total", help: "TLS handshakes; `resumed` are part of `done`.", label: "result", values: { done: Counter.tlsHandshakes, resumed: Counter.tlsResumed, failed: Counter.tlsFailed } },
  { name: "websocket_handshakes_total", help: "WebSocket handshakes.", label: "result", values: { agreed: Counter.wsUpgrades, refused: Counter.wsRefused } },
  { name: "logins_accepted_total", help: "Requests with valid credentials.", values: one(Counter.loginsAccepted) },
  {
    name: "logins_failed_total",
    help: "Requests with credentials for one of our nonces that were refused.",
    label: "reason",
    values: { password: Counter.loginsPassword, identity: Counter.loginsIdentity, replay: Counter.loginsReplay, limited: Counter.loginsLimited },
  },
  { name: "capture_lost_total", help: "Copies for traces and captures lost for lack of room.", values: one(Counter.tappedLost) },
];
