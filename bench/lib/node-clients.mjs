/** Clients over TCP, WS, TLS and WSS in one process of Node, and the core behind the edge: for ratios between layers, not for rates. */
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";

const ANSWER = Buffer.from("SIP/2.0 200 OK");
const UPGRADED = Buffer.from("\r\n\r\n");

/** Answers each request with 200, all its header fields kept. */
export async function startCore(port) {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  socket.on("message", (request, { port: from, address }) => {
    socket.send(Buffer.concat([ANSWER, request.subarray(request.indexOf("\r\n"))]), from, address);
  });
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  return { stop: () => socket.close() };
}

/** Opens `count` connections, a few hundred at a time; each is ready for SIP when this resolves. */
export async function openClients(transport, port, count) {
  const clients = [];
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(200, count - clients.length) }, (_, at) => Client.open(transport, port, clients.length + at));
    clients.push(...(await Promise.all(some)));
  }
  return clients;
}

class Client {
  #socket;
  #request;
  #tail = Buffer.alloc(0);
  #onAnswer = () => undefined;

  static async open(transport, port, number) {
    const isSecure = transport === "tls" || transport === "wss";
    // An address of its own for each few, so that no limit for a source is met.
    const bare = connectTcp({ host: "127.0.0.1", port, localAddress: `127.0.${1 + (number >> 8)}.${1 + (number % 250)}` });
    await once(bare, "connect");
    bare.setNoDelay(true);
    const socket = isSecure ? connectTls({ socket: bare, rejectUnauthorized: false }) : bare;
    if (isSecure) await once(socket, "secureConnect");
    const isWebSocket = transport === "ws" || transport === "wss";
    if (isWebSocket) await upgrade(socket, port);
    const client = new Client();
    client.#socket = socket;
    client.#request = request(transport, number);
    if (isWebSocket) client.#request = masked(client.#request);
    socket.on("data", (data) => client.#read(data));
    return client;
  }

  /** Sends its MESSAGE; resolves when the 200 has come. */
  exchange() {
    return new Promise((resolve) => {
      this.#onAnswer = resolve;
      this.#socket.write(this.#request);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #read(data) {
    const text = this.#tail.length === 0 ? data : Buffer.concat([this.#tail, data]);
    if (text.indexOf(ANSWER) < 0) this.#tail = text.subarray(-ANSWER.length);
    else {
      this.#tail = Buffer.alloc(0);
      this.#onAnswer();
    }
  }
}

function request(transport, number) {
  const head =
    `MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/${transport.toUpperCase()} c${number}.invalid;branch=z9hG4bK${number}\r\n` +
    `Max-Forwards: 70\r\nFrom: <sip:u${number}@example.com>;tag=${number}\r\nTo: <sip:bob@example.com>\r\n` +
    `Call-ID: ${number}@layers.invalid\r\nCSeq: 1 MESSAGE\r\nSupported: path, outbound\r\nX-Filler: `;
  const tail = "\r\nContent-Length: 0\r\n\r\n";
  return Buffer.from(head.padEnd(700 - tail.length, "x") + tail, "latin1");
}

function masked(payload) {
  const mask = randomBytes(4);
  const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, mask, payload.map((octet, at) => octet ^ mask[at & 3])]);
}

async function upgrade(socket, port) {
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
  );
  let answer = Buffer.alloc(0);
  while (answer.indexOf(UPGRADED) < 0) answer = Buffer.concat([answer, (await once(socket, "data"))[0]]);
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  if (!answer.includes(accept)) throw new Error(`no WebSocket: ${answer}`);
}
