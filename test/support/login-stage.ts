/** A registrar whose users log in behind an edge, each with one challenge for many REGISTERs, and how many of those numbers have taken. */
import { expect } from "vitest";
import { Admin } from "./admin.js";
import { type Challenge, authorization, readChallenge } from "./digest-client.js";
import type { Settings } from "./edge.js";
import { DOMAIN, Home, instanceOf } from "./home.js";
import type { Party } from "./party.js";
import { newBranch } from "./sip-text.js";

export class LoginStage {
  readonly #home: Home;
  readonly #edge: Party;
  readonly #plane: Admin;
  readonly #challenges = new Map<string, Challenge>();
  #count = 0;

  private constructor(home: Home, edge: Party, plane: Admin) {
    this.#home = home;
    this.#edge = edge;
    this.#plane = plane;
  }

  /** `settings`: where the users and the bindings are. */
  static async open(settings: Settings): Promise<LoginStage> {
    const plane = await Admin.choose();
    const home = await Home.start({ SLUICE_EDGES: "127.0.0.2", SLUICE_ADMIN_LISTEN: plane.listen, SLUICE_SHARDS: "1", SLUICE_AUTH_ALGORITHMS: "md5", ...settings });
    return new LoginStage(home, await home.edge("E", "127.0.0.2"), plane);
  }

  /** The status of the response to a REGISTER of that user. */
  async register(user: string, password: string): Promise<number> {
    const challenge = this.#challenges.get(user) ?? (await this.#challenged(user));
    const login = { user, password, method: "REGISTER", uri: `sip:${DOMAIN}`, nc: (this.#count += 1) };
    await this.#send(user, `\nAuthorization: ${authorization(challenge, login)}`);
    return (await this.#edge.next()).status;
  }

  /** Whether numbers alone take one with the right password. */
  async isTaken(user: string, password: string): Promise<boolean> {
    const before = await this.byNumbers();
    expect(await this.register(user, password)).toBe(200);
    return (await this.byNumbers()) > before;
  }

  async byNumbers(): Promise<number> {
    const { text } = await this.#plane.get("/metrics");
    return Number(/^sluice_registers_handled_total\{.*path="numbers".*\} (\d+)/m.exec(text)?.[1] ?? 0);
  }

  async #challenged(user: string): Promise<Challenge> {
    await this.#send(user);
    const [challenge] = (await this.#edge.response(401)).all("WWW-Authenticate").map(readChallenge);
    if (challenge === undefined) throw new Error("a challenge");
    this.#challenges.set(user, challenge);
    return challenge;
  }

  async #send(user: string, header = ""): Promise<void> {
    const text = this.#home.registerBehindOf(this.#edge, user, { instance: instanceOf(user) });
    await this.#edge.say(`${text.replace(/branch=\w+/, `branch=${newBranch()}`).replace(/^CSeq:.*\n?/m, "")}\nCSeq: ${(this.#count += 1)} REGISTER${header}`);
  }
}
