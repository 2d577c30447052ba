/** One flow of a test phone: a UDP socket, a TCP or TLS connection, or a WebSocket, that sends and receives whole messages. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Duplex } from "node:stream";
import { showHostPort } from "../config/host-port.js";
import { StreamReader } from "./stream-reader.js";

export type PhoneTransport = "udp" | "tcp" | "tls" | "ws" | "wss";

export interface LinkTarget {
  readonly transport: PhoneTransport;
  readonly host: string;
  readonly port: number;
  /** Take any certificate. */
  readonly insecure: boolean;
}

export interface Link {
  readonly transport: PhoneTransport;
  /** host:port of this end. */
  readonly local: string;
  readonly remote: string;
  readonly isOpen: boolean;
  send(octets: Buffer): void;
  /** At once, without unregistering: the cable is pulled. */
  close(): void;
}

export interface LinkEvents {
  /** A SIP message, or what keeps a flow alive: CRLF or a STUN message. */
  readonly onReceived: (octets: Buffer) => void;
  readonly onClosed: () => void;
}

const CONNECT_MS = 5_000;

/** Rejects when there is no connection in five seconds. */
export async function openLink(target: LinkTarget, events: LinkEvents): Promise<Link> {
  if (target.transport === "udp") return openUdp(target, events);
  if (target.transport === "tcp" || target.transport === "tls") return openStream(target, events);
  return openWebSocket(target, events);
}

async function openUdp({ host, port }: LinkTarget, { onReceived }: LinkEvents): Promise<Link> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  let open = true;
  // Refused by ICMP: the request gets no answer, which is noticed elsewhere.
  socket.on("error", () => undefined);
  socket.connect(port, host);
  await once(socket, "connect");
  socket.on("message", onReceived);
  const { address, port: own } = socket.address();
  return {
    transport: "udp",
    local: showHostPort(address, own),
    remote: showHostPort(host, port),
    get isOpen() {
      return open;
    },
    send: (octets) => {
      if (open) socket.send(octets);
    },
    close: () => {
      if (open) socket.close();
      open = false;
    },
  };
}

async function openStream({ transport, host, port, insecure }: LinkTarget, events: LinkEvents): Promise<Link> {
  const socket = transport === "tls" ? connectTls({ host, port, servername: /[a-z]/i.test(host) ? host : "", rejectUnauthorized: !insecure }) : connectTcp({ host, port });
  const signal = AbortSignal.timeout(CONNECT_MS);
  try {
    await once(socket, transport === "tls" ? "secureConnect" : "connect", { signal });
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? new Error("no connection in 5 s") : error;
  }
  socket.setNoDelay(true);
  const local = showHostPort(socket.localAddress ?? "", socket.localPort);
  return linkOf(socket, transport, local, showHostPort(host, port), events);
}

function linkOf(socket: Duplex, transport: PhoneTransport, local: string, remote: string, { onReceived, onClosed }: LinkEvents): Link {
  let open = true;
  const reader = new StreamReader(onReceived);
  socket.on("data", (octets: Buffer) => reader.take(octets));
  socket.on("error", () => undefined);
  socket.on("close", () => {
    if (open) onClosed();
    open = false;
  });
  return {
    transport,
    local,
    remote,
    get isOpen() {
      return open;
    },
    send: (octets) => {
      if (open) socket.write(octets);
    },
    close: () => {
      open = false;
      socket.destroy();
    },
  };
}

/** RFC 7118: one message a frame, subprotocol sip. */
async function openWebSocket({ transport, host, port, insecure }: LinkTarget, { onReceived, onClosed }: LinkEvents): Promise<Link> {
  const { WebSocket } = await import("ws");
  const place = showHostPort(host, port);
  const socket = new WebSocket(`${transport}://${place}/`, "sip", { rejectUnauthorized: !insecure, handshakeTimeout: CONNECT_MS });
  let open = true;
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => undefined);
  socket.on("message", (data: Buffer) => onReceived(data));
  socket.on("close", () => {
    if (open) onClosed();
    open = false;
  });
  return {
    transport,
    // RFC 7118 5.2: a browser does not know its own address, so neither does this.
    local: `${Math.random().toString(36).slice(2, 12)}.invalid`,
    remote: place,
    get isOpen() {
      return open;
    },
    send: (octets) => {
      if (open) socket.send(octets);
    },
    close: () => {
      open = false;
      socket.terminate();
    },
  };
}
