/** Configuration errors are reported in full and at once, and nothing starts. */
import { createServer } from "node:net";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { Edge, type Settings } from "../support/edge.js";
import { freePort } from "../support/ports.js";
import { cast } from "../support/cast.js";

async function refusal(settings: Settings): Promise<{ code: number | null; output: string }> {
  const edge = Edge.launch(settings);
  onTestFinished(() => edge.stop());
  const code = await edge.exited();
  return { code, output: edge.output };
}

test("all errors of the configuration are reported together, each with its variable", async () => {
  const { code, output } = await refusal({
    SLUICE_LISTEN: "udp:127.0.0.1:99999",
    SLUICE_UPSTREAM: "mailto:x",
    SLUICE_SHARDS: "none",
    SLUICE_OUTBOUND: "perhaps",
    SLUICE_FLOW_TIMER: "-1",
    SLUICE_FLOW_KEYS: "1:c2hvcnQ=",
  });
  expect(code).not.toBe(0);
  for (const name of ["LISTEN", "UPSTREAM", "SHARDS", "OUTBOUND", "FLOW_TIMER", "FLOW_KEYS"]) {
    expect(output).toContain(`SLUICE_${name}`);
  }
});

test("OB-5.2-2 a key that is too short is refused, and not printed", async () => {
  const { code, output } = await refusal({ SLUICE_LISTEN: "udp:127.0.0.1:5999", SLUICE_FLOW_KEYS: "1:c2hvcnRzZWNyZXQ=" });
  expect(code).not.toBe(0);
  expect(output).toContain("SLUICE_FLOW_KEYS");
  expect(output).not.toContain("c2hvcnRzZWNyZXQ=");
});

test("a misspelt variable is reported with the name that was probably meant", async () => {
  const { SUT } = await cast({ settings: { SLUICE_FLOWTIMER: "30" } });
  expect(SUT.output).toContain("SLUICE_FLOWTIMER");
  expect(SUT.output).toContain("SLUICE_FLOW_TIMER");
});

test("a port in use is reported in one line", async () => {
  const port = await freePort();
  const taken = createServer().listen(port, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  const { code, output } = await refusal({ SLUICE_LISTEN: `tcp:127.0.0.1:${port}`, SLUICE_UPSTREAM: "sip:127.0.0.1:5999" });
  expect(code).not.toBe(0);
  expect(output).toContain(String(port));
  expect(output).not.toMatch(/\n\s+at /);
});
