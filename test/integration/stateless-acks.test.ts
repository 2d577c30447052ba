/** A client refused without a transaction still sends an ACK: it is for us and goes nowhere (RFC 3261 8.2.7, 17.1.1.3). */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { Cast } from "../support/cast.js";
import { CoreTcp } from "../support/core-tcp.js";
import { Home } from "../support/home.js";
import type { Party } from "../support/party.js";

interface Refused {
  readonly status: number;
  /** Additional headers of the INVITE; `via`: below its own. */
  readonly headers?: string;
  readonly via?: string;
  readonly cseq?: string;
}

let invites = 0;

/** Sends an INVITE that is refused, then its ACK with the same Route. */
async function isRefused(caller: Party, uri: string, { status, headers = "", via = "", cseq = "1 INVITE" }: Refused): Promise<void> {
  const number = (invites += 1);
  const transport = caller.transport.toUpperCase();
  const top = `Via: SIP/2.0/${transport} ${caller.at};branch=z9hG4bK-refused-${number};rport`;
  const callId = `Call-ID: refused-${number}@${caller.scene}`;
  const lines = headers === "" ? "" : `\n${headers}`;
  await caller.say(`INVITE ${uri} SIP/2.0\n${top}${via}\n${callId}\nCSeq: ${cseq}\nContact: <sip:A@192.0.2.1>${lines}`);
  const final = await caller.response(status);
  const routes = headers.split("\n").filter((line) => line.startsWith("Route:")).join("\n");
  await caller.say(`ACK ${uri} SIP/2.0\n${top}\n${callId}\nTo: ${final.header("To")}${routes === "" ? "" : `\n${routes}`}`);
}

/** What both an edge and a home server refuse. */
const ANYWHERE: readonly Refused[] = [
  { status: 483, headers: "Max-Forwards: 0" },
  { status: 400, cseq: "1 OPTIONS" },
  { status: 403, headers: "Route: <sip:192.0.2.99;lr>" },
  { status: 420, headers: "Proxy-Require: teleport" },
];

for (const transport of ["udp", "tcp"] as const) {
  test(`the ACK of whatever an edge refuses goes nowhere, ${transport} (RFC 3261 8.2.7)`, async () => {
    const cast = await Cast.assemble({ client: transport });
    onTestFinished(() => cast.end());
    await cast.enter();
    const { U, C } = cast;
    const uri = "sip:bob@example.com";
    for (const refused of ANYWHERE) await isRefused(U, uri, refused);
    // 482: a request that comes back to us with our own Via below.
    const call = `${uri} SIP/2.0\nCall-ID: loop@${cast.scene}\nContact: <sip:A@192.0.2.1>`;
    await U.say(`INVITE ${call}`);
    const copy = await C.request("INVITE");
    await C.reply("486 Busy Here");
    const sent = U.sent;
    const busy = await U.response(486);
    await U.say(`ACK ${uri} SIP/2.0\nVia: ${/Via: (.*)\r/.exec(sent)?.[1] ?? ""}\nCall-ID: loop@${cast.scene}\nTo: ${busy.header("To")}`);
    await C.request("ACK");
    const loop = `${call}\n${copy.all("Via").map((via) => `Via: ${via}`).join("\n")}`;
    const top = `Via: SIP/2.0/${transport.toUpperCase()} ${U.at};branch=z9hG4bK-loop`;
    await U.say(`INVITE ${loop.replace("\n", `\n${top}\n`)}`);
    const looped = await U.response(482);
    await U.say(`ACK ${uri} SIP/2.0\n${top}\nCall-ID: loop@${cast.scene}\nTo: ${looped.header("To")}`);
    await C.nothing();
  });

  test(`the ACK of whatever a home server refuses goes nowhere, ${transport} (RFC 3261 8.2.7)`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const users = join(folder, "users");
    writeFileSync(users, `bob:example.com:${createHash("sha256").update("bob:example.com:secret").digest("hex")}\n`);
    const home = await Home.start({ SLUICE_AUTH: `file:${users}`, SLUICE_EDGES: "127.0.0.2", SLUICE_FOREIGN_CALLERS: "accept" });
    const edge = await home.edge("edge", "127.0.0.2");
    const A = await home.phone("A", transport);
    const uri = `sip:bob@${edge.at}`;
    for (const refused of ANYWHERE) await isRefused(A, uri, refused);
    await isRefused(A, "sip:bob@example.com", { status: 407, headers: "From: <sip:bob@example.com>;tag=a" });
    await isRefused(A, "sip:nobody@example.com", { status: 404, headers: "From: <sip:x@other.example>;tag=a" });
    await isRefused(A, "sip:bob@example.com", { status: 480, headers: "From: <sip:x@other.example>;tag=a" });
    await edge.nothing();
  });
}

test("the ACK of a 503 sent for lack of a core goes nowhere once the core is back (RFC 3261 8.2.7)", async () => {
  const cast = await Cast.assemble({ client: "udp", core: "tcp" });
  onTestFinished(() => cast.end());
  await cast.enter();
  const { U, C } = cast;
  const { wire } = C;
  if (!(wire instanceof CoreTcp)) throw new Error("no core over TCP");
  await wire.close();
  await isRefused(U, "sip:bob@example.com", { status: 503 });
  C.attach(await CoreTcp.open({ host: cast.host, port: wire.port }, C.receive, wire.port, false));
  await U.nothing(300);
  await C.nothing();
});
