/**
 * The load program of the benchmarks against the edge: every workload gets through over every transport, nothing lost and nothing wrong.
 * It checks every message itself: branch, flow, Route, SDP, the order of a call's steps.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { program, tlsMissing } from "../../bench/lib/tools.mjs";
import { Authority } from "../support/certificates.js";
import { Edge } from "../support/edge.js";
import { freePort, hostPort } from "../support/ports.js";

const COMPILING = 180_000;
const WORKLOADS = ["register", "terminate", "originate", "call", "mixed", "hostile"];
// Without OpenSSL's headers the program is built without TLS, and says so.
const TRANSPORTS = tlsMissing() === undefined ? ["udp", "tcp", "ws", "tls", "wss"] : ["udp", "tcp", "ws"];
const run = promisify(execFile);

interface Figures {
  readonly workload: string;
  readonly sent: number;
  readonly done: number;
  readonly lost: number;
  readonly mismatched: number;
  readonly closed: number;
  readonly missing_180: number;
  readonly attacks?: number;
  readonly let_through?: number;
}

let load: string;
beforeAll(() => {
  load = program("load");
}, COMPILING);

async function figuresOf(edge: Edge, options: Readonly<Record<string, string>>): Promise<readonly Figures[]> {
  const counted = { flows: "100", rate: "800", seconds: "0.5", warmup: "0", "timeout-ms": "5000", attacks: "4000", sleep: "1", pid: String(edge.pid) };
  const words = Object.entries({ ...counted, ...options }).flatMap(([name, value]) => [`--${name}`, value]);
  const { stdout } = await run(load, words);
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as Figures);
}

async function edgeFor(client: string, coreLeg: string): Promise<{ readonly edge: Edge; readonly addresses: Readonly<Record<string, string>> }> {
  const [listener, inner, core] = [hostPort("127.0.0.1", await freePort()), hostPort("127.0.0.1", await freePort()), hostPort("127.0.0.1", await freePort())];
  const { certificate, key } = new Authority().issue(["IP:127.0.0.1"]);
  const edge = await Edge.spawn({
    SLUICE_LISTEN: `${client}:${listener}`,
    SLUICE_CORE_LISTEN: `${coreLeg}:${inner}`,
    SLUICE_UPSTREAM: `sip:${core};transport=${coreLeg}`,
    ...(/^(?:tls|wss)$/.test(client) && { SLUICE_TLS_CERT: certificate, SLUICE_TLS_KEY: key }),
  });
  onTestFinished(() => edge.stop());
  return { edge, addresses: { client, "core-leg": coreLeg, edge: listener, core } };
}

for (const [at, client] of TRANSPORTS.entries()) {
  const coreLeg = at % 2 === 0 ? "udp" : "tcp";
  test(`${client} clients, ${coreLeg} core: every workload gets through completely, even during attacks`, async () => {
    const { edge, addresses } = await edgeFor(client, coreLeg);
    const all = await figuresOf(edge, { ...addresses, workload: WORKLOADS.join(",") });
    expect(all.map(({ workload }) => workload)).toEqual(WORKLOADS);
    for (const figures of all) {
      expect(figures).toMatchObject({ lost: 0, mismatched: 0, closed: 0, missing_180: 0 });
      // Of 400; a busy machine starts fewer within the time.
      expect(figures.done).toBeGreaterThanOrEqual(50);
    }
    const hostile = all.at(-1);
    // As many as the machine starts within the time.
    expect(hostile?.attacks).toBeGreaterThan(0);
    expect(hostile?.let_through).toBe(0);
  });
}

test("all clients at once: all get in, none is cut off", async () => {
  const { edge, addresses } = await edgeFor("tcp", "udp");
  const [figures] = await figuresOf(edge, { ...addresses, workload: "storm", flows: "500", "at-once": "500" });
  expect(figures).toMatchObject({ workload: "storm", lost: 0, mismatched: 0, closed: 0 });
});
