/** Debian's Kamailio as the registrar and home proxy behind our edge, or as an edge in front of our registrar. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PATIENCE } from "../../support/mailbox.js";
import { freePort } from "../../support/ports.js";
import { splitList } from "../../support/sip-message.js";
import { Program } from "./program.js";
import { peerPath } from "../../support/peers.js";

const CONFIGURATIONS = fileURLToPath(new URL("../kamailio/", import.meta.url));
const HOST = "127.0.0.1";

interface Shape {
  readonly role: "registrar" | "edge";
  readonly host: string;
  /** Names for its configuration. */
  readonly defines: readonly string[];
}

export interface Binding {
  readonly user: string;
  readonly contact: string;
  readonly path: readonly string[];
  readonly instance: string;
  readonly regId: number;
}

/** How usrloc describes a contact; it omits or empties what the client did not send. */
interface DumpedContact {
  readonly Address: string;
  readonly Path?: string;
  readonly Instance?: string;
  readonly "Reg-Id"?: number;
}

interface Dump {
  readonly Domains: readonly {
    readonly Domain: {
      readonly AoRs: readonly {
        readonly Info: { readonly AoR: string; readonly Contacts: readonly { readonly Contact: DumpedContact }[] };
      }[];
    };
  }[];
}

export class Kamailio {
  readonly port: number;
  readonly #host: string;
  readonly #folder: string;
  readonly #program: Program;

  private constructor(port: number, { role, host, defines }: Shape) {
    this.port = port;
    this.#host = host;
    const program = peerPath("kamailio");
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-kamailio-"));
    const listeners = ["udp", "tcp"].flatMap((transport) => ["-l", `${transport}:${host}:${port}`]);
    const memory = ["-m", "64", "-M", "8"];
    const runtime = ["-Y", this.#folder, "-P", join(this.#folder, "pid"), "-w", this.#folder];
    // In the foreground, with its log on stderr.
    const args = ["-f", join(CONFIGURATIONS, `${role}.cfg`), "-DD", "-E", ...listeners, ...memory, ...runtime, ...defines.flatMap((name) => ["-A", name])];
    this.#program = new Program("kamailio", program, args, this.#folder);
  }

  /** Without `recordRoute` it is not part of dialogs: requests within them go from edge to edge. */
  static start(recordRoute = true): Promise<Kamailio> {
    return Kamailio.#start({ role: "registrar", host: HOST, defines: recordRoute ? [] : ["WITHOUT_RECORD_ROUTE"] });
  }

  /** An edge at this address; `registrar` is host:port. */
  static startEdge(host: string, registrar: string): Promise<Kamailio> {
    return Kamailio.#start({ role: "edge", host, defines: [`REGISTRAR="sip:${registrar}"`] });
  }

  static async #start(shape: Shape): Promise<Kamailio> {
    const kamailio = new Kamailio(await freePort(shape.host), shape);
    try {
      await kamailio.#program.until("its RPC interface", () => kamailio.#call("core.version").catch(() => undefined), 4 * PATIENCE);
    } catch (error) {
      await kamailio.stop();
      throw error;
    }
    return kamailio;
  }

  get at(): string {
    return `${this.#host}:${this.port}`;
  }

  get output(): string {
    return this.#program.output;
  }

  /** Of some 4,000 at most: Kamailio's private memory holds no longer answer, and then it gives none. */
  async bindings(): Promise<readonly Binding[]> {
    const dump = (await this.#call("ul.dump")) as Dump;
    return dump.Domains.flatMap(({ Domain }) =>
      Domain.AoRs.flatMap(({ Info }) => Info.Contacts.map(({ Contact }) => readBinding(Info.AoR, Contact))),
    );
  }

  /** The bindings of these users, once there are `count` of them. */
  async registered(users: readonly string[], count = users.length): Promise<readonly Binding[]> {
    const probe = async (): Promise<readonly Binding[] | undefined> => {
      const found = (await this.bindings()).filter(({ user }) => users.includes(user));
      return found.length === count ? found : undefined;
    };
    return this.#program.until(`${count} bindings of ${users.join(", ")}`, probe, 2 * PATIENCE);
  }

  /** The Path of the only binding of `user`, top first, which is the Route to it. */
  async pathTo(user: string): Promise<readonly string[]> {
    const [binding] = await this.registered([user]);
    return binding?.path ?? [];
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #call(method: string): Promise<unknown> {
    const answer = await fetch(`http://${this.at}/RPC`, {
      method: "POST",
      // One connection per call: Kamailio does not announce when it closes an idle one.
      headers: { connection: "close", "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method }),
      // By itself it would close a connection without an answer after two minutes.
      signal: AbortSignal.timeout(2 * PATIENCE),
    });
    const { result } = (await answer.json()) as { result?: unknown };
    if (result === undefined) throw new Error(`kamailio does not answer ${method}`);
    return result;
  }
}

function readBinding(user: string, contact: DumpedContact): Binding {
  const path = contact.Path === undefined || contact.Path === "" || contact.Path === "[not set]" ? [] : splitList(contact.Path);
  return { user, contact: contact.Address, path, instance: contact.Instance ?? "", regId: contact["Reg-Id"] ?? 0 };
}
