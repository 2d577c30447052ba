/** Digest: a challenge, and valid credentials, by algorithm. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Authenticator } from "../../build/modules/auth/authenticator.js";
import { FileCredentials } from "../../build/modules/auth/file-credentials.js";
import { SipMessage } from "../../build/modules/sip/message.js";
import { SECRET, report, temporaryFolder } from "./stage.mjs";

const REALM = "example.org";
const hash = (algorithm, text) => createHash(algorithm === "MD5" ? "md5" : "sha256").update(text).digest("hex");
const file = join(temporaryFolder(), "users");
writeFileSync(file, ["MD5", "SHA-256"].map((algorithm) => `bob:${REALM}:${hash(algorithm, `bob:${REALM}:secret`)}\n`).join(""));
const authenticator = new Authenticator(new FileCredentials(file, console.error), {
  domains: [REALM],
  algorithms: ["SHA-256", "MD5"],
  nonceSeconds: 86_400,
  secret: SECRET,
  report: console.error,
});

const message = (authorization) =>
  new SipMessage(Buffer.from(`REGISTER sip:${REALM} SIP/2.0\r\nFrom: <sip:bob@${REALM}>;tag=1\r\nTo: <sip:bob@${REALM}>\r\n${authorization}\r\n\r\n`));

const { response } = await authenticator.check(message("X: y"), "registrar");
const nonce = /nonce="([^"]*)"/.exec(response.headers[0][1])[1];
let count = 0;
/** Computed outside the measurement: this is the client's work. */
function credentials(algorithm) {
  const nc = (count += 1).toString(16).padStart(8, "0");
  const ha2 = hash(algorithm, `REGISTER:sip:${REALM}`);
  const proof = hash(algorithm, `${hash(algorithm, `bob:${REALM}:secret`)}:${nonce}:${nc}:c:auth:${ha2}`);
  return message(
    `Authorization: Digest username="bob", realm="${REALM}", nonce="${nonce}", uri="sip:${REALM}", response="${proof}", algorithm=${algorithm}, qop=auth, nc=${nc}, cnonce="c"`,
  );
}

const BATCH = 1_000;
async function right(algorithm) {
  const messages = Array.from({ length: BATCH }, () => credentials(algorithm));
  const begin = process.hrtime.bigint();
  for (const one of messages) {
    const result = await authenticator.check(one, "registrar");
    if (!result.ok) throw new Error(`${result.response.status} ${result.response.reason}`);
  }
  return Number(process.hrtime.bigint() - begin) / 1e3 / BATCH;
}

await report([["a challenge", (deferred) => authenticator.check(message("X: y"), "registrar").then(() => deferred.resolve()), { defer: true }]]);
for (const algorithm of ["SHA-256", "MD5"]) {
  const runs = [];
  for (let run = 0; run < 20; ++run) runs.push(await right(algorithm));
  const [fastest, middle] = [Math.min(...runs), runs.sort((one, other) => one - other)[10]];
  console.log(`${`right credentials, ${algorithm}`.padEnd(58)} ${middle.toFixed(2)} us, at best ${fastest.toFixed(2)} us`);
}
await authenticator.close();
