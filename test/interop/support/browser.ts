/** A real headless Chromium, and pages in it that are phones: JsSIP or SIP.js with Chromium's fake devices. */
import { fileURLToPath } from "node:url";
import { type Browser as Chromium, type Page, chromium } from "playwright-core";
import { rolldown } from "rolldown";
import { expect } from "vitest";
import { PATIENCE } from "../../support/mailbox.js";
import { peerPath } from "../../support/peers.js";

const FLAGS = [
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync",
  "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream --ignore-certificate-errors --allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks",
].flatMap((line) => line.split(" "));

/** A page at this address may use microphones, and its Origin is known. */
export const ORIGIN = "http://127.0.0.1:9";

export type Library = "jssip" | "sipjs";

export class Browser {
  readonly #chromium: Chromium;

  private constructor(started: Chromium) {
    this.#chromium = started;
  }

  static async start(): Promise<Browser> {
    return new Browser(await chromium.launch({ executablePath: peerPath("chromium"), args: FLAGS }));
  }

  /** A phone that registers at once. `server`: `ws://HOST:PORT`. `plain`: SIP.js with default settings. */
  async phone(library: Library, user: string, server: string, plain = false): Promise<BrowserPhone> {
    const context = await this.#chromium.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.route(`${ORIGIN}/**`, (route) => route.fulfill({ contentType: "text/html", body: `<title>${user}</title>` }));
    await page.goto(`${ORIGIN}/`);
    await page.addScriptTag({ content: await script(library), type: "module" });
    const phone = new BrowserPhone(page, user);
    await page.waitForFunction("window.startPhone");
    await page.evaluate(`startPhone(${JSON.stringify({ uri: phone.uri, server, plain })})`);
    return phone;
  }

  async stop(): Promise<void> {
    await this.#chromium.close();
  }
}

export class BrowserPhone {
  readonly page: Page;
  readonly uri: string;

  constructor(page: Page, user: string) {
    this.page = page;
    this.uri = `sip:${user}@example.com`;
  }

  /** What has happened so far, in order. */
  async log(): Promise<readonly string[]> {
    return this.page.evaluate<string[]>("phone.log");
  }

  /** Resolves when `what` has happened `count` times. */
  async hears(what: string, count = 1): Promise<void> {
    await expect.poll(async () => (await this.log()).filter((line) => line.startsWith(what)).length, { timeout: 2 * PATIENCE, message: `${what} at ${this.uri}` }).toBe(count);
  }

  async call(target: string): Promise<void> {
    await this.page.evaluate(`phone.call(${JSON.stringify(target)})`);
  }

  /** Only when it has heard "established" itself: a JsSIP that is still waiting for the 200 sends CANCEL, and leaves a 200 that crosses it unanswered. */
  async hangUp(): Promise<void> {
    await this.page.evaluate("phone.hangUp()");
  }

  /** The page closes its WebSocket, as if the network had gone. */
  async cut(): Promise<void> {
    await this.page.evaluate("phone.cut()");
  }
}

/** Each calls the other, and alice hangs up both times. */
export async function callEachOther(alice: BrowserPhone, bob: BrowserPhone): Promise<void> {
  for (const [times, [caller, callee]] of [[alice, bob] as const, [bob, alice] as const].entries()) {
    await caller.call(callee.uri);
    await Promise.all([alice.hears("established", times + 1), bob.hears("established", times + 1)]);
    await alice.hangUp();
    await Promise.all([alice.hears("ended", times + 1), bob.hears("ended", times + 1)]);
  }
}

const scripts = new Map<Library, string>();

async function script(library: Library): Promise<string> {
  const known = scripts.get(library);
  if (known !== undefined) return known;
  const bundle = await rolldown({ input: fileURLToPath(new URL(`../browser/${library}.js`, import.meta.url)), platform: "browser", logLevel: "silent" });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  scripts.set(library, output[0].code);
  return output[0].code;
}
