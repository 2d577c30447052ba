/** The lists that answer "who?": by the command and over HTTP, on several shards. */
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { cast, type Cast } from "../support/cast.js";
import { sluiceWithin } from "../support/command.js";
import { Home } from "../support/home.js";
import { RedisServer } from "../support/redis-server.js";
import { testWith } from "../support/test-with.js";

type Row = Readonly<Record<string, unknown>>;

async function stage(): Promise<Cast & { readonly admin: Admin; readonly env: Record<string, string> }> {
  const admin = await Admin.choose();
  const company = await cast({ client: "tcp", own: true, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2" } });
  return Object.assign(company, { admin, env: { SLUICE_ADMIN_LISTEN: admin.listen } });
}

async function rows(admin: Admin, path: string): Promise<readonly Row[]> {
  const { status, json, text } = await admin.get(`/api/${path}`);
  expect(status, text).toBe(200);
  return json["rows"] as readonly Row[];
}

test("silent: the flows of clients, the most silent first, in pages", async () => {
  const { admin, env, U, U2, C } = await stage();
  await register(U, C);
  await register(U2, C);
  await expect.poll(async () => Number((await rows(admin, "silent"))[0]?.["idleMs"])).toBeGreaterThan(150);
  await U2.settle();
  const found = await rows(admin, "silent");
  const idle = found.map(({ idleMs }) => Number(idleMs));
  expect(idle).toEqual([...idle].sort((one, other) => other - one));
  const risen = (await rows(admin, "silent?sort=-idleMs")).map(({ idleMs }) => Number(idleMs));
  expect(risen).toEqual([...risen].sort((one, other) => one - other));
  expect((await admin.get("/api/silent?limit=1")).json["total"]).toBe(found.length);
  expect(found.map(({ address, port }) => `${String(address)}:${String(port)}`)).toEqual(expect.arrayContaining([U.at, U2.at]));
  // Neither the registrar nor the caller on the core side is a client.
  for (const { side } of found) expect(side).toBe("client");
  const first = JSON.parse((await sluiceWithin(["silent", "--limit", "1", "--json"], env)).out) as { rows: Row[]; next: string };
  expect(first.rows).toHaveLength(1);
  const second = JSON.parse((await sluiceWithin(["silent", "--limit", "1", "--from", first.next, "--json"], env)).out) as { rows: Row[] };
  expect(second.rows[0]?.["id"]).not.toBe(first.rows[0]?.["id"]);
  expect(await sluiceWithin(["silent", "nobody-of-that-name"], env)).toMatchObject({ code: 3, err: expect.stringContaining("nothing in this list matches nobody-of-that-name") as string });
  // By part of an address too; all that match are counted, not only those on the page.
  for (const [q, total] of [["127.0.0", found.length], [U.at.split(":")[0], found.length], ["somebody", found.length], ["128.0.0", 0]] as const) expect((await admin.get(`/api/silent?limit=1&q=${q}`)).json["total"], q).toBe(total);
  // The flows themselves come in pages too.
  const pages: string[] = [];
  for (let from = ""; ; ) {
    const page = JSON.parse((await sluiceWithin(["flows", "somebody", "--limit", "1", "--json", "--from", from], env)).out) as { flows: Row[]; next: string };
    pages.push(...page.flows.map(({ id }) => String(id)));
    from = page.next;
    if (from === "" || pages.length > 4) break;
  }
  expect(pages.sort()).toEqual(found.map(({ id }) => String(id)).sort());
  expect(await sluiceWithin(["silent", "--sort", "colour"], env)).toMatchObject({ code: 2, err: expect.stringContaining("idleMs, ageMs, messages") as string });
});

test("top-talkers: who sends while it listens, and nobody who is quiet", async () => {
  const { admin, U, U2, C } = await stage();
  await register(U, C);
  await register(U2, C);
  const listening = rows(admin, "top-talkers?seconds=2");
  // The list is of what comes after it was asked for; until it answers, U talks.
  let done = false;
  const list = listening.then((found) => ((done = true), found));
  let asked = 0;
  while (!done) {
    await U.settle();
    asked += 1;
  }
  const found = await list;
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ source: "127.0.0.1" });
  expect(Number(found[0]?.["messages"])).toBeGreaterThan(0);
  expect(Number(found[0]?.["messages"])).toBeLessThanOrEqual(asked);
  expect(await rows(admin, "top-talkers?seconds=1")).toEqual([]);
});

