/** What the shards noticed, as log lines: few for each source, and untrusted octets only in printable form. */
import { getSystemErrorName } from "node:util";
import { showHostPort } from "../config/host-port.js";
import type { Alert } from "../native/binding.js";
import { Event, Holding, scanErrorReason } from "../native/layout.js";
import type { Log } from "./log.js";
import { LogRate } from "./log-rate.js";
import { printable } from "../base/printable.js";

const SAMPLE_CHARACTERS = 100;
const CR = 13;
const LF = 10;
const HOLDINGS: Readonly<Record<number, { readonly name: string; readonly all: string; readonly share: string }>> = {
  [Holding.connection]: { name: "connections", all: "SLUICE_MAX_FLOWS", share: "SLUICE_MAX_FLOWS_PER_SOURCE" },
  [Holding.udpFlow]: { name: "UDP flows", all: "SLUICE_MAX_FLOWS", share: "SLUICE_MAX_FLOWS_PER_SOURCE" },
  [Holding.transaction]: { name: "requests", all: "SLUICE_MAX_PENDING", share: "SLUICE_MAX_PENDING_PER_SOURCE" },
  [Holding.handshake]: { name: "unfinished handshakes", all: "SLUICE_MAX_FLOWS", share: "SLUICE_MAX_FLOWS_PER_SOURCE" },
  [Holding.binding]: { name: "bindings", all: "SLUICE_MAX_BINDINGS", share: "an eighth of SLUICE_MAX_BINDINGS" },
  [Holding.object]: { name: "requests for the object path", all: "", share: "500 a second" },
};

export class AlertLog {
  readonly #log: Log;
  /** One for each event: strangers cannot write so many lines that an upstream's end finds no room. */
  readonly #rates = new Map<number, LogRate>();

  constructor(log: Log) {
    this.#log = log;
  }

  write(shard: number, alerts: readonly Alert[]): void {
    for (const alert of alerts) if (this.#rateOf(alert.event).allows(alert.address)) this.#line(shard, alert);
    const suppressed = [...this.#rates.values()].reduce((sum, rate) => sum + rate.takeSuppressed(), 0);
    if (suppressed > 0) this.#log.debug({ shard, suppressed }, "further alerts of the same kind and source");
  }

  #rateOf(event: number): LogRate {
    const known = this.#rates.get(event) ?? new LogRate();
    this.#rates.set(event, known);
    return known;
  }

  #line(shard: number, { event, address, port, number, sample }: Alert): void {
    const peer = showHostPort(address, port);
    switch (event) {
      case Event.upstreamUp:
        return this.#log.info({ shard, upstream: peer }, "an upstream answers again");
      case Event.upstreamDown:
        return this.#log.warn({ shard, upstream: peer }, "an upstream does not answer: it gets no requests until it does");
      case Event.upstreamBusy:
        return this.#log.warn({ shard, upstream: peer }, "an upstream is slow or refuses: REGISTERs wait, and phones are told to come back later");
      case Event.upstreamCalm:
        return this.#log.info({ shard, upstream: peer }, "no REGISTER waits for this upstream any longer");
      case Event.nodeUp:
        return this.#log.info({ shard, node: number, address: peer }, "an edge of the farm answers again");
      case Event.nodeDown:
        return this.#log.warn({ shard, node: number, address: peer }, "an edge of the farm does not answer: its tokens get 430 until it does");
      case Event.forgedToken:
        return this.#log.warn({ shard, peer }, "refused a forged flow token");
      case Event.coreNotTrusted:
        return this.#log.warn(
          { shard, peer },
          "answered 403 to a request for a client from an upstream's address, but from a port or connection that does not count as the core: " +
            "if the upstream calls this way, put its address without a port into SLUICE_TRUSTED, or give it a SLUICE_CORE_LISTEN",
        );
      case Event.malformed:
        return this.#log.info({ shard, peer, fault: scanErrorReason[number] || "not SIP", sample: printable(firstLine(sample), SAMPLE_CHARACTERS) }, "malformed message");
      case Event.acceptFailed:
        return this.#log.error({ shard, error: getSystemErrorName(-number) }, "cannot accept connections");
      case Event.pingFlood:
        return this.#log.warn({ shard, peer }, "closed a connection that floods keep-alives");
      case Event.tlsFailed:
        return this.#log.info({ shard, peer, reason: printable(sample, SAMPLE_CHARACTERS) }, "a TLS connection failed");
      case Event.wsFaulty:
        return this.#log.info({ shard, peer, code: number }, "closed a WebSocket connection for a protocol fault");
      case Event.sourceFull:
        return this.#log.warn({ shard, peer, holds: HOLDINGS[number]?.name }, `a source has used up its share: ${HOLDINGS[number]?.share}`);
      case Event.answerWithheld:
        return this.#log.warn({ shard, peer }, "withheld a response: this UDP source never showed that it hears us, and has had three times what it sent");
      case Event.allFull:
        return this.#log.error({ shard, peer, holds: HOLDINGS[number]?.name }, `all sources together have reached ${HOLDINGS[number]?.all}`);
      default:
        return;
    }
  }
}

/** Header fields may hold credentials. */
function firstLine(sample: Uint8Array): Uint8Array {
  const end = sample.findIndex((octet) => octet === CR || octet === LF);
  return end < 0 ? sample : sample.subarray(0, end);
}
