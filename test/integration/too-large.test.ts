/** A request that is longer than any datagram once our fields are in it: it alone fails, whichever path it takes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";

/** The longest datagram that IPv4 has room for. */
const LONGEST = 65_507;
/** What chooses the path: lines, how the user is spelled, and the settings of the server. */
const PATHS = {
  numbers: { lines: [], spelled: (user: string) => user, fast: "on" },
  "decided by objects": { lines: ["Path: <sip:192.0.2.99;lr>"], spelled: (user: string) => user, fast: "on" },
  "decided by objects, an escaped name": { lines: [], spelled: (user: string) => `%75${user.slice(1)}`, fast: "on" },
  objects: { lines: [], spelled: (user: string) => user, fast: "off" },
} as const;

let home: Home;
let admin: Admin;
let names = 0;

interface Server {
  readonly home: Home;
  readonly admin: Admin;
}
const servers = new Map<string, Server>();

beforeAll(async () => {
  for (const fast of ["on", "off"]) {
    const itsAdmin = await Admin.choose();
    const settings = { SLUICE_ADMIN_LISTEN: itsAdmin.listen, SLUICE_SHARDS: "1", SLUICE_FAILOVER_MS: "600000", SLUICE_FAST_PATH: fast };
    servers.set(fast, { admin: itsAdmin, home: await Home.open(settings) });
  }
});
afterAll(async () => {
  for (const server of servers.values()) await server.home.close();
});

function use(fast: string): void {
  ({ home, admin } = servers.get(fast) ?? expect.unreachable());
}

const newName = (): string => `u${(names += 1)}`;

async function dropped(): Promise<number> {
  const { text } = await admin.get("/metrics");
  return Number(/^sluice_messages_dropped_total\{.*reason="send".*\} (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

async function handled(path: string): Promise<number> {
  const { text } = await admin.get("/metrics");
  return Number(new RegExp(`^sluice_requests_handled_total\\{.*path="${path}".*\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
}

/** A request of this many octets; 0: without a body. */
async function ask(caller: Party, method: string, user: string, lines: readonly string[], octets: number): Promise<void> {
  const head = [`${method} sip:${user}@${DOMAIN} SIP/2.0`, `Via: SIP/2.0/${caller.transport.toUpperCase()} ${caller.at};branch=z9hG4bK-${newName()};rport`, `Call-ID: ${newName()}@${home.scene}`, "From: <sip:stranger@elsewhere.example>;tag=1", "Contact: <sip:A@192.0.2.1>", ...lines];
  const written = [...head, "Max-Forwards: 70", "To: <sip:somebody@example.com>", `CSeq: 1 ${method}`];
  const size = written.reduce((sum, line) => sum + line.length + 2, 2);
  const body = octets === 0 ? 0 : octets - size - "Content-Length: 12345\r\n".length;
  await caller.exactly([...written, `Content-Length: ${body}`, "", "x".repeat(body)].join("\n"));
  if (octets > 0) expect(caller.sent.length).toBe(octets);
}

/** Acknowledges a refusal. */
async function acknowledge(caller: Party, user: string): Promise<void> {
  const { message } = caller.last;
  const copied = ["Via", "From", "To", "Call-ID"].map((name) => `${name}: ${message.header(name)}`);
  await caller.exactly([`ACK sip:${user}@${DOMAIN} SIP/2.0`, ...copied, "CSeq: 1 ACK", "Max-Forwards: 70", "Content-Length: 0", "", ""].join("\n"));
}

for (const [path, { lines, spelled, fast }] of Object.entries(PATHS)) {
  for (const method of ["INVITE", "MESSAGE"]) {
    for (const transport of ["udp", "tcp"] as const) {
      test(`PX-16.9-1 OB-13-1 OB-7-13 ${path}, ${method} over ${transport}: too long for the callee's datagram, it gets 513, and the callee stays bound`, async () => {
        use(fast);
        const user = newName();
        const callee = await home.phone(user);
        const caller = await home.phone("A", transport);
        await home.register(callee);
        const before = await dropped();
        const byObjects = await handled("objects");
        await ask(caller, method, spelled(user), lines, LONGEST - 7);
        await caller.response(513);
        if (method === "INVITE") await acknowledge(caller, spelled(user));
        expect((await dropped()) - before).toBe(1);
        expect((await handled("objects")) > byObjects).toBe(path !== "numbers");
        await callee.nothing();
        expect(await home.contactsOf(caller, user)).toHaveLength(1);
        await ask(caller, method, spelled(user), lines, 0);
        await callee.request(method);
        await callee.reply("486 Busy Here");
        if (method === "INVITE") await callee.request("ACK");
        await caller.response(486);
        if (method === "INVITE") await acknowledge(caller, spelled(user));
        await Promise.all([callee.close(), caller.close()]);
      });
    }
  }

  test(`OB-7-12 OB-13-1 ${path}: what is too long for one flow goes over the connection that the device has besides, and both stay bound`, async () => {
    use(fast);
    const user = newName();
    const stream = await home.phone(user, "tcp");
    const datagrams = await home.phone(user);
    const caller = await home.phone("A", "tcp");
    await home.register(stream, { instance: instanceOf(user), regId: 1 });
    // The later one is tried first.
    await home.register(datagrams, { instance: instanceOf(user), regId: 2 });
    const before = await dropped();
    await ask(caller, "INVITE", spelled(user), lines, LONGEST - 7);
    const copy = await stream.request("INVITE");
    expect(copy.text.length).toBeGreaterThan(LONGEST);
    expect((await dropped()) - before).toBe(1);
    await stream.reply("486 Busy Here");
    await stream.request("ACK");
    await caller.response(486);
    await acknowledge(caller, spelled(user));
    await datagrams.nothing();
    expect(await home.contactsOf(caller, user)).toHaveLength(2);
    await Promise.all([stream.close(), datagrams.close(), caller.close()]);
  });
}

for (const fast of ["on", "off"]) test(`PX-16.7-6 OB-13-1 fast path ${fast}: one device gets no copy because it would be too long, and the answer of the other one goes back`, async () => {
  use(fast);
  const user = newName();
  const datagrams = await home.phone(user);
  const stream = await home.phone(user, "tcp");
  const caller = await home.phone("A", "tcp");
  await home.register(datagrams, { instance: instanceOf(`${user}-1`) });
  await home.register(stream, { instance: instanceOf(`${user}-2`) });
  await ask(caller, "INVITE", user, [], LONGEST - 7);
  await stream.request("INVITE");
  await stream.reply("486 Busy Here");
  await stream.request("ACK");
  await caller.response(486);
  await acknowledge(caller, user);
  expect(await home.contactsOf(caller, user)).toHaveLength(2);
  await Promise.all([stream.close(), datagrams.close(), caller.close()]);
});
