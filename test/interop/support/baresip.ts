/** A baresip without sound hardware: it registers through the edge with outbound, calls, and answers by itself. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "../../support/mailbox.js";
import { freePort } from "../../support/ports.js";
import { SipMessage } from "../../support/sip-message.js";
import { type Account, accountFile, configurationFile, edgesOf } from "./baresip-files.js";
import { NetstringDecoder, encodeNetstring } from "./netstring.js";
import { peerPath } from "../../support/peers.js";
import { Program } from "./program.js";

const HOST = "127.0.0.1";

interface BaresipEvent {
  readonly type: string;
  readonly param: string;
}

export class Baresip {
  readonly uri: string;
  readonly #account: Account;
  readonly #folder: string;
  readonly #program: Program;
  readonly #decoder = new NetstringDecoder();
  #events: BaresipEvent[] = [];
  #control: Socket | undefined;

  private constructor(account: Account, controlPort: number) {
    this.#account = account;
    this.uri = `sip:${account.user}@example.com`;
    const program = peerPath("baresip");
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-baresip-"));
    writeFileSync(join(this.#folder, "config"), configurationFile(account, controlPort));
    writeFileSync(join(this.#folder, "accounts"), accountFile(account));
    // Its SIP trace goes to stdout, which would otherwise stay in a buffer while it runs.
    this.#program = new Program("baresip", "stdbuf", ["-oL", program, "-s", "-f", this.#folder], this.#folder);
  }

  /** Starts it and waits until its REGISTERs, one per transport, are answered with 200. */
  static async start(account: Account): Promise<Baresip> {
    const controlPort = await freePort(HOST);
    const baresip = new Baresip(account, controlPort);
    try {
      await baresip.hears("REGISTER", 200, account.transports.length);
      await baresip.#openControl(controlPort);
    } catch (error) {
      await baresip.stop();
      throw error;
    }
    return baresip;
  }

  /** Every SIP message it has received from the edge, in order and without bodies. */
  get received(): readonly SipMessage[] {
    const trace = this.#program.output.replace(/\x1b\[[\d;]*m/g, "");
    const blocks = [...trace.matchAll(/^#\n(?:UDP|TCP|TLS) (\S+) -> \S+\n(.*?\r\n\r\n)/gms)];
    const edges = edgesOf(this.#account);
    return blocks.filter(([, from = ""]) => edges.includes(from)).map(([, , text = ""]) => new SipMessage(text));
  }

  /** Calls, and resolves when the call is established on both sides. */
  async call(other: Baresip): Promise<void> {
    this.#dial(other);
    await this.#event("CALL_ESTABLISHED");
    await other.#event("CALL_ESTABLISHED");
  }

  /** Calls a phone that rings, and resolves when 180 has arrived. */
  async ring(other: Baresip): Promise<void> {
    this.#dial(other);
    await this.#event("CALL_RINGING");
  }

  /** Gives up a ringing call, or rejects it; resolves when neither side has a call any longer. */
  async giveUp(other: Baresip): Promise<void> {
    this.#command("hangup");
    await this.#event("CALL_CLOSED");
    await other.#event("CALL_CLOSED");
  }

  /** Makes a call that fails; resolves when this status has come back. */
  async fails(other: Baresip, status: number): Promise<void> {
    this.#dial(other);
    await this.hears("INVITE", status);
  }

  /** Sends a re-INVITE; resolves when it has been answered with 200. */
  async reinvite(): Promise<void> {
    const answered = this.#count("INVITE", 200);
    this.#command("reinvite");
    await this.hears("INVITE", 200, answered + 1);
  }

  /** Forgets earlier calls; call this before someone calls it. */
  awaitCall(): void {
    this.#events = [];
  }

  /** Ends the call with a BYE; resolves when it has been answered with 200, and when its own end of the call has been told: it must not come in the next one. */
  async hangUp(): Promise<void> {
    const answered = this.#count("BYE", 200);
    this.#command("hangup");
    await this.hears("BYE", 200, answered + 1);
    await this.#event("CALL_CLOSED");
  }

  /** Resolves when the other side has ended the call. */
  async hungUp(): Promise<void> {
    const { param } = await this.#event("CALL_CLOSED");
    if (param !== "Connection reset by peer") throw new Error(`the call of ${this.uri} ended with: ${param}`);
  }

  /** Resolves when it has received this response to its own request or, with status 0, this request, `count` times. */
  async hears(method: string, status: number, count = 1): Promise<void> {
    const what = `${count} ${method} ${status} at ${this.uri}`;
    await this.#program.until(what, () => (this.#count(method, status) >= count ? true : undefined), 2 * PATIENCE);
  }

  async stop(): Promise<void> {
    this.#control?.destroy();
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Like a crash: no BYE and no REGISTER, the kernel just closes its connections. */
  async kill(): Promise<void> {
    await this.#program.kill();
  }

  /** Calls; resolves when the call is established on this side. */
  async dial(uri: string): Promise<void> {
    this.#events = [];
    this.#command("dial", uri);
    await this.#event("CALL_ESTABLISHED");
  }

  #dial(other: Baresip): void {
    this.#events = [];
    other.#events = [];
    this.#command("dial", other.uri);
  }

  #count(method: string, status: number): number {
    return this.received.filter((message) => message.method === method && message.status === status).length;
  }

  #event(type: string): Promise<BaresipEvent> {
    const find = (): BaresipEvent | undefined => this.#events.find((event) => event.type === type);
    return this.#program.until(`${type} of ${this.uri}`, find, 2 * PATIENCE);
  }

  #command(command: string, params = ""): void {
    this.#control?.write(encodeNetstring(JSON.stringify({ command, params })));
  }

  async #openControl(port: number): Promise<void> {
    const socket = connect(port, HOST);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      for (const text of this.#decoder.push(bytes)) {
        const { type, param = "" } = JSON.parse(text) as Partial<BaresipEvent>;
        if (type !== undefined) this.#events.push({ type, param });
      }
    });
    await once(socket, "connect");
    this.#control = socket;
  }
}
