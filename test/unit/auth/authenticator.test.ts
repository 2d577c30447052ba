/** RFC 3261 22, RFC 7616 and RFC 8760, with users in a real file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { type AuthenticationResult, Authenticator, type AuthenticatorOptions, type Login as AuthenticatorLogin } from "../../../src/auth/authenticator.js";
import type { CredentialStore } from "../../../src/auth/credential-store.js";
import { FileCredentials } from "../../../src/auth/file-credentials.js";
import { Domains } from "../../../src/sip/domains.js";
import type { ResponseSpec } from "../../../src/sip/response-spec.js";
import { type Challenge, type Login, authorization, hashOf, readChallenge } from "../../support/digest-client.js";
import { newLogins } from "../../support/logins.js";
import { registerMessage, registrarStage, sipMessage } from "../../support/registrar-stage.js";

const logins = newLogins();
const seen: AuthenticatorLogin[] = [];
const REALM = "example.org";
const CLIENT = { address: "192.0.2.1", isRelayed: false };
const folder = mkdtempSync(join(tmpdir(), "sluice-auth-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function userFile(users: readonly (readonly [string, string])[], algorithms: readonly string[] = ["SHA-256", "MD5"]): string {
  const path = join(folder, `users-${(files += 1)}`);
  const lines = users.flatMap(([user, password]) => algorithms.map((algorithm) => `${user}:${REALM}:${hashOf(algorithm, `${user}:${REALM}:${password}`)}`));
  writeFileSync(path, `# users\n${lines.join("\n")}\n`, "latin1");
  return path;
}

const BOB = [["bob", "secret"]] as const;

function authenticator(path = userFile(BOB), differences: Partial<AuthenticatorOptions> = {}, store: CredentialStore = new FileCredentials(path, () => undefined)): Authenticator {
  const options: AuthenticatorOptions = { domains: new Domains([{ name: REALM }]), algorithms: ["SHA-256", "MD5"], nonceSeconds: 300, logins, report: () => undefined, onLogin: (login) => void seen.push(login), onProven: () => undefined, ...differences };
  return new Authenticator(store, options);
}

const LOGIN: Login = { user: "bob", password: "secret", method: "REGISTER", uri: "sip:example.org" };

async function refusal(one: Authenticator, lines = ""): Promise<ResponseSpec> {
  const result = await one.check(registerMessage(lines), "registrar", CLIENT);
  if (result.ok) throw new Error("it was let in");
  return result.response;
}

async function challenges(one: Authenticator, lines = ""): Promise<readonly Challenge[]> {
  const { status, headers } = await refusal(one, lines);
  expect(status).toBe(401);
  return headers.filter(([name]) => name === "WWW-Authenticate").map(([, value]) => readChallenge(value));
}

async function challenge(one: Authenticator, algorithm = "SHA-256"): Promise<Challenge> {
  const found = (await challenges(one)).find((offer) => offer.algorithm === algorithm);
  if (found === undefined) throw new Error(`${algorithm} is not offered`);
  return found;
}

const statusOf = async (one: Authenticator, header: string, lines = ""): Promise<number> => {
  const result = await one.check(registerMessage(`Authorization: ${header}\n${lines}`), "registrar", CLIENT);
  return result.ok ? 200 : result.response.status;
};

test("AU-1 AU-2 AU-4 AU-5 REG-3 one challenge per line, SHA-256 first, always with qop", async () => {
  const one = authenticator();
  const { status, headers } = await refusal(one);
  expect(status).toBe(401);
  expect(headers.map(([name]) => name)).toEqual(["WWW-Authenticate", "WWW-Authenticate"]);
  expect(headers.map(([, value]) => readChallenge(value).algorithm)).toEqual(["SHA-256", "MD5"]);
  for (const [, value] of headers) expect(value).toContain('qop="auth"');
});

test("AU-1 a proxy sends 407 with Proxy-Authenticate, answered by Proxy-Authorization", async () => {
  const one = authenticator();
  const message = (lines: string): string => `MESSAGE sip:al@example.org SIP/2.0\nFrom: <sip:bob@example.org>;tag=1\nTo: <sip:al@example.org>\n${lines}`;
  const asked = await one.check(sipMessage(message("")), "proxy", CLIENT);
  if (asked.ok) throw new Error("it was let in");
  expect(asked.response).toMatchObject({ status: 407, headers: [["Proxy-Authenticate", expect.any(String)], ["Proxy-Authenticate", expect.any(String)]] });
  const header = authorization(readChallenge(asked.response.headers[0]?.[1] ?? ""), { ...LOGIN, method: "MESSAGE", uri: "sip:al@example.org" });
  expect(await one.check(sipMessage(message(`Proxy-Authorization: ${header}`)), "proxy", CLIENT)).toEqual({ ok: true, user: "bob", realm: REALM });
});

test.each(["SHA-256", "MD5"])("AU-3 AU-7 OB-12-4 the client picks %s, and may write its digits in upper case", async (algorithm) => {
  const one = authenticator();
  expect(await statusOf(one, authorization(await challenge(one, algorithm), LOGIN))).toBe(200);
  const upper = authorization(await challenge(one, algorithm), LOGIN).replace(/response="([^"]*)"/, (_, hex: string) => `response="${hex.toUpperCase()}"`);
  expect(await statusOf(one, upper)).toBe(200);
});

test("AU-3 an algorithm that was not offered is challenged again", async () => {
  const one = authenticator();
  const offer = await challenge(one);
  for (const algorithm of ["SHA-256-sess", "MD5-sess", "SHA-512-256", "none"]) {
    expect(await statusOf(one, authorization({ ...offer, algorithm }, LOGIN))).toBe(401);
  }
  const onlyMd5 = authenticator(undefined, { algorithms: ["MD5"] });
  expect(await statusOf(onlyMd5, authorization({ ...(await challenge(onlyMd5, "MD5")), algorithm: "SHA-256" }, LOGIN))).toBe(401);
});

test("AU-6 the order and the choice of algorithms are configurable", async () => {
  expect((await challenges(authenticator(undefined, { algorithms: ["MD5", "SHA-256"] }))).map(({ algorithm }) => algorithm)).toEqual(["MD5", "SHA-256"]);
});

test("AU-18 an algorithm for which some user has no hash is not offered", async () => {
  expect((await challenges(authenticator(userFile(BOB, ["MD5"])))).map(({ algorithm }) => algorithm)).toEqual(["MD5"]);
  expect((await challenges(authenticator(userFile(BOB, ["SHA-256"])))).map(({ algorithm }) => algorithm)).toEqual(["SHA-256"]);
});

test("AU-17 an unknown user and a wrong password get the same answer", async () => {
  const one = authenticator();
  const offer = await challenge(one);
  const strip = ({ status, reason, headers }: ResponseSpec): unknown => ({ status, reason, headers: headers.map(([name, value]) => [name, value.replace(/nonce="[^"]*"/, "")]) });
  const wrong = await refusal(one, `Authorization: ${authorization(offer, { ...LOGIN, password: "guess" })}`);
  const unknown = await refusal(one, `Authorization: ${authorization(offer, { ...LOGIN, user: "nobody" })}`);
  expect(strip(wrong)).toEqual(strip(unknown));
  expect(readChallenge(wrong.headers[0]?.[1] ?? "").stale).toBe(false);
});

test("AU-17 the placeholder hash of unknown users is not a password", async () => {
  const one = authenticator();
  const offer = await challenge(one);
  const zeros = "0".repeat(64);
  const ha2 = hashOf("SHA-256", "REGISTER:sip:example.org");
  const response = hashOf("SHA-256", `${zeros}:${offer.nonce}:00000001:cn:auth:${ha2}`);
  const header = authorization(offer, { ...LOGIN, user: "nobody" }).replace(/response="[^"]*"/, `response="${response}"`);
  expect(await statusOf(one, header)).toBe(401);
});

test("AU-8 a nonce that is too old is stale, and the next one is valid", async () => {
  const one = authenticator(undefined, { nonceSeconds: 0.05 });
  const offer = await challenge(one);
  await new Promise((resolve) => setTimeout(resolve, 60));
  const [again] = await challenges(one, `Authorization: ${authorization(offer, LOGIN)}`);
  expect(again?.stale).toBe(true);
  expect(await statusOf(one, authorization(again ?? offer, LOGIN))).toBe(200);
});

test("AU-8 a nonce is valid in every shard of the process; one from another process and one for another client are stale", async () => {
  const [one, other] = [authenticator(), authenticator()];
  const offer = await challenge(other);
  expect(await statusOf(one, authorization(offer, LOGIN))).toBe(200);
  const elsewhere = newLogins();
  const foreign = await challenge(authenticator(undefined, { logins: elsewhere }));
  for (const nonce of [foreign.nonce, logins.makeNonce(REALM, "192.0.2.2"), `${offer.nonce}A`, offer.nonce.slice(1), `${offer.nonce}=`, "", "x".repeat(3_000)]) {
    const [again] = await challenges(one, `Authorization: ${authorization({ ...offer, nonce }, LOGIN)}`);
    expect(again?.stale, nonce).toBe(true);
  }
});

test("AU-9 credentials used on one shard are used up on every other one", async () => {
  const [one, other] = [authenticator(), authenticator()];
  const header = authorization(await challenge(one), LOGIN);
  expect([await statusOf(one, header), await statusOf(other, header), await statusOf(one, header)]).toEqual([200, 401, 401]);
});

test("AU-17 wrong passwords are reported with source, user and reason, and lead to 503; a first request does not count", async () => {
  const one = authenticator(userFile([["eve", "secret"]]));
  const from = { address: "198.51.100.1", isRelayed: false };
  const attempt = async (user: string, password: string): Promise<number> => {
    const asked = await one.check(registerMessage(""), "registrar", from);
    if (asked.ok) throw new Error("it was let in");
    const header = authorization(readChallenge(asked.response.headers[0]?.[1] ?? ""), { ...LOGIN, user, password });
    const result = await one.check(registerMessage(`Authorization: ${header}\nFrom: <sip:eve@${REALM}>;tag=1\nTo: <sip:eve@${REALM}>`), "registrar", from);
    return result.ok ? 200 : result.response.status;
  };
  seen.length = 0;
  for (let count = 0; count < 20; count += 1) expect(await attempt("eve", "guess")).toBe(401);
  expect(await attempt("eve", "secret")).toBe(503);
  expect(seen.map(({ result }) => result)).toEqual([...Array<string>(20).fill("password"), "limited"]);
  expect(seen[0]).toEqual({ result: "password", source: from.address, user: "eve", realm: REALM });
});

test("AU-9 a count is valid once; so are later ones and those that were overtaken", async () => {
  const one = authenticator();
  const offer = await challenge(one);
  const use = (nc: number): Promise<number> => statusOf(one, authorization(offer, { ...LOGIN, nc }));
  expect([await use(1), await use(1), await use(5), await use(3), await use(3), await use(4), await use(500), await use(6)]).toEqual([200, 401, 200, 200, 401, 200, 200, 401]);
  expect(await use(0)).toBe(401);
});

test("AU-9 a digest without qop is valid once per nonce", async () => {
  const one = authenticator();
  const offer = await challenge(one, "MD5");
  const header = authorization(offer, { ...LOGIN, qop: undefined });
  expect([await statusOf(one, header), await statusOf(one, header)]).toEqual([200, 401]);
});

test("AU-10 uri may differ from the Request-URI as long as it is ours", async () => {
  const one = authenticator();
  const signed = async (uri: string): Promise<number> => statusOf(one, authorization(await challenge(one), { ...LOGIN, uri }));
  expect(await signed("sip:example.org;transport=tcp")).toBe(200);
  expect(await signed("sip:elsewhere.org")).toBe(401);
  expect(await signed("nonsense")).toBe(401);
});

test("AU-10 credentials signed for calling one user are useless for calling another, unless a neighbour changed the target", async () => {
  const one = authenticator();
  const call = (uri: string, header: string, isRelayed: boolean): Promise<AuthenticationResult> =>
    one.check(sipMessage(`MESSAGE ${uri} SIP/2.0\nFrom: <sip:bob@example.org>;tag=1\nTo: <${uri}>\nProxy-Authorization: ${header}`), "proxy", { ...CLIENT, isRelayed });
  const signed = async (): Promise<string> => authorization(await challenge(one), { ...LOGIN, method: "MESSAGE", uri: "sip:al@example.org" });
  expect(await call("sip:%61l@example.org;transport=tcp", await signed(), false)).toMatchObject({ ok: true });
  expect(await call("sip:+19005550100@pstn.example.net", await signed(), false)).toMatchObject({ ok: false });
  expect(await call("sip:+4930@example.org", await signed(), true)).toMatchObject({ ok: true });
});

test("each domain is a separate realm, and an alias belongs to its domain's realm", async () => {
  const domains = new Domains([{ name: REALM }, { name: "sip.example.org", aliasOf: REALM }, { name: "example.net" }]);
  const one = authenticator(undefined, { domains });
  const lines = (host: string): string => `From: <sip:bob@${host}>;tag=1\nTo: <sip:bob@${host}>`;
  expect((await challenges(one, lines("sip.example.org")))[0]?.realm).toBe(REALM);
  expect((await challenges(one, lines("example.net")))[0]?.realm).toBe("example.net");
  const signed = async (): Promise<string> => authorization(await challenge(one), LOGIN);
  expect(await statusOf(one, await signed(), lines("sip.example.org"))).toBe(200);
  expect(await statusOf(one, await signed(), lines("example.net"))).toBe(401);
  expect(await statusOf(one, await signed(), "To: <sip:bob@example.org>\nFrom: <sip:bob@example.net>;tag=1")).toBe(403);
});

test("AU-12 credentials for other realms are skipped", async () => {
  const one = authenticator();
  const mine = authorization(await challenge(one), LOGIN);
  expect(await statusOf(one, 'Digest username="x", realm="elsewhere", nonce="n", uri="sip:y", response="z"', `Authorization: ${mine}`)).toBe(200);
});

test.each([
  "Basic Ym9iOnNlY3JldA==",
  "NoOneKnowsThisScheme opaque-data=here",
  "Digest",
  'Digest username="bob"',
  'Digest username="bob, realm="example.org"',
  `Digest realm="example.org", ${"x=1, ".repeat(2_000)}`,
  "Bearer x",
])("AU-13 AU-15 TT-40 %j is challenged", async (header) => {
  expect(await statusOf(authenticator(), header)).toBe(401);
});

test("AU-15 unknown parameters are ignored, duplicate ones are not", async () => {
  const one = authenticator();
  expect(await statusOf(one, `${authorization(await challenge(one), LOGIN)}, opaque="", future=1`)).toBe(200);
  expect(await statusOf(one, `${authorization(await challenge(one), LOGIN)}, username="bob"`)).toBe(401);
});

test("AU-14 names with quotes, backslashes, commas, blanks and UTF-8", async () => {
  for (const [user, inUri] of [
    ['a"b,c', "a%22b,c"],
    ["a\\b", "a%5Cb"],
    ["caf\u00c3\u00a9 1", "caf%C3%A9%201"],
  ] as const) {
    const one = authenticator(userFile([[user, "secret"]]));
    const lines = `From: <sip:${inUri}@example.org>;tag=1\nTo: <sip:${inUri}@example.org>`;
    expect(await statusOf(one, authorization(await challenge(one), { ...LOGIN, user }), lines), user).toBe(200);
  }
});

test("REG-4 registering for someone else, or as someone else, is 403", async () => {
  const one = authenticator();
  const lines = [
    "To: <sip:alice@example.org>",
    "From: <sip:alice@example.org>;tag=1",
    "From: <sip:bob@elsewhere.org>;tag=1",
    "From: <tel:+1234>;tag=1",
    "To: <sip:bob@elsewhere.org>",
    "To: <sip:b%2562ob@example.org>",
  ];
  for (const line of lines) expect(await statusOf(one, authorization(await challenge(one), LOGIN), line), line).toBe(403);
  expect(await statusOf(one, authorization(await challenge(one), LOGIN), "To: <sip:%62ob@EXAMPLE.org;user=phone>")).toBe(200);
});

test("the file is reloaded when it changes, unless it is invalid", async () => {
  const path = userFile(BOB);
  const errors: unknown[] = [];
  const users = new FileCredentials(path, (error) => errors.push(error));
  expect(await users.find("alice", REALM)).toBeUndefined();
  const change = async (text: string): Promise<void> => {
    writeFileSync(path, text);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
  };
  await change(`alice:${REALM}:${"a".repeat(32)}\n`);
  expect(await users.find("alice", REALM)).toHaveProperty("ha1s", { MD5: "a".repeat(32) });
  expect(await users.find("bob", REALM)).toBeUndefined();
  await change("nonsense\n");
  expect(await users.find("alice", REALM)).toHaveProperty("ha1s", { MD5: "a".repeat(32) });
  expect(errors.map(String)).toEqual(["Error: user:realm:HA1 with 32 or 64 hexadecimal digits in line 1"]);
});

test("a look at the file keeps nobody waiting, as long as the last one is not a second ago", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const path = userFile(BOB);
  const users = new FileCredentials(path, () => undefined);
  expect(users.revision()).toBe(0);
  writeFileSync(path, `alice:${REALM}:${"a".repeat(32)}\n`);
  vi.advanceTimersByTime(600);
  // It looks, and meanwhile goes on.
  expect(users.revision()).toBe(0);
  await expect.poll(() => users.revision()).toBe(1);
  writeFileSync(path, `carol:${REALM}:${"b".repeat(32)}\n`);
  vi.advanceTimersByTime(1_000);
  expect(users.revision()).toBeUndefined();
  expect(await users.find("alice", REALM)).toBeUndefined();
  expect(users.revision()).toBe(2);
});

test("a file with twenty thousand users is read a slice at a time: other work gets its turn, and the number of a bad line is right", async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `user${index}:${REALM}:${"a".repeat(32)}`);
  const path = join(folder, "many");
  writeFileSync(path, `${lines.join("\n")}\n`);
  let turns = 0;
  const others = setInterval(() => (turns += 1), 0);
  const users = await FileCredentials.open(path, () => undefined);
  clearInterval(others);
  expect(turns).toBeGreaterThan(10);
  expect(await users.find("user19999", REALM)).toHaveProperty("ha1s", { MD5: "a".repeat(32) });
  expect(users.commonAlgorithms()).toEqual(["MD5"]);
  writeFileSync(path, `${[...lines.slice(0, 12_344), "nonsense", ...lines].join("\n")}\n`);
  await expect(FileCredentials.open(path, () => undefined)).rejects.toThrow("in line 12345");
});

test("OB-12-3 REG-3 PATH-5.3-1 nothing is stored before the credentials are verified", async () => {
  const one = authenticator();
  const stage = await registrarStage({}, one);
  onTestFinished(() => stage.close());
  const contact = "Contact: <sip:bob@192.0.2.1>";
  const asked = await stage.register(contact);
  expect(asked.status).toBe(401);
  expect(await stage.store.lookup("sip:bob@example.org")).toEqual([]);
  const header = authorization(readChallenge(asked.all("WWW-Authenticate")[0] ?? ""), LOGIN);
  expect((await stage.register(`Authorization: ${header}\n${contact}`)).status).toBe(200);
  expect(await stage.store.lookup("sip:bob@example.org")).toHaveLength(1);
});

test("AU-9 what a store says after a reload has closed it is not passed on for later logins", async () => {
  const users = new FileCredentials(userFile(BOB), () => undefined);
  const asked: (() => void)[] = [];
  const store: CredentialStore = {
    find: async (user, realm) => {
      await new Promise<void>((resolve) => asked.push(resolve));
      return users.find(user, realm);
    },
    close: () => users.close(),
  };
  const onProven = vi.fn();
  const one = authenticator("", { onProven }, store);
  const offer = await challenge(one);
  const login = async (nc: number, meanwhile: () => unknown): Promise<number> => {
    const status = statusOf(one, authorization(offer, { ...LOGIN, nc }));
    await expect.poll(() => asked.length).toBe(1);
    meanwhile();
    asked.pop()?.();
    return status;
  };
  expect(await login(1, () => undefined)).toBe(200);
  expect(onProven).toHaveBeenCalledTimes(1);
  expect(await login(2, () => one.close())).toBe(200);
  expect(onProven).toHaveBeenCalledTimes(1);
});