test("flappers: whose flows end again and again, not those that the operator ended", async () => {
  const company = await stage();
  const { admin, env, U, C } = company;
  for (let round = 0; round < 3; round += 1) {
    await register(U, C);
    await U.close();
    await company.reconnect(U);
  }
  await register(U, C);
  await expect.poll(async () => (await rows(admin, "flappers"))[0]?.["ends"]).toBe(3);
  const [first] = await rows(admin, "flappers");
  expect(first).toMatchObject({ who: "sip:somebody@example.com", source: "127.0.0.1", reason: "closed by the peer or the network" });
  const { flows } = JSON.parse((await sluiceWithin(["flows", "--json", U.at], env)).out) as { flows: { id: string }[] };
  await sluiceWithin(["flows", "--close", flows[0]?.id ?? ""], env);
  await expect.poll(async () => ((await admin.get("/api/ended?q=somebody")).json["flows"] as Row[]).length).toBe(4);
  // A page at a time, either way round, and how many there are on all pages.
  const ended = async (query: string): Promise<Row> => (await admin.get(`/api/ended?q=somebody&${query}`)).json;
  const column = async (name: string, query: string): Promise<readonly number[]> => ((await ended(query))["flows"] as Row[]).map((row) => Number(row[name]));
  expect(await ended("limit=3")).toMatchObject({ total: 4, next: "3" });
  expect(await ended("limit=3&from=3")).toMatchObject({ total: 4, next: "" });
  // The kernel may give a phone the port that it had before.
  const keys = async (query: string): Promise<readonly string[]> => ((await ended(query))["flows"] as Row[]).map(({ port, lastedMs }) => JSON.stringify([port, lastedMs]));
  expect(new Set([...await keys("limit=3"), ...await keys("limit=3&from=3")]).size).toBe(4);
  for (const [sort, sign] of [["endedMs", 1], ["-endedMs", -1], ["messages", -1], ["-lastedMs", -1]] as const) {
    const found = await column(sort.replace("-", ""), `sort=${sort}`);
    expect(found).toEqual(found.toSorted((one, other) => sign * (one - other)));
  }
  const command = async (...words: string[]): Promise<Row> => JSON.parse((await sluiceWithin(["flows", "--ended", "somebody", "--json", ...words], env)).out) as Row;
  const portsOf = ({ flows }: Row): readonly unknown[] => (flows as Row[]).map(({ port }) => port);
  expect(portsOf(await command("--limit", "3", "--sort=-lastedMs"))).toEqual(portsOf(await ended("limit=3&sort=-lastedMs")));
  expect(portsOf(await command("--limit", "3", "--from", "3"))).toEqual(portsOf(await ended("limit=3&from=3")));
  expect((await sluiceWithin(["flows", "--ended", "somebody", "--limit", "3"], env)).out).toContain("… and more: --from 3");
  // The lists say how full they are, and what they lost.
  const { text } = await admin.get("/metrics");
  for (const line of ['ended_flows{of="phones"} 3', 'ended_flows{of="moved"} 1', 'ended_flows_forgotten_total{of="phones"} 0', "registrations_unlisted_total 0"]) expect(text).toContain(`\nsluice_${line}\n`);
  expect((await ended("sort=why"))["error"]).toMatch(/sort must be one of endedMs, /);
  expect((await rows(admin, "flappers"))[0]?.["ends"]).toBe(3);
  expect((await sluiceWithin(["flappers"], env)).out).toMatch(/sip:somebody@example\.com +3 /);
  await company.reconnect(U);
});

