/** The cost of finding a call's bindings: two flows of one device, among 10,000 addresses of record. */
import { NativeStore } from "../../build/modules/location/native-store.js";
import { Gruus } from "../../build/modules/registrar/gruu.js";
import { parseNameAddr } from "../../build/modules/sip/name-addr.js";
import { parseUri } from "../../build/modules/sip/uri.js";
import { EDGE, SECRET, registerMessage, registrarOver, report, temporaryFolder } from "./stage.mjs";

const USERS = 10_000;
const store = await NativeStore.open(temporaryFolder());
const registrar = registrarOver(store);
for (let user = 0; user < USERS; user += 100) {
  const batch = Array.from({ length: 100 }, (_, index) => [1, 2].map((regId) => registrar.handle(registerMessage(`u${user + index}`, regId, regId), EDGE)));
  await Promise.all(batch.flat());
}

const gruus = new Gruus(SECRET);
const [binding] = await store.lookup("sip:u1@example.org");
const temporary = gruus.temporaryOf(binding);
let user = 0;
const next = () => `sip:u${(user = (user + 7) % USERS)}@example.org`;

await report([
  ["lookup of two flows, embedded", (deferred) => store.lookup(next()).then(() => deferred.resolve()), { defer: true }],
  ["an address of record out of a Request-URI", () => gruus.resolve("sip:%61lice@example.org;user=phone")],
  ["a public GRUU", () => gruus.resolve(`sip:u1@example.org;gr=${binding.instance}`)],
  ["a temporary GRUU", () => gruus.resolve(temporary)],
  ["a temporary GRUU made", () => gruus.temporaryOf(binding)],
  ["a URI parsed", () => parseUri("sip:alice@192.0.2.7:49152;transport=tcp;ob")],
  ["a Contact parsed", () => parseNameAddr('<sip:alice@192.0.2.7:49152;transport=tcp;ob>;reg-id=1;+sip.instance="<urn:uuid:1>";expires=3600')],
]);
await store.close();
