/** Transactions of the object path on their way to the next process (src/process/upgrade.ts): plain data, octets as latin1. */
import type { Hop, Payer, Sender } from "./hop.js";

export type ServerState = "proceeding" | "completed" | "confirmed" | "accepted" | "terminated";
export type ClientState = "calling" | "proceeding" | "completed" | "accepted" | "terminated";

export interface MovingServer {
  readonly key: string;
  readonly request: string;
  readonly sender: Sender;
  readonly payer: Payer;
  readonly toTag: string;
  readonly state: ServerState;
  /** What a retransmission gets. */
  readonly last: string | undefined;
  readonly interval: number;
  /** Milliseconds until it ends. */
  readonly left: number;
}

export interface MovingClient {
  readonly state: ClientState;
  readonly flow: string | undefined;
  readonly interval: number;
  readonly left: number;
}

/** A copy of a request that waits for its final response. */
export interface MovingBranch {
  readonly id: string;
  readonly method: string;
  readonly payer: Payer;
  readonly octets: string;
  readonly hop: Hop;
  readonly client: MovingClient;
  readonly wasHeard: boolean;
  readonly cancelling: readonly string[] | undefined;
  readonly cancelSent: boolean;
  readonly left: number;
}

/** A response to a request other than INVITE, for its retransmissions. */
export interface MovingAnswer {
  readonly key: string;
  readonly octets: string;
  readonly flow: string;
  readonly left: number;
}

export interface MovingTransactions {
  /** Of the To tags of stateless responses. */
  readonly tagKey: string;
  readonly servers: readonly MovingServer[];
  readonly answered: readonly MovingAnswer[];
}

export function toText(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("latin1");
}

export function toOctets(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
