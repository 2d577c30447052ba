/** What every kind of test socket can do, and what it delivers. */

export type Transport = "udp" | "tcp" | "tls" | "ws" | "wss";

export interface Incoming {
  readonly text: string;
  /** host:port of the sender */
  readonly from: string;
  readonly transport: Transport;
  /** Sends back over the same connection, or to the same address. */
  readonly answer: (text: string) => Promise<void>;
}

export interface Wire {
  readonly transport: Transport;
  /** host:port, as in Via and Contact */
  readonly at: string;
  readonly port: number;
  readonly isOpen: boolean;
  /** Settled when either side has closed. */
  readonly closed: Promise<void>;
  send(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Cuts output on a stream into the pieces that are written one by one. */
export type Splitter = (text: string) => readonly string[];
