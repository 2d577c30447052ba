/** The users of a file against a plain model of it. */
import { expect, test } from "vitest";
import type { DigestAlgorithm } from "../../../src/auth/digest.js";
import { HtdigestUsers } from "../../../src/auth/htdigest.js";
import { seeded } from "../../support/prng.js";

const ALGORITHMS = ["SHA-256", "MD5"] as const;
// Of which some begin like others, and realms hold colons.
const USERS = ["bob", "bo", "b", "alice", "\u00fc"];
const REALMS = ["example.org", "example.org:5060", "example", "", "a:b:c"];

function digits(random: (below: number) => number, algorithm: DigestAlgorithm): string {
  return Array.from({ length: algorithm === "MD5" ? 32 : 64 }, () => "0123456789abcdefABCDEF"[random(22)]).join("");
}

test("AU-9 a file of users says of each what its last lines say, of nobody else anything, and names them all in slices", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seeded(seed);
    const model = new Map<string, Map<DigestAlgorithm, string>>();
    let text = "";
    for (let left = random(1_500); left > 0; left -= 1) {
      const kind = random(20);
      const end = random(4) === 0 ? "\r\n" : "\n";
      if (kind === 0) text += `# bob:example.org:${"0".repeat(32)}${end}`;
      else if (kind === 1) text += ` ${end}`;
      else {
        const [user, realm] = [`${USERS[random(USERS.length)] ?? ""}${seed % 2 === 0 ? random(300) : ""}`, REALMS[random(REALMS.length)] ?? ""];
        const algorithm = ALGORITHMS[random(2)] ?? "MD5";
        const ha1 = digits(random, algorithm);
        text += `${user}:${realm}:${ha1}${left === 1 ? "" : end}`;
        const known = model.get(`${user}\n${realm}`) ?? new Map<DigestAlgorithm, string>();
        model.set(`${user}\n${realm}`, known.set(algorithm, ha1));
      }
    }
    const users = seed % 3 === 0 ? new HtdigestUsers(text) : await HtdigestUsers.inSlices(text);
    const keys = new Set([...model.keys(), ...USERS.flatMap((user) => REALMS.map((realm) => `${user}\n${realm}`))]);
    for (const key of keys) {
      const [user = "", realm = ""] = key.split("\n");
      const known = model.get(key);
      expect(users.find(user, realm)).toEqual(known && Object.fromEntries([...known].map(([algorithm, ha1]) => [algorithm, ha1.toLowerCase()])));
    }
    const having = (algorithm: DigestAlgorithm): number => [...model.values()].filter((known) => known.has(algorithm)).length;
    expect(users.common).toEqual(ALGORITHMS.filter((algorithm) => model.size > 0 && having(algorithm) === model.size));
    const { count, slices } = users.all(["MD5"]);
    expect(count).toBe(having("MD5"));
    const lines = [...slices].join("").split("\n");
    expect((lines.length - 1) / 3).toBe(count);
    const told = new Map<string, string>();
    for (let at = 0; at + 2 < lines.length; at += 3) told.set(`${lines[at] ?? ""}\n${lines[at + 1] ?? ""}`, lines[at + 2] ?? "");
    expect(told).toEqual(new Map([...model].flatMap(([key, known]) => (known.has("MD5") ? [[key, known.get("MD5") ?? ""]] : []))));
  }
});

test("AU-9 a name with a colon or the end of a line in it finds nobody", () => {
  const [one, other] = ["1".repeat(32), "2".repeat(32)];
  const users = new HtdigestUsers(`bob:example.org:${one}\nalice:example.org:${other}\n`);
  expect(users.find("alice", "example.org")).toEqual({ MD5: other });
  expect(users.find("bob", `example.org:${one}\nalice:example.org`)).toBeUndefined();
  expect(users.find("bob:example.org", one)).toBeUndefined();
  expect(users.find("", "example.org")).toBeUndefined();
  expect(new HtdigestUsers("a:b:c:" + one).find("a:b", "c")).toBeUndefined();
  expect(new HtdigestUsers("a:b:c:" + one).find("a", "b:c")).toEqual({ MD5: one });
});

test("AU-9 the byte order mark that some editors write hides no user", async () => {
  const [one, other] = ["1".repeat(32), "2".repeat(32)];
  const text = `\xEF\xBB\xBFbob:example.org:${one}\nalice:example.org:${other}\n`;
  for (const users of [new HtdigestUsers(text), await HtdigestUsers.inSlices(text)]) {
    expect(users.find("bob", "example.org")).toEqual({ MD5: one });
    expect([...users.all(["MD5"]).slices].join("")).toBe(`bob\nexample.org\n${one}\nalice\nexample.org\n${other}\n`);
  }
  expect(new HtdigestUsers(`\xEF\xBB\xBF# users\nbob:example.org:${one}\n`).find("bob", "example.org")).toEqual({ MD5: one });
});

test("AU-9 a password that a later line replaces is told to nobody, and many lines for one user take no longer than many users", () => {
  const lines = Array.from({ length: 50_000 }, (_, at) => `bob:example.org:${at.toString(16).padStart(32, "0")}\n`);
  const last = (49_999).toString(16).padStart(32, "0");
  const began = performance.now();
  const users = new HtdigestUsers(lines.join(""));
  // Each line looking at all those before it would take minutes.
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(users.find("bob", "example.org")).toEqual({ MD5: last });
  expect([...users.all(["MD5"]).slices].join("")).toBe(`bob\nexample.org\n${last}\n`);
});

test("AU-9 a bad line is named, whatever is wrong with it", async () => {
  const good = `bob:example.org:${"0".repeat(32)}`;
  for (const bad of ["bob", "bob:example.org", `:example.org:${"0".repeat(32)}`, `bob:${"0".repeat(32)}`, `${good}0`, good.slice(0, -1), good.replace(/0$/, "x"), "bob:example.org:"]) {
    const text = `# users\n${good}\n\n${bad}\n${good}\n`;
    expect(() => new HtdigestUsers(text), bad).toThrow("in line 4");
    await expect(HtdigestUsers.inSlices(`${"\n".repeat(1_000)}${text}`), bad).rejects.toThrow("in line 1004");
  }
});
