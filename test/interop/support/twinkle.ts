/** twinkle-console, which registers without reg-id, instance and Path, over UDP; it takes commands on standard input. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "../../support/mailbox.js";
import { freePort } from "../../support/ports.js";
import { peerPath } from "../../support/peers.js";
import { Program } from "./program.js";

export class Twinkle {
  readonly uri: string;
  readonly #folder: string;
  readonly #program: Program;
  #seen = 0;

  private constructor(user: string, folder: string) {
    this.uri = `sip:${user}@example.com`;
    this.#folder = folder;
    this.#program = new Program("twinkle-console", "stdbuf", ["-oL", peerPath("twinkle-console"), "phone.cfg"], folder, { HOME: folder });
  }

  /** Starts it and waits until it has registered; `server`: host:port. */
  static async start(user: string, server: string): Promise<Twinkle> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-twinkle-"));
    mkdirSync(join(folder, ".twinkle"));
    writeFileSync(join(folder, ".twinkle/phone.cfg"), profile(user, server));
    writeFileSync(join(folder, ".twinkle/twinkle.sys"), system(await freePort(), await evenPort()));
    const twinkle = new Twinkle(user, folder);
    try {
      await twinkle.#says(/registration succeeded/);
    } catch (error) {
      await twinkle.stop();
      throw error;
    }
    return twinkle;
  }

  /** Calls; resolves when the call is established on this side. */
  async call(uri: string): Promise<void> {
    this.#program.type(`call ${uri}`);
    await this.#says(/far end answered call/);
  }

  /** Answers the next call; resolves when it is established. */
  async answer(): Promise<void> {
    await this.#says(/incoming call/);
    this.#program.type("answer");
    await this.#says(/call established/);
  }

  async hangUp(): Promise<void> {
    this.#program.type("bye");
    await this.#says(/call ended/);
  }

  async hungUp(): Promise<void> {
    await this.#says(/far end ended call/);
  }

  async stop(): Promise<void> {
    this.#program.type("quit");
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Waits for output after the last awaited line. */
  async #says(line: RegExp): Promise<void> {
    const find = (): true | undefined => {
      const found = line.exec(this.#program.output.slice(this.#seen));
      if (found === null) return undefined;
      this.#seen += found.index + found[0].length;
      return true;
    };
    await this.#program.until(`${String(line)} of ${this.uri}`, find, 2 * PATIENCE);
  }
}

function profile(user: string, server: string): string {
  return `user_name=${user}
user_domain=example.com
outbound_proxy=${server}
registrar=${server}
register_at_startup=yes
registration_time=600
pres_publish_startup=no
`;
}

/** RTP needs an even one. */
async function evenPort(): Promise<number> {
  const port = await freePort();
  return port % 2 === 0 ? port : evenPort();
}

/** No sound output. */
function system(sip: number, rtp: number): string {
  return `dev_ringtone=alsa:null
dev_speaker=alsa:null
dev_mic=alsa:null
validate_audio_dev=no
play_ringtone=no
play_ringback=no
sip_port=${sip}
rtp_port=${rtp}
`;
}
