/** What a reload changes in a registrar and home proxy while phones are connected, observed from outside before and after. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import type { Settings } from "../support/edge.js";
import { Home } from "../support/home.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { UdpSocket } from "../support/udp-socket.js";
import { readAnswer, upgradeRequest } from "../support/upgrade.js";

/** A home with further settings in a file, and a function that replaces them. */
async function stage(lines: string, settings: Settings = {}): Promise<{ home: Home; reload: (lines: string, changed: readonly string[]) => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-reload-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "sluice.env");
  writeFileSync(file, lines);
  const admin = await Admin.choose();
  const home = await Home.start({ SLUICE_ENV_FILE: file, SLUICE_ADMIN_LISTEN: admin.listen, ...settings });
  const reload = async (text: string, changed: readonly string[]): Promise<void> => {
    writeFileSync(file, text);
    expect((await admin.ask("POST", "/api/reload", {})).json).toEqual({ changed, needRestart: [], errors: [] });
  };
  return { home, reload };
}

async function statusOf(party: Party, text: string): Promise<number> {
  await party.say(text);
  return (await party.next()).status;
}

test("SA-9 an edge added by a reload may hand over registrations, and a removed one may not", async () => {
  const { home, reload } = await stage("");
  const E = await home.edge("E", "127.0.0.2");
  const register = (): Promise<number> => statusOf(E, home.registerBehindOf(E, "bob"));
  const stranger = await register();
  expect(stranger).not.toBe(200);
  await reload("SLUICE_EDGES=127.0.0.2\n", ["SLUICE_EDGES"]);
  await expect.poll(register).toBe(200);
  await reload("", ["SLUICE_EDGES"]);
  await expect.poll(register).toBe(stranger);
});

test("SA-9 a name and the longest registration apply from the reload on", async () => {
  const { home, reload } = await stage("");
  const A = await home.phone("A", "tcp");
  const elsewhere = (): Promise<number> => statusOf(A, home.registerOf(A).replace("sip:example.com", "sip:pbx.example.net"));
  expect(await elsewhere()).toBe(403);
  await reload("SLUICE_NAMES=pbx.example.net\nSLUICE_MAX_EXPIRES=120\nSLUICE_DEFAULT_EXPIRES=120\nSLUICE_MIN_EXPIRES=30\n", ["SLUICE_NAMES", "SLUICE_MIN_EXPIRES", "SLUICE_MAX_EXPIRES", "SLUICE_DEFAULT_EXPIRES"]);
  await expect.poll(elsewhere).toBe(200);
  expect((await home.register(A, { expires: 3_600 })).header("Contact")).toMatch(/expires=1[0-2]\d\b/);
});

test("SA-9 nobody waits for a trunk that a reload removes: calls to it are refused, and work again when it is back", async () => {
  const port = await freePort();
  const line = `SLUICE_UPSTREAM=sip:127.0.0.1:${port}\n`;
  const { home, reload } = await stage(line);
  const T = new Party("T", home.at, home.scene, home.company);
  T.attach(await UdpSocket.open({ host: home.host, port: home.port }, T.receive, { localPort: port, localHost: home.host }));
  const A = await home.phone("A", "tcp");
  const call = "MESSAGE sip:1@other.example.net SIP/2.0\nFrom: <sip:A@example.com>;tag=a\nTo: <sip:1@other.example.net>";
  const carried = async (): Promise<void> => {
    await A.say(call);
    await T.request("MESSAGE");
    await T.reply("200 OK");
    await A.response(200);
  };
  await carried();
  await reload("", ["SLUICE_UPSTREAM"]);
  await expect.poll(() => statusOf(A, call)).toBe(403);
  await reload(line, ["SLUICE_UPSTREAM"]);
  await carried();
});

test("SA-9 pages of another origin may open a WebSocket from the reload on", async () => {
  const ws = await freePort();
  const at = await freePort();
  const { reload } = await stage("SLUICE_WS_ORIGINS=https://one.example\n", { SLUICE_LISTEN: `tcp:127.0.0.1:${at},ws:127.0.0.1:${ws}` });
  const open = async (origin: string): Promise<number> => {
    const socket = connect(ws, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    socket.write(upgradeRequest(`127.0.0.1:${ws}`, { Origin: origin }));
    return Number((await readAnswer(socket)).split(" ")[1]);
  };
  expect(await open("https://two.example")).toBe(403);
  await reload("SLUICE_WS_ORIGINS=https://two.example\n", ["SLUICE_WS_ORIGINS"]);
  await expect.poll(() => open("https://two.example")).toBe(101);
  expect(await open("https://one.example")).toBe(403);
  // For the health check afterwards, which has no Origin.
  await reload("", ["SLUICE_WS_ORIGINS"]);
});
