/** Domains and users change while calls go on (SIGHUP, /api/reload); an unreadable file changes nothing. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { answerChallenge } from "../../../src/phone/digest.js";
import { Admin } from "../../support/admin.js";
import { Edge } from "../../support/edge.js";
import { Party } from "../../support/party.js";
import { freePort } from "../../support/ports.js";
import { TcpConnection } from "../../support/tcp-connection.js";

test("SA-9 a reload changes domains and users for open connections, or nothing if the users cannot be read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-reload-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [file, users] = [join(folder, "sluice.env"), join(folder, "users")];
  const userOf = (realm: string): string => `ann:${realm}:${createHash("sha256").update(`ann:${realm}:secret`).digest("hex")}\n`;
  writeFileSync(users, userOf("one.example") + userOf("two.example"));
  writeFileSync(file, "SLUICE_DOMAINS=one.example\n");
  const [admin, port] = [await Admin.choose(), await freePort()];
  const listen = `127.0.0.1:${port}`;
  const server = await Edge.spawn({ SLUICE_MODE: "standalone", SLUICE_LISTEN: `tcp:${listen}`, SLUICE_ENV_FILE: file, SLUICE_STATE_DIR: join(folder, "state"), SLUICE_ADMIN_LISTEN: admin.listen });
  onTestFinished(() => server.stop());
  const company = new Set<Party>();
  const ann = new Party("ann", listen, "scene-reload", company);
  ann.attach(await TcpConnection.open({ host: "127.0.0.1", port }, ann.receive));
  onTestFinished(() => ann.close());
  let sent = 0;
  const register = (domain: string, authorization = ""): Promise<unknown> =>
    ann.say(`REGISTER sip:${domain} SIP/2.0\nCall-ID: ${(sent += 1)}@${ann.scene}\nFrom: <sip:ann@${domain}>;tag=a\nTo: <sip:ann@${domain}>\nContact: <sip:ann@${ann.at}>${authorization}`);

  await register("one.example");
  await ann.response(200);
  await register("two.example");
  await ann.response(403);

  const text = `SLUICE_DOMAINS=one.example,two.example,sip.two.example=two.example\nSLUICE_AUTH=file:${users}\n`;
  writeFileSync(file, text);
  expect((await admin.ask("POST", "/api/reload", {})).json).toEqual({ changed: ["SLUICE_DOMAINS", "SLUICE_AUTH"], needRestart: [], errors: [] });
  const logIn = async (domain: string): Promise<void> => {
    await register(domain);
    const challenge = (await ann.response(401)).header("WWW-Authenticate");
    expect(challenge).toContain(`realm="${domain.replace("sip.", "")}"`);
    await register(domain, `\nAuthorization: ${answerChallenge(challenge, "REGISTER", `sip:${domain}`, { user: "ann", password: "secret" })}`);
    await ann.response(200);
  };
  // Each shard reads the users by itself.
  await expect.poll(async () => (await register("one.example"), (await ann.next()).status)).toBe(401);
  await logIn("one.example");
  await logIn("sip.two.example");

  writeFileSync(join(folder, "broken"), "nonsense\n");
  writeFileSync(file, text.replace(users, join(folder, "broken")));
  expect((await admin.ask("POST", "/api/reload", {})).json["errors"]).toEqual([expect.stringMatching(/^SLUICE_AUTH: expected user:realm:HA1/)]);
  await logIn("two.example");
});
