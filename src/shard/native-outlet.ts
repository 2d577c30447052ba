/** The transport of the transactions: it hands messages to the shard, which sends them together when the current work is done. */
import type { ObjectPort } from "../native/object-port.js";
import type { Callee } from "../registrar/gruu.js";
import type { Incoming } from "../proxy/forwarder.js";
import type { Hop, Outlet } from "../transaction/hop.js";

export class NativeOutlet implements Outlet {
  readonly #port: ObjectPort;
  #flushing = false;
  /** What is to be sent if the process goes on after all; undefined: it is sent at once. */
  #held: (() => void)[] | undefined;

  constructor(port: ObjectPort) {
    this.#port = port;
  }

  /** Another process may be sending from now on. */
  hold(): void {
    this.#held ??= [];
  }

  /** It is not: what was held back goes now. */
  goOn(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const send of held) send();
  }

  isReliable(hop: Hop): boolean {
    return hop.kind === "flow" ? this.isReliableFlow(hop.flow) : hop.transport !== "udp";
  }

  isReliableFlow(flow: string): boolean {
    return !flow.startsWith("u/");  // native/core/relay/flow_id.h
  }

  send(hop: Hop, octets: Uint8Array): string | undefined {
    if (this.#held !== undefined) {
      this.#held.push(() => void this.send(hop, octets));
      return hop.kind === "flow" ? hop.flow : undefined;
    }
    this.#flushSoon();
    if (hop.kind === "flow") return this.#port.sendToFlow(hop.flow, octets) ? hop.flow : undefined;
    return this.#port.sendToAddress(hop.transport, hop.address, hop.port, hop.host, octets);
  }

  answer(flow: string, octets: Uint8Array, final: boolean, own = false): void {
    if (this.#held !== undefined) return void this.#held.push(() => this.answer(flow, octets, final, own));
    this.#flushSoon();
    this.#port.answerFlow(flow, octets, final, own);
  }

  /** Leaves a request, which has been admitted, to C++ (`ObjectPort.takeRequest`). False: it cannot carry it out. */
  carry({ request, sender, payer, loop }: Incoming, { aor, instance, life }: Callee, wasAnswered: boolean): boolean {
    if (this.#held !== undefined) return false;
    const { flow, answerFlow, fromCore } = sender;
    const isTaken = this.#port.takeRequest(request.octets, flow, answerFlow, fromCore, wasAnswered, loop, payer.address, payer.isExempt, aor, instance, life);
    if (isTaken) this.#flushSoon();
    return isTaken;
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#port.flush();
    });
  }
}
