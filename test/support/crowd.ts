/** Many senders with their own sockets and addresses: floods, and the traffic that must be served meanwhile. */
import { type Socket as UdpSocket, createSocket } from "node:dgram";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { PATIENCE } from "./mailbox.js";

export const HOST = "127.0.0.1";
/** Another source: all of 127.0.0.0/8 is this machine. */
export const OTHER_HOST = "127.0.0.2";

/** A connection; if refused, it is closed at once. */
export async function connection(port: number, localAddress = HOST): Promise<Socket> {
  const socket = connect({ port, host: HOST, localAddress });
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  await Promise.race([once(socket, "connect").catch(() => undefined), once(socket, "close")]);
  return socket;
}

export async function udp(address = HOST): Promise<UdpSocket> {
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  socket.bind(0, address);
  await once(socket, "listening");
  return socket;
}

/** Answers all requests with `answer`, by default with 200. */
export async function core(answer: (request: string) => readonly string[] = (request) => [response(request, "200 OK")]): Promise<number> {
  const socket = await udp();
  socket.on("message", (octets, from) => {
    for (const text of answer(octets.toString("latin1"))) socket.send(Buffer.from(text, "latin1"), from.port, from.address);
  });
  return socket.address().port;
}

export function response(request: string, status: string, headers = "", body = ""): string {
  const kept = request.split("\r\n").filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/i.test(line));
  const head = kept.join("\r\n").replace(/^(To:(?:(?!;tag=).)*)$/m, "$1;tag=callee");
  return `SIP/2.0 ${status}\r\n${head}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

export interface Asking {
  readonly transport: "UDP" | "TCP";
  /** Host and port of the sender. */
  readonly at: string;
  readonly uri: string;
  readonly from?: string;
  readonly to?: string;
  readonly viaParameters?: string;
  /** Lines with CRLF. */
  readonly headers?: string;
  readonly body?: string;
}

let requests = 0;

/** A request with its own transaction and dialog. */
export function request(method: string, { transport, at, uri, from = "sip:a@example.com", to = uri, viaParameters = "", headers = "", body = "" }: Asking): string {
  requests += 1;
  const id = `crowd${process.pid}-${requests}`;
  return (
    `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/${transport} ${at};rport;branch=z9hG4bK${id}${viaParameters}\r\nMax-Forwards: 70\r\n` +
    `From: <${from}>;tag=${id}\r\nTo: <${to}>\r\nCall-ID: ${id}\r\nCSeq: 1 ${method}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
  );
}

export function hostPortOf(socket: UdpSocket): string {
  const { address, port } = socket.address();
  return `${address}:${port}`;
}

/** How long each of `count` good REGISTERs, sent one after another, waited for its 200, in milliseconds; none may be lost or refused. */
export async function registerAll(port: number, count: number, domain: string): Promise<readonly number[]> {
  const waits: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const socket = await udp();
    const here = hostPortOf(socket);
    const text = request("REGISTER", { transport: "UDP", at: here, uri: `sip:${domain}`, from: `sip:good${at}@${domain}`, to: `sip:good${at}@${domain}`, headers: `Contact: <sip:good${at}@${here}>\r\n` });
    const begin = performance.now();
    socket.send(Buffer.from(text, "latin1"), port, HOST);
    const answered = once(socket, "message") as Promise<[Buffer]>;
    const first = await Promise.race([answered, sleep(PATIENCE, undefined, { ref: false })]);
    if (first === undefined) throw new Error(`REGISTER ${at} got no answer`);
    const status = first[0].toString("latin1").split("\r\n", 1).join("");
    if (!status.startsWith("SIP/2.0 200")) throw new Error(`REGISTER ${at}: ${status}`);
    waits.push(performance.now() - begin);
  }
  return waits.sort((one, other) => one - other);
}

/** The 99th percentile of `sorted`. */
export function p99(sorted: readonly number[]): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.99) - 1)] ?? Number.NaN;
}

export async function metric(admin: number, name: string): Promise<number> {
  const text = await (await fetch(`http://${HOST}:${admin}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`sluice_${name} `));
  return Number(line?.split(" ").at(-1) ?? Number.NaN);
}
