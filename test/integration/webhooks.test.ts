/** Events out: what a receiver gets, and that one that is slow, broken or away hurts nobody and gets everything later. */
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { type Cast, cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import { Edge } from "../support/edge.js";
import { Home } from "../support/home.js";
import { PATIENCE } from "../support/mailbox.js";
import { freePort } from "../support/ports.js";
import { newBranch } from "../support/sip-text.js";
import { WebhookReceiver, accept } from "../support/webhook-receiver.js";

const SECRET = "0123456789abcdef0123";

async function start(port = 0): Promise<WebhookReceiver> {
  const receiver = await WebhookReceiver.start(SECRET, port);
  onTestFinished(() => receiver.close());
  return receiver;
}

async function stage(...urls: readonly string[]): Promise<Cast & { readonly admin: Admin }> {
  const admin = await Admin.choose();
  const company = await cast({ process: true, client: "tcp", own: true, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_WEBHOOKS: urls.join(","), SLUICE_WEBHOOK_SECRET: SECRET } });
  return Object.assign(company, { admin });
}

async function ban(admin: Admin, address: string): Promise<void> {
  expect((await admin.ask("POST", "/api/bans", { address, seconds: 60 })).status).toBe(200);
}

const metric = async (admin: Admin, name: string): Promise<number> => Number(new RegExp(`^sluice_${name}\\{receiver="1"\\} (\\d+)$`, "m").exec((await admin.get("/metrics")).text)?.[1]);

test("a registration, its dead flow and a ban arrive as signed CloudEvents, in order and once; a failed call does not", async () => {
  const receiver = await start();
  const company = await stage(receiver.url);
  const { U, C, admin, SUT } = company;
  await register(U, C);
  await expect.poll(() => receiver.types).toEqual(["sluice.registered"]);
  await U.say(`INVITE sip:bob@example.com SIP/2.0\nCall-ID: failing@${U.scene}`);
  await C.request("INVITE");
  await C.reply("486 Busy Here");
  await U.response(486);
  await U.close();
  await expect.poll(() => receiver.types).toEqual(["sluice.registered", "sluice.flow-dead"]);
  await ban(admin, "198.51.100.9");
  await expect.poll(() => receiver.types).toEqual(["sluice.registered", "sluice.flow-dead", "sluice.banned"]);
  expect(receiver.forged).toBe(0);
  const [first] = receiver.accepted;
  expect(first).toMatchObject({ specversion: "1.0", source: expect.stringMatching(/^\/\/.+\/sluice$/) as string, subject: "sip:somebody@example.com", data: { aor: "sip:somebody@example.com", regId: 1 } });
  expect(Date.parse(first?.time ?? "")).toBeGreaterThan(Date.now() - 120_000);
  expect(await metric(admin, "webhook_delivered_total")).toBe(3);
  await expect.poll(() => metric(admin, "webhook_behind_bytes")).toBe(0);
  // The secret of the URL is nowhere to be seen.
  for (const path of ["/metrics", "/api/config", "/api/history"]) expect((await admin.get(path)).text).not.toContain("s3cret");
  expect(SUT.output).not.toContain("s3cret");
  await company.reconnect(U);
});

test("500 is tried again, 400 is not, and neither holds up phones", async () => {
  const receiver = await start();
  const company = await stage(receiver.url);
  const { U, C, admin, SUT } = company;
  receiver.conduct = (response) => void response.writeHead(500).end("x".repeat(200_000));
  await register(U, C);
  await expect.poll(() => receiver.requests).toBeGreaterThan(2);
  expect(receiver.accepted).toEqual([]);
  expect(await metric(admin, "webhook_up")).toBe(0);
  await U.settle();
  expect((await admin.get("/readyz")).status).toBe(200);
  receiver.conduct = accept;
  await expect.poll(() => receiver.types, { timeout: 20_000 }).toEqual(["sluice.registered"]);
  await expect.poll(() => metric(admin, "webhook_up")).toBe(1);
  expect(await metric(admin, "webhook_attempts_failed_total")).toBeGreaterThan(2);
  expect(SUT.output.match(/a webhook is not accepted/g)).toHaveLength(1);
  receiver.conduct = (response, { subject }) => void response.writeHead(subject === "198.51.100.1" ? 400 : 204).end();
  await ban(admin, "198.51.100.1");
  await ban(admin, "198.51.100.2");
  await expect.poll(() => receiver.accepted.at(-1)?.subject).toBe("198.51.100.2");
  expect(await metric(admin, "webhook_refused_total")).toBe(1);
});

test("one that hangs and one that is not there hold up neither each other nor a third, nor the end of the process", async () => {
  const [hangs, works] = [await start(), await start()];
  hangs.conduct = () => undefined;
  const company = await stage(hangs.url, `http://127.0.0.1:${await freePort()}/nobody`, works.url);
  const { U, C, admin, SUT } = company;
  await register(U, C);
  for (let last = 1; last <= 40; last += 1) await ban(admin, `198.51.100.${last}`);
  await expect.poll(() => works.accepted.length).toBe(41);
  expect(hangs.accepted).toEqual([]);
  expect((await admin.get("/readyz")).status).toBe(200);
  await register(U, C);
  SUT.terminate();
  expect(await SUT.exited()).toBe(0);
});

