/** A TLS 1.3 client that makes its records itself once Node has shaken hands (RFC 8446 5), so that it can make bad ones. */
import { type CipherGCMTypes, createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { hostPort } from "./ports.js";
import { PATIENCE } from "./mailbox.js";

const TAG = 16;
const HEAD = 5;

export const ContentType = { alert: 21, handshake: 22, data: 23 } as const;

class Direction {
  readonly #cipher: CipherGCMTypes;
  readonly #hash: string;
  #secret: Buffer;
  #key: Buffer = Buffer.alloc(0);
  #iv: Buffer = Buffer.alloc(0);
  #number = 0;

  constructor(secret: Buffer) {
    const long = secret.length === 48;
    this.#cipher = long ? "aes-256-gcm" : "aes-128-gcm";
    this.#hash = long ? "sha384" : "sha256";
    this.#secret = secret;
    this.#derive();
  }

  update(): void {
    this.#secret = this.#expand("traffic upd", this.#secret.length);
    this.#derive();
  }

  seal(type: number, content: Buffer): Buffer {
    const head = Buffer.from([ContentType.data, 3, 3, 0, 0]);
    head.writeUInt16BE(content.length + 1 + TAG, 3);
    const cipher = createCipheriv(this.#cipher, this.#key, this.#nonce(), { authTagLength: TAG }).setAAD(head);
    return Buffer.concat([head, cipher.update(content), cipher.update(Buffer.from([type])), cipher.final(), cipher.getAuthTag()]);
  }

  open(record: Buffer): { readonly type: number; readonly content: Buffer } {
    const decipher = createDecipheriv(this.#cipher, this.#key, this.#nonce(), { authTagLength: TAG }).setAAD(record.subarray(0, HEAD)).setAuthTag(record.subarray(-TAG));
    const inner = Buffer.concat([decipher.update(record.subarray(HEAD, -TAG)), decipher.final()]);
    const end = inner.findLastIndex((octet) => octet !== 0);
    return { type: inner[end] ?? 0, content: inner.subarray(0, end) };
  }

  #nonce(): Buffer {
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#number) >>> 0, 8);
    this.#number += 1;
    return nonce;
  }

  #derive(): void {
    this.#key = this.#expand("key", this.#cipher === "aes-256-gcm" ? 32 : 16);
    this.#iv = this.#expand("iv", 12);
    this.#number = 0;
  }

  /** RFC 8446 7.1: one block of HKDF-Expand, which is what an HMAC gives. */
  #expand(label: string, size: number): Buffer {
    const info = Buffer.concat([Buffer.from([0, size, 6 + label.length]), Buffer.from(`tls13 ${label}`), Buffer.from([0])]);
    return createHmac(this.#hash, this.#secret).update(info).update(Buffer.from([1])).digest().subarray(0, size);
  }
}

export class RecordPeer {
  readonly #socket: Socket;
  readonly #out: Direction;
  readonly #in: Direction;
  #octets = Buffer.alloc(0);
  #heard = "";
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, out: Direction, incoming: Direction) {
    this.#socket = socket;
    this.#out = out;
    this.#in = incoming;
  }

  static async open(at: string, ciphers = "TLS_AES_256_GCM_SHA384"): Promise<RecordPeer> {
    const { hostname, port } = new URL(`tcp://${at}`);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    const secrets = new Map<string, Buffer>();
    const wire = new Duplex({ read: () => undefined, write: (bytes: Buffer, _encoding, done) => void socket.write(bytes, () => done()) });
    const give = (bytes: Buffer): void => void wire.push(bytes);
    socket.on("data", give);
    const tls = connectTls({ socket: wire, rejectUnauthorized: false, minVersion: "TLSv1.3", ciphers });
    tls.on("error", () => undefined);
    tls.on("keylog", (line: Buffer) => {
      const [label = "", , secret = ""] = line.toString("latin1").trim().split(" ");
      secrets.set(label, Buffer.from(secret, "hex"));
    });
    await once(tls, "secureConnect");
    // The tickets come after the Finished, and find us instead.
    socket.off("data", give);
    const peer = new RecordPeer(socket, new Direction(secrets.get("CLIENT_TRAFFIC_SECRET_0") ?? Buffer.alloc(32)), new Direction(secrets.get("SERVER_TRAFFIC_SECRET_0") ?? Buffer.alloc(32)));
    socket.on("data", (bytes) => peer.#take(bytes));
    socket.on("close", () => peer.#say("end\n"));
    return peer;
  }

  get at(): string {
    return hostPort(this.#socket.localAddress ?? "", this.#socket.localPort ?? 0);
  }

  seal(type: number, content: Buffer | string): Buffer {
    return this.#out.seal(type, Buffer.from(content));
  }

  /** Records or anything else, in pieces of that many octets. */
  async write(octets: Buffer, step = octets.length): Promise<void> {
    for (let at = 0; at < octets.length; at += step) await new Promise<void>((resolve) => this.#socket.write(octets.subarray(at, at + step), () => resolve()));
  }

  send(text: string): Promise<void> {
    return this.write(this.seal(ContentType.data, text));
  }

  /** `asks`: the server must update its keys too. */
  async updateKeys(asks: boolean): Promise<void> {
    await this.write(this.seal(ContentType.handshake, Buffer.from([24, 0, 0, 1, asks ? 1 : 0])));
    this.#out.update();
  }

  /** What the server's records said, until `part` is in it: text as it is, "alert LEVEL/DESCRIPTION", "KeyUpdate", "ticket", "end". */
  async hear(part: string): Promise<string> {
    const deadline = Date.now() + PATIENCE;
    while (!this.#heard.includes(part)) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited for ${part} and had ${JSON.stringify(this.#heard)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#heard;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#octets = Buffer.concat([this.#octets, bytes]);
    while (this.#octets.length >= HEAD) {
      const size = HEAD + this.#octets.readUInt16BE(3);
      if (this.#octets.length < size) return;
      const { type, content } = this.#in.open(this.#octets.subarray(0, size));
      this.#octets = this.#octets.subarray(size);
      if (type === ContentType.data) this.#say(content.toString("latin1"));
      else if (type === ContentType.alert) this.#say(`alert ${content[0]}/${content[1]}\n`);
      else if (content[0] === 24) this.#moveOn();
      else this.#say("ticket\n");
    }
  }

  #moveOn(): void {
    this.#in.update();
    this.#say("KeyUpdate\n");
  }

  #say(text: string): void {
    this.#heard += text;
    this.#wake();
  }
}
