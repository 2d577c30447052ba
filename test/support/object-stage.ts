/** The object path of a shard with its real registrar, home proxy, users and store. Instead of sockets it has a port that records output. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completeConfig, readSettings } from "../../src/config/read.js";
import type { Shard } from "../../src/native/binding.js";
import { Const, HeaderFlag, RecordField, RouteFlag, RouteKind, ScanError } from "../../src/native/layout.js";
import { type Home, openHome } from "../../src/shard/assemble-home.js";
import { homeConfig, shardConfigs } from "../../src/shard/shard-config.js";
import { makeResponse } from "../../src/sip/response.js";
import { SipMessage } from "../../src/sip/message.js";
import { hashOf } from "./digest-client.js";

export const REALM = "example.org";
/** Who sends a request: alice's phone, bob's, or an edge. */
export type Sender = "alice" | "bob" | "edge" | "alice over TLS" | "bob over TLS";

const FLOWS: Readonly<Record<Sender, string>> = { alice: "s/0/0/1/1/1", bob: "s/0/0/1/2/1", edge: "s/0/0/1/3/1", "alice over TLS": "s/1/0/1/4/1", "bob over TLS": "s/1/0/1/5/1" };
const MAX_HEAD = 16_384;

export class ObjectStage {
  /** Responses, and forwarded requests, in order. */
  readonly answers: SipMessage[] = [];
  readonly copies: SipMessage[] = [];
  /** The destinations of copies sent to an address. */
  readonly places: string[] = [];
  /** Errors that were not a client's fault. */
  readonly faults: unknown[] = [];
  /** From now on each copy of a request fails for a reason of ours. */
  failsToCopy = false;
  readonly #records = new Int32Array(Const.batchSize * Const.recordFields);
  readonly #verdicts = new Int32Array(Const.batchSize * Const.verdictFields);
  #home: Home | undefined;
  #octets: Uint8Array = new Uint8Array();
  #sender: Sender = "alice";
  #branches = 0;

  /** `auth`: alice and bob have the password `secret`, and everyone is asked for it. */
  static async open(auth: boolean): Promise<ObjectStage> {
    const stage = new ObjectStage();
    const folder = mkdtempSync(join(tmpdir(), "sluice-stage-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const users = join(folder, "users");
    writeFileSync(users, ["alice", "bob"].flatMap((user) => ["MD5", "SHA-256"].map((name) => `${user}:${REALM}:${hashOf(name, `${user}:${REALM}:secret`)}\n`)).join(""));
    const { settings, errors } = readSettings({
      SLUICE_MODE: "standalone",
      SLUICE_LISTEN: "tcp:127.0.0.1:0,tls:127.0.0.1:0",
      // Nobody opens the listeners, so any file will do.
      SLUICE_TLS_CERT: users,
      SLUICE_TLS_KEY: users,
      SLUICE_DOMAINS: REALM,
      SLUICE_SHARDS: "1",
      SLUICE_STATE_DIR: folder,
      SLUICE_AUTH: auth ? `file:${users}` : "off",
    });
    const config = settings && completeConfig(settings, true).config;
    const [shardConfig] = config === undefined ? [] : shardConfigs(config);
    const home = config && homeConfig(config);
    if (shardConfig === undefined || home === undefined) throw new Error(errors.join("\n"));
    const fault = (error: unknown): void => void stage.faults.push(error);
    stage.#home = await openHome(stage.#port(), shardConfig, home, { onFault: fault, onStore: () => undefined, onBinding: () => undefined, onUnread: () => undefined, onLogin: () => undefined, onRetransmission: () => undefined });
    return stage;
  }

  /**
   * Hands over a message as the shard does. False: the scanner refuses it, so the shard answers it by itself.
   * `isStrict`: the Request-URI is our own Record-Route URI, for the sender's flow.
   */
  take(octets: Uint8Array, sender: Sender = "alice", isStrict = false): boolean {
    const message = new SipMessage(octets);
    const head = octets.length - message.body.length;
    if (message.error !== ScanError.none || head > MAX_HEAD) return false;
    this.#octets = octets;
    this.#sender = sender;
    this.#records.fill(0);
    this.#records[RecordField.isResponse] = message.isRequest ? 0 : 1;
    this.#records[RecordField.viaCount] = message.values("Via").length;
    if (isStrict) {
      this.#records[RecordField.headers] = HeaderFlag.strictUri;
      this.#records[RecordField.ownRoutes] = 1;
      this.#records[RecordField.route0] = RouteKind.alive | RouteFlag.source;
    }
    this.#home?.path.receive(0, this.#records, this.#verdicts);
    return true;
  }

  async close(): Promise<void> {
    await this.#home?.close();
  }

  #port(): Shard {
    const answer = (octets: Uint8Array): void => void this.answers.push(new SipMessage(Buffer.from(octets)));
    const send = (octets: Uint8Array): void => void this.copies.push(new SipMessage(Buffer.from(octets)));
    const port: Partial<Shard> = {
      message: () => this.#octets,
      arrival: (_item, numbers, room, at) => {
        numbers.set([this.#octets.length, 1]);
        if (this.#octets.length <= room.length - at) room.set(this.#octets, at);
        const address = this.#sender === "edge" ? "10.0.0.1" : "192.0.2.1";
        return [address, 5_060, this.#sender.endsWith("TLS") ? 1 : 0, this.#sender === "edge" ? 1 : 0, FLOWS[this.#sender], ""].join("\n");
      },
      newBranch: () => {
        if (this.failsToCopy) throw new Error("a copy that fails");
        return `z9hG4bKstage${(this.#branches += 1)}`;
      },
      neighbourMark: () => "A".repeat(20),
      flowToken: () => "A".repeat(32),
      flowLives: (flow) => Object.values(FLOWS).includes(flow),
      sendToFlow: (_, octets) => (send(octets), true),
      answerFlow: (_, octets) => answer(octets),
      takesStream: () => false,
      answerRoom: () => Infinity,
      heardUs: () => undefined,
      isNeighbour: () => true,
      dialPhone: () => undefined,
      sendToAddress: (_transport, address, _port, _host, octets) => (send(octets), this.places.push(address), FLOWS.edge),
      coreListener: () => 0,
      customReply: (_item, status, reason) => {
        const stamp = { address: "192.0.2.1", port: 5_060 };
        answer(makeResponse(new SipMessage(this.#octets), { spec: { status, ...(reason !== "" && { reason }), headers: [] }, toTag: "refused", stamp }));
      },
      chooseUpstreams: () => undefined,
      routeOwner: () => undefined,
      noteSilence: () => undefined,
      wasSilent: () => false,
      bindFlow: () => undefined,
      noteRegister: () => undefined,
      reserve: () => 1,
      release: () => undefined,
      // Everything takes the object path.
      serveRegisters: () => undefined,
      setRegisters: () => undefined,
      serveRequests: () => undefined,
      setRequests: () => undefined,
      // Here objects carry out what they decide.
      takeRequest: () => false,
      offerLogins: () => undefined,
      learnHa1s: () => undefined,
      startHa1s: () => true,
      wipeHa1s: () => false,
      flush: () => undefined,
      takeEvents: () => undefined,
    };
    return port as Shard;
  }
}
