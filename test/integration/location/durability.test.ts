/** What has been acknowledged survives kill -9: a child process saves continuously and reports what is done. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { NativeStore } from "../../../src/location/native-store.js";

const STORE = fileURLToPath(new URL("../../../build/modules/location/native-store.js", import.meta.url));

// Saves one binding after the other, some concurrently, and writes a line for each that is done.
const CHILD = `
  import { writeSync } from "node:fs";
  const { NativeStore } = await import(process.argv[1]);
  const store = await NativeStore.open(process.argv[2]);
  let next = 0;
  const save = async () => {
    for (;;) {
      const name = String(next += 1), aor = "sip:u" + name + "@example.org", now = store.now();
      const binding = { aor, key: "f1 urn:x:" + name, contactUri: "sip:a@h", contactParams: "", path: ["<sip:t" + name + "@edge;lr;ob>"], q: 1000,
        expiresAt: now + 3600000, updatedAt: now, callId: name, cseq: 1, outbound: true, instance: "urn:x:" + name, regId: 1, flow: "1/" + name };
      await store.save(aor, { callId: name, cseq: 1, everything: false, put: [binding], drop: [], maxContacts: 10, maxFlows: 4 });
      writeSync(1, name + "\\n");
    }
  };
  await Promise.all(Array.from({ length: 50 }, save));
`;

test("REG-26 whatever was saved survives kill -9", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-durability-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const saved: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", CHILD, STORE, join(folder, String(round))], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const names: string[] = [];
    const exit = once(child, "exit");
    await new Promise<void>((resolve) => {
      lines.on("line", (name) => {
        names.push(name);
        if (names.length === 2_000 + round * 500) child.kill("SIGKILL");
      });
      lines.on("close", resolve);
    });
    expect(await exit).toEqual([null, "SIGKILL"]);
    const store = await NativeStore.open(join(folder, String(round)));
    for (const name of names) {
      const [binding] = await store.lookup(`sip:u${name}@example.org`);
      expect(binding).toMatchObject({ callId: name, path: [`<sip:t${name}@edge;lr;ob>`] });
    }
    await store.close();
    saved.push(...names);
  }
  expect(saved.length).toBeGreaterThanOrEqual(7_500);
});

test("SA-15 a binding keeps its remaining time across a restart, and every opener has the same clock", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-clock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const first = await NativeStore.open(folder);
  const before = first.now();
  await first.close();
  const wall = Date.now;
  onTestFinished(() => void (Date.now = wall));
  // The wall clock is moved by an hour while the program is not running.
  Date.now = () => wall() + 3_600_000;
  const second = await NativeStore.open(folder);
  expect(second.now() - before).toBeLessThan(60_000);
  expect(second.now() - before).toBeGreaterThanOrEqual(0);
  await second.close();
});
