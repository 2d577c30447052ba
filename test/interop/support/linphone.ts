/** linphonec, which registers without reg-id and Path and answers by itself; it takes commands on standard input. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "../../support/mailbox.js";
import { freePort } from "../../support/ports.js";
import { peerPath } from "../../support/peers.js";
import { Program } from "./program.js";

const ASK_EVERY_MS = 200;

export interface LinphoneAccount {
  readonly user: string;
  /** host:port of the server. */
  readonly server: string;
  readonly transport: "udp" | "tcp";
}

export class Linphone {
  readonly uri: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-linphone-"));
  readonly #program: Program;

  private constructor(account: LinphoneAccount, rtpPort: number) {
    this.uri = `sip:${account.user}@example.com`;
    // Without a place for its database it starts but does nothing.
    mkdirSync(join(this.#folder, ".local/share/linphone"), { recursive: true });
    const settings = join(this.#folder, "settings");
    writeFileSync(settings, settingsFile(account, rtpPort));
    // -a: answer automatically. Its log goes to a file; stdbuf, because its output would otherwise stay in a buffer.
    const args = ["-oL", peerPath("linphonec"), "-a", "-c", settings, "-l", join(this.#folder, "log"), "-d", "6"];
    this.#program = new Program("linphonec", "stdbuf", args, this.#folder, { HOME: this.#folder });
  }

  /** Starts it and waits until it has registered. */
  static async start(account: LinphoneAccount): Promise<Linphone> {
    const linphone = new Linphone(account, await freePort());
    try {
      linphone.#program.type("soundcard use files");
      await linphone.#asks("status register", /registered, identity=/);
    } catch (error) {
      await linphone.stop();
      throw error;
    }
    return linphone;
  }

  /** Calls; resolves when the call is established on this side. */
  async call(uri: string): Promise<void> {
    this.#program.type(`call ${uri}`);
    await this.inCall();
  }

  /** Resolves when it is in a call, whoever started it. */
  async inCall(): Promise<void> {
    await this.#asks("status hook", /hook=\S+ duration=/);
  }

  async hangUp(): Promise<void> {
    this.#program.type("terminate");
    await this.hungUp();
  }

  async hungUp(): Promise<void> {
    await this.#asks("status hook", /hook=on-hook/);
  }

  /** Sends a MESSAGE. */
  say(uri: string, text: string): void {
    this.#program.type(`chat ${uri} ${text}`);
  }

  async stop(): Promise<void> {
    this.#program.type("quit");
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Resolves when it has shown a MESSAGE with this text. */
  async shows(text: string): Promise<void> {
    const find = (): true | undefined => (this.#program.output.includes(text) ? true : undefined);
    await this.#program.until(`"${text}" at ${this.uri}`, find, 2 * PATIENCE);
  }

  /** Repeats the question until an answer since then is the right one. */
  async #asks(question: string, answer: RegExp): Promise<void> {
    const before = this.#program.output.length;
    let next = 0;
    const probe = (): true | undefined => {
      // It reads a line only now and then, and an unread line delays the next command.
      if (Date.now() >= next) {
        this.#program.type(question);
        next = Date.now() + ASK_EVERY_MS;
      }
      return answer.test(this.#program.output.slice(before)) ? true : undefined;
    };
    await this.#program.until(`${String(answer)} of ${this.uri}`, probe, 2 * PATIENCE);
  }
}

/** -1: any free port. Otherwise it would wait for a route to the Internet before it registers. */
function settingsFile({ user, server, transport }: LinphoneAccount, rtpPort: number): string {
  return `
[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=0
use_ipv6=0
default_proxy=0
guess_hostname=0
register_only_when_network_is_up=0
[rtp]
audio_rtp_port=${rtpPort}
[video]
enabled=0
capture=0
display=0
[proxy_0]
reg_proxy=<sip:${server};transport=${transport}>
reg_identity=sip:${user}@example.com
reg_route=<sip:${server};transport=${transport};lr>
reg_expires=600
reg_sendregister=1
publish=0
`;
}
