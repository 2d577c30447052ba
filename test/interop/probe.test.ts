/**
 * The test phone of `sluice probe` against Kamailio behind our edge, which supports outbound, and against Kamailio alone, which does not keep flows.
 *
 * Needs: kamailio
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { sluice } from "../support/command.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio");

interface Report {
  readonly verdict: string;
  readonly findings: readonly { readonly name: string; readonly result: string; readonly detail: string }[];
}

describe("sluice probe", () => {
  const stage = new Stage({ settings: { SLUICE_FLOW_TIMER: "40" } });
  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  const probe = async (user: string, transport: string, server: string): Promise<Report & { readonly code: number | null }> => {
    const { code, out, err } = await sluice(["probe", `sip:${user}@example.com;transport=${transport}`, "--server", server, "--json"]);
    if (out === "") throw new Error(err);
    return { ...(JSON.parse(out) as Report), code };
  };
  const results = ({ findings }: Report): Record<string, string> => Object.fromEntries(findings.map(({ name, result }) => [name, result]));

  // This Kamailio forks to all contacts of an AOR at once instead of using one flow per instance (RFC 5626 7), and the probe notices.
  test("finds that our edge keeps flows over TCP, and that the registrar behind it tries both flows of a phone at once", async () => {
    const report = await probe("probe", "tcp", stage.client);
    expect(results(report), JSON.stringify(report.findings, null, 1)).toMatchObject({
      registration: "ok", "Require: outbound": "ok", Path: "ok", "Flow-Timer": "ok", "keep-alive": "ok", "flow 2": "ok", delivery: "fail", failover: "ok", 403: "ok",
    });
    expect(report).toMatchObject({ verdict: "fail", code: 1 });
  });

  test("OB-8-1 finds that STUN keep-alives over UDP are answered", async () => {
    const report = await probe("stunner", "udp", stage.client);
    expect(results(report), JSON.stringify(report.findings, null, 1)).toMatchObject({ registration: "ok", "keep-alive": "ok" });
  });

  test("reports for Kamailio alone that there is no Path", async () => {
    const report = await probe("direct", "tcp", stage.registrar.at);
    expect(results(report), JSON.stringify(report.findings, null, 1)).toMatchObject({ registration: "ok", Path: "note" });
  });

  test("reports that nobody is listening", async () => {
    const report = await probe("nobody", "tcp", "127.0.0.1:1");
    expect(report).toMatchObject({ verdict: "fail", code: 1 });
  });
});
