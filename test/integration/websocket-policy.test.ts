/** The operator's decision on WebSocket handshakes: a module named by SLUICE_POLICY. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RawSocket } from "../support/raw-socket.js";
import { upgradeRequest } from "../support/upgrade.js";
import { webSocketEdge } from "../support/websocket-edge.js";

const POLICY = `
export function upgrade(request) {
  if (request.target === "/throw") throw new Error("on purpose");
  if (request.cookies.get("session") === "good" && request.source.transport === "ws") return true;
  if (request.cookies.has("session")) return false;
  return { status: 401, headers: { "WWW-Authenticate": "Bearer realm=\\"" + request.origin + " " + request.headers("host")[0] + "\\"" } };
}
`;

test("WS-7-1 WS-7-2 WS-7-4 the hook reads cookies and header fields, and may accept, refuse or challenge", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-policy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "policy.mjs");
  writeFileSync(file, POLICY);
  const { client, edge } = await webSocketEdge({ SLUICE_POLICY: file });
  const shake = async (fields: Record<string, string>, target = "/"): Promise<{ status: number; answer: string }> => {
    const socket = await RawSocket.open(client);
    onTestFinished(() => socket.end());
    return socket.handshake(upgradeRequest("edge.example.org", fields, target));
  };
  expect((await shake({ Cookie: "a=b; session=good" })).status).toBe(101);
  expect((await shake({ Cookie: "session=bad" })).status).toBe(403);
  const challenged = await shake({ Origin: "https://phone.example.org" });
  expect(challenged.status).toBe(401);
  expect(challenged.answer).toContain('\r\nWWW-Authenticate: Bearer realm="https://phone.example.org edge.example.org"\r\n');
  expect((await shake({}, "/throw")).status).toBe(500);
  await expect.poll(() => edge.output).toContain("on purpose");
  expect((await shake({ Cookie: "session=good" })).status).toBe(101);
});
