/** What new certificates cost connected clients, and what happens to the old ones if the files cannot be read. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { Authority } from "../support/certificates.js";
import { Home } from "../support/home.js";
import { freePort } from "../support/ports.js";

const CHANGES = 8;

/** A home with a TLS listener and its own folder for certificate and key; `use` replaces them. */
async function stage(): Promise<{ home: Home; admin: Admin; folder: string; use: (name: string) => void; nameShown: () => Promise<string> }> {
  const authority = new Authority();
  const folder = mkdtempSync(join(tmpdir(), "sluice-certs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const live = join(folder, "live");
  mkdirSync(live);
  const use = (name: string): void => {
    const issued = authority.issue([`DNS:${name}`], { commonName: name });
    writeFileSync(join(live, "key.pem"), readFileSync(issued.key));
    writeFileSync(join(live, "cert.pem"), readFileSync(issued.certificate));
  };
  use("first.example.org");
  const [admin, at, secure] = [await Admin.choose(), await freePort(), await freePort()];
  const home = await Home.spawn({
    SLUICE_LISTEN: `tcp:127.0.0.1:${at},tls:127.0.0.1:${secure}`,
    SLUICE_TLS_CERT: join(live, "cert.pem"),
    SLUICE_TLS_KEY: join(live, "key.pem"),
    SLUICE_SHARDS: "2",
    SLUICE_ADMIN_LISTEN: admin.listen,
  });
  home.port = at;
  const nameShown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: secure, host: "127.0.0.1", rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on("error", reject);
    });
  return { home, admin, folder: live, use, nameShown };
}

test("TR-25 SA-9 new certificates, and the hundred root authorities with them, are read outside the shards: no turn waits for it", { timeout: 60_000 }, async () => {
  const { home, admin, use, nameShown } = await stage();
  const A = await home.phone("A", "tcp");
  const sum = async (): Promise<number> => Number(/^sluice_turn_seconds_sum (\S+)$/m.exec((await admin.get("/metrics")).text)?.[1]);
  let cheapest = Infinity;
  for (let change = 0; change < CHANGES; change += 1) {
    const before = await sum();
    use(`change${change}.example.org`);
    const { errors } = (await admin.ask("POST", "/api/reload", {})).json as { errors: unknown };
    expect(errors).toEqual([]);
    await A.settle();
    await expect.poll(nameShown).toBe(`change${change}.example.org`);
    cheapest = Math.min(cheapest, (await sum()) - before);
  }
  // Reading the authorities takes each of the two shards 50 ms or more, at every change. Whatever else delays turns, it does not do so every time.
  expect(cheapest).toBeLessThan(0.05);
});

test("TR-25 a certificate folder that becomes unreadable: the certificates stay, one line says so, and new ones are loaded when it is back", { timeout: 60_000 }, async () => {
  const { home, folder, use, nameShown } = await stage();
  const { server } = home;
  renameSync(folder, `${folder}.away`);
  // A file in its place: this refuses even root, who may read everything (ENOTDIR).
  writeFileSync(folder, "");
  const complaints = (): number => server.output.match(/new certificates rejected/g)?.length ?? 0;
  await expect.poll(complaints).toBe(1);
  expect(server.output).toMatch(/"reason":"SLUICE_TLS_CERT: expected a valid PEM file: [^"]*ENOTDIR/);
  expect(await nameShown()).toBe("first.example.org");
  // It checks every second, and reports once.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(complaints()).toBe(1);
  expect(await nameShown()).toBe("first.example.org");
  rmSync(folder);
  renameSync(`${folder}.away`, folder);
  use("second.example.org");
  await expect.poll(nameShown).toBe("second.example.org");
});
