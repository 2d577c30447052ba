/** The test phone of `sluice probe` over every transport, against the standalone server, which passes every check. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testCertificates, tlsSettings } from "../support/certificates.js";
import { type Ended, sluice } from "../support/command.js";
import { Edge } from "../support/edge.js";
import { freePort } from "../support/ports.js";

const TRANSPORTS = ["udp", "tcp", "tls", "ws", "wss"] as const;
type Transport = (typeof TRANSPORTS)[number];

describe("sluice probe", () => {
  const ports = new Map<Transport, number>();
  let server: Edge;

  beforeAll(async () => {
    for (const transport of TRANSPORTS) ports.set(transport, await freePort());
    const listen = TRANSPORTS.map((transport) => `${transport}:127.0.0.1:${ports.get(transport)}`).join(",");
    server = await Edge.start({ SLUICE_MODE: "standalone", SLUICE_DOMAINS: "example.com", SLUICE_LISTEN: listen, ...tlsSettings() });
  });
  afterAll(() => server.stop());

  const probe = (transport: Transport, env: Readonly<Record<string, string>> = {}): Promise<Ended> => {
    const args = ["probe", `sip:probe-${transport}@example.com;transport=${transport}`, "--server", `127.0.0.1:${ports.get(transport)}`, "--json"];
    return sluice(args, env);
  };

  for (const transport of TRANSPORTS) {
    test(`SA-1 OB-5.1-2 finds that ${transport} does outbound`, async () => {
      const { code, out, err } = await probe(transport, { NODE_EXTRA_CA_CERTS: testCertificates().authority.file });
      const report = JSON.parse(out || "{}") as { readonly verdict?: string };
      expect(report.verdict, `${out}${err}`).toBe("ok");
      expect(code).toBe(0);
    });
  }

  test("TR-26 does not trust a server whose authority it does not know", async () => {
    const { code, out } = await probe("tls");
    expect(out).toMatch(/certificate/i);
    expect(code).toBe(1);
  });
});