test("refused: who gets which failure, how often, over UDP without a flow too; nobody for a success", async () => {
  const company = await stage();
  const { admin, env, U, C } = company;
  await register(U, C);
  const stranger = await company.newClient("stranger", "udp");
  const refuse = async (party: typeof U, answer: string, round: number): Promise<void> => {
    await party.say(`MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: r${round}-${party.name}@${party.scene}`);
    await C.request("MESSAGE");
    await C.reply(answer);
    await party.response(Number(answer.slice(0, 3)));
  };
  for (let round = 0; round < 3; round += 1) await refuse(stranger, "404 Not Found", round);
  await refuse(U, "603 Decline", 9);
  await refuse(U, "200 OK", 10);
  const found = await rows(admin, "refused");
  expect(found.map(({ source, status, count, aor }) => ({ source, status, count, aor }))).toEqual([
    { source: "127.0.0.1", status: 404, count: 3, aor: "sip:stranger@example.com" }, { source: "127.0.0.1", status: 603, count: 1, aor: "sip:U@example.com" },
  ]);
  // By text, both ways.
  for (const [sort, first] of [["aor", "sip:U@example.com"], ["-aor", "sip:stranger@example.com"]] as const) expect((await rows(admin, `refused?sort=${sort}`))[0]?.["aor"]).toBe(first);
  expect(JSON.parse((await sluiceWithin(["refused", "603", "--json"], env)).out)).toMatchObject({ rows: [{ status: 603, count: 1 }], next: "" });
  // A status is not part of a name.
  for (const word of ["404", "603"]) expect((await rows(admin, `refused?q=${word}`)).map(({ status }) => status)).toEqual([Number(word)]);
  expect((await rows(admin, "refused?q=strange")).map(({ status }) => status)).toEqual([404]);
  expect((await sluiceWithin(["refused", "nobody-of-that-name"], env)).err).toContain("nothing in this list matches");
  const { text } = await admin.get("/metrics");
  expect(text).toMatch(/^sluice_refused_sources 2$/m);
  expect(text).toMatch(/^sluice_failures_sent_total\{code="404"\} 3$/m);
  expect(text).toMatch(/^sluice_failures_sent_total\{code="603"\} 1$/m);
  expect(text).toMatch(/^sluice_requests_by_method_total\{method="MESSAGE"\} 5$/m);
  expect(Number(/^sluice_messages_received_total\{transport="tcp"\} (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(2);
});

test("flows: by how long they have been silent and how old they are, in the classes of the survey, of clients only", async () => {
  const { admin, env, U, U2, C } = await stage();
  // A connection counts from when its shard has accepted it, so both are heard of first.
  await register(U, C);
  await register(U2, C);
  const flows = async (query: string): Promise<readonly Row[]> => (await admin.get(`/api/flows?${query}`)).json["flows"] as readonly Row[];
  const { silence, ages } = (await admin.get("/api/survey")).json as { silence: number[]; ages: number[] };
  for (const [query, count] of [["silence=0-30", silence[0]], ["age=0-30", ages[0]], ["silence=30-60", 0], ["age=86400-", 0]] as const) {
    const found = await flows(query);
    expect(found.length, query).toBe(count);
    for (const { side } of found) expect(side).toBe("client");
  }
  expect(await admin.get("/api/flows?silence=soon")).toMatchObject({ status: 400 });
  expect((await sluiceWithin(["flows", "--age", "0-30"], env)).out).toContain(U.at);
  expect((await sluiceWithin(["flows", "--silence", "86400-"], env)).code).toBe(3);
});

for (const store of ["embedded", "redis"] as const) {
  testWith(store === "redis" ? "redis-server" : undefined)(`bindings: all, by part, by domain, by what expires first, page by page; ${store}`, async () => {
    const admin = await Admin.choose();
    const settings: Record<string, string> = { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2", SLUICE_DOMAINS: "example.com,example.net", SLUICE_EXPIRES_JITTER: "0" };
    if (store === "redis") {
      const redis = await RedisServer.start();
      onTestFinished(() => redis.stop());
      settings["SLUICE_LOCATION"] = redis.url;
    }
    const home = await Home.start(settings);
    const phone = await home.phone("phone", "tcp");
    const users = Array.from({ length: 20 }, (_, at) => `user${String(at).padStart(2, "0")}`);
    for (const [at, user] of users.entries()) await home.register(phone, { user, expires: 600 + 60 * ((at * 7) % 20) });
    await phone.say(`REGISTER sip:example.net SIP/2.0\nFrom: <sip:zoe@example.net>;tag=z\nTo: <sip:zoe@example.net>\nCall-ID: zoe@${home.scene}\nContact: <sip:zoe@${phone.at}>;expires=5000`);
    await phone.response(200);
    const env = { SLUICE_ADMIN_LISTEN: admin.listen };
    interface List {
      readonly bindings: readonly { readonly aor: string; readonly expiresInSeconds: number }[];
      readonly next: string;
    }
    const list = async (query: Record<string, string> = {}): Promise<List> => (await admin.get(`/api/bindings?${new URLSearchParams(query).toString()}`)).json as unknown as List;
    const names = ({ bindings }: Pick<List, "bindings">): string[] => bindings.map(({ aor }) => aor).sort();
    const all = [...users.map((user) => `sip:${user}@example.com`), "sip:zoe@example.net"];
    expect(names(await list())).toEqual(all);
    expect(names(await list({ q: "user1" }))).toEqual(all.filter((aor) => aor.includes("user1")));
    expect(names(await list({ domain: "example.net" }))).toEqual(["sip:zoe@example.net"]);
    expect(names(await list({ q: "zoe@example.net" }))).toEqual(["sip:zoe@example.net"]);
    const command = await sluiceWithin(["bindings", "--json", "--domain", "example.com", "--sort", "expires", "--limit", "1"], env);
    expect(JSON.parse(command.out)).toMatchObject({ bindings: [{ aor: "sip:user00@example.com" }] });
    expect((await sluiceWithin(["bindings", "nobody@example.com"], env)).code).toBe(3);
    // Page by page nothing is left out and nothing comes twice.
    for (const sort of ["", "expires"]) {
      const seen: string[] = [];
      const expiries: number[] = [];
      for (let from = ""; ; ) {
        const page = await list({ limit: "6", sort, from });
        seen.push(...page.bindings.map(({ aor }) => aor));
        expiries.push(...page.bindings.map(({ expiresInSeconds }) => expiresInSeconds));
        from = page.next;
        if (from === "") break;
      }
      expect([...seen].sort()).toEqual(all);
      if (sort !== "") expect(expiries).toEqual([...expiries].sort((one, other) => one - other));
    }
    const soon = await list({ within: "700" });
    expect(soon.bindings.length).toBeGreaterThan(0);
    for (const { expiresInSeconds } of soon.bindings) expect(expiresInSeconds).toBeLessThanOrEqual(700);
    if (store === "embedded") expect((await admin.get("/api/status")).json["registered"]).toEqual({ bindings: 21, addresses: 21 });
  });
}

test("bindings: a registrar names the edge that a phone came through", async () => {
  const admin = await Admin.choose();
  const home = await Home.start({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.1", SLUICE_ADMIN_LISTEN: admin.listen });
  const edge = await home.phone("edge", "udp");
  await home.register(edge, { user: "alice", contact: "sip:alice@192.0.2.1", path: "<sip:token@edge1.example.com:5070;lr>, <sip:192.0.2.9;lr>" });
  const { out } = await sluiceWithin(["bindings", "alice@example.com"], { SLUICE_ADMIN_LISTEN: admin.listen });
  expect(out).toMatch(/ via\n/);
  expect(out).toMatch(/ edge1\.example\.com:5070, 192\.0\.2\.9\n/);
});
