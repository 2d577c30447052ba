/** The first run: a standalone server with default settings, apart from ports and state folder, which parallel runs would otherwise share. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sanitizer } from "../support/server-process.js";
import { PATIENCE } from "../support/mailbox.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { UdpSocket } from "../support/udp-socket.js";

const MAIN = join(import.meta.dirname, "../../dist/main.js");
const HOST = "127.0.0.1";

async function firstRun(port: number): Promise<ChildProcess> {
  const state = mkdtempSync(join(tmpdir(), "sluice-first-"));
  const settings = {
    SLUICE_STATE_DIR: state,
    SLUICE_LISTEN: `udp:${HOST}:${port},tcp:${HOST}:${port}`,
    SLUICE_ADMIN_LISTEN: `${HOST}:${await freePort()}`,
  };
  const server = spawn(process.execPath, [MAIN], { env: { PATH: process.env["PATH"], ...sanitizer, ...settings }, stdio: "ignore" });
  onTestFinished(async () => {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    rmSync(state, { recursive: true, force: true });
  });
  return server;
}

test("SA-1 without configuration phones register and call each other", async () => {
  const port = await freePort();
  const server = await firstRun(port);
  const company = new Set<Party>();
  const [alice, bob] = ["alice", "bob"].map((name) => new Party(name, `${HOST}:${port}`, "first-run", company)) as [Party, Party];
  const target = { host: HOST, port };
  const deadline = Date.now() + PATIENCE;
  const connect = (): Promise<TcpConnection> =>
    TcpConnection.open(target, bob.receive, { localPort: 0 }).catch((error: unknown) => {
      if (Date.now() > deadline) throw error;
      return new Promise((resolve) => setTimeout(resolve, 50)).then(connect);
    });
  bob.attach(await connect());
  alice.attach(await UdpSocket.open(target, alice.receive, { localPort: 0 }));
  onTestFinished(async () => void (await Promise.all([alice.close(), bob.close()])));
  const address = `<sip:bob@${HOST}>`;
  await bob.say(`REGISTER sip:${HOST} SIP/2.0\nFrom: ${address};tag=b\nTo: ${address}\nCall-ID: register@first-run\nContact: <sip:bob@${bob.at};transport=tcp>`);
  await bob.response(200);
  await alice.say(`INVITE sip:bob@${HOST} SIP/2.0\nFrom: <sip:alice@${HOST}>;tag=a\nCall-ID: call@first-run\nContact: <sip:alice@${alice.at}>`);
  await bob.request("INVITE");
  await bob.reply("200 OK", `Contact: <sip:bob@${bob.at};transport=tcp>`);
  await alice.response(200);
  expect(server.exitCode).toBeNull();
});