test("what happened while the receiver was away arrives after a restart, and after kill -9, each at least once and in order", async () => {
  const port = await freePort();
  const company = await stage(`http://127.0.0.1:${port}/hook`);
  const { U, C, admin, SUT } = company;
  const written = (kind: string) => expect.poll(async () => (await admin.get(`/api/history?kind=${kind}`)).json["rows"]).toHaveLength(1);
  await register(U, C);
  await written("registered");
  await ban(admin, "198.51.100.1");
  await written("banned");
  await SUT.kill();
  const receiver = await start(port);
  await SUT.restart();
  await expect.poll(() => receiver.accepted.map(({ subject }) => subject), { timeout: 20_000 }).toEqual(["sip:somebody@example.com", "198.51.100.1"]);
  await ban(admin, "198.51.100.2");
  await expect.poll(() => receiver.accepted.map(({ subject }) => subject)).toContain("198.51.100.2");
  await SUT.kill();
  await SUT.restart();
  await ban(admin, "198.51.100.3");
  await expect.poll(() => receiver.accepted.at(-1)?.subject, { timeout: 20_000 }).toBe("198.51.100.3");
  const subjects = [...new Set(receiver.accepted.map(({ subject }) => subject))];
  expect(subjects).toEqual(["sip:somebody@example.com", "198.51.100.1", "198.51.100.2", "198.51.100.3"]);
  // The same event has the same id each time.
  expect(new Set(receiver.accepted.map(({ id }) => id)).size).toBe(subjects.length);
  await company.reconnect(U);
});

test("ten thousand events reach a receiver that is away, then killed, then slow, each at least once, and phones do not notice", { timeout: 12 * PATIENCE }, async () => {
  const users = 10_000;
  const port = await freePort();
  const admin = await Admin.choose();
  // One source with thousands of REGISTERs: on the object path its limit of 500 a second would hold, once they take half of the time.
  const home = await Home.start({ SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_WEBHOOKS: `http://127.0.0.1:${port}/hook`, SLUICE_WEBHOOK_SECRET: SECRET, SLUICE_FAST_PATH: "on" });
  const phone = await home.phone("phone", "tcp");
  const happened = async (): Promise<number> => Number(/^sluice_history_events_total\{kind="registered"\} (\d+)$/m.exec((await admin.get("/metrics")).text)?.[1]);
  const register = (user: number): string =>
    `REGISTER sip:example.com SIP/2.0\nVia: SIP/2.0/TCP ${phone.at};branch=${newBranch()}\nMax-Forwards: 70\nFrom: <sip:user${user}@example.com>;tag=x\nTo: <sip:user${user}@example.com>\nCall-ID: many-${user}\nCSeq: 1 REGISTER\nContact: <sip:user${user}@192.0.2.1>\nContent-Length: 0\n\n`;
  for (let user = 0; user < users; user += 100) {
    await phone.exactly(Array.from({ length: 100 }, (_, at) => register(user + at)).join(""));
    for (let at = 0; at < 100; at += 1) await phone.response(200);
  }
  await expect.poll(happened, { timeout: 2 * PATIENCE }).toBe(users);
  // It takes some, dies without a word, and comes back to answer half of them late.
  const first = await start(port);
  await expect.poll(() => first.accepted.length, { timeout: 4 * PATIENCE, interval: 20 }).toBeGreaterThan(500);
  await first.close();
  const second = await start(port);
  let late = 0;
  second.conduct = (response, event) => {
    if (late < 200) setTimeout(() => accept(response, event), 50);
    else accept(response, event);
    late += 1;
  };
  const got = (): Set<string> => new Set([...first.accepted, ...second.accepted].flatMap(({ type, subject = "" }) => (type === "sluice.registered" ? [subject] : [])));
  await expect.poll(() => got().size, { timeout: 8 * PATIENCE }).toBe(users);
  expect(first.forged + second.forged).toBe(0);
  expect(await metric(admin, "webhook_gaps_total")).toBe(0);
  await expect.poll(() => metric(admin, "webhook_behind_bytes")).toBe(0);
  await phone.settle();
});

test("a configuration that cannot deliver stops the start with a line for each fault", async () => {
  const listen = `udp:127.0.0.1:${await freePort()}`;
  const launch = async (settings: Record<string, string>): Promise<{ readonly code: number | null; readonly output: string }> => {
    const edge = Edge.launch({ SLUICE_LISTEN: listen, ...settings });
    onTestFinished(() => edge.stop());
    return { code: await edge.exited(), output: edge.output };
  };
  const bare = await launch({ SLUICE_WEBHOOKS: "https://hooks.example.org/x?token=s3cret", SLUICE_HISTORY_MEGABYTES: "0" });
  expect(bare.code).toBe(78);
  expect(bare.output).toContain("SLUICE_WEBHOOK_SECRET: expected the secret");
  expect(bare.output).toContain("SLUICE_HISTORY_MEGABYTES: expected 1 or more");
  const wrong = await launch({ SLUICE_WEBHOOKS: "ftp://s3cret.example.org/", SLUICE_WEBHOOK_SECRET: "short" });
  expect(wrong.code).toBe(78);
  expect(wrong.output).toContain("SLUICE_WEBHOOKS: expected a URL such as https://");
  expect(wrong.output).toContain("SLUICE_WEBHOOK_SECRET: expected 16 or more");
  expect(wrong.output).not.toContain("s3cret");
});
