/** REGISTER through the registrar, 64 at a time as on a busy shard: `node bench/micro/register.mjs [redis://HOST:PORT]`. */
import { NativeStore } from "../../build/modules/location/native-store.js";
import { RedisStore } from "../../build/modules/location/redis-store.js";
import { EDGE, registerMessage, registrarOver, report, temporaryFolder } from "./stage.mjs";

const USERS = 10_000;
const AT_ONCE = 64;

const store = await NativeStore.open(temporaryFolder());
const redisUrl = process.argv[2];
const stores = [["embedded", store]];
if (redisUrl) stores.push(["Redis", await RedisStore.open(redisUrl, "bench-node")]);

let cseq = 0;
async function batch(registrar, regId) {
  const answers = [];
  for (let count = 0; count < AT_ONCE; ++count) {
    cseq += 1;
    answers.push(registrar.handle(registerMessage(`u${cseq % USERS}`, cseq, regId), EDGE));
  }
  const bad = (await Promise.all(answers)).find(({ status }) => status !== 200);
  if (bad) throw new Error(`${bad.status} ${bad.reason}`);
}

const benches = stores.map(([name, one]) => {
  const registrar = registrarOver(one);
  const fn = (deferred) => batch(registrar, 1).then(() => deferred.resolve());
  return [`REGISTER, ${name}, outbound and GRUU, a batch of ${AT_ONCE}`, fn, { defer: true, each: AT_ONCE }];
});
await report(benches);
for (const [, one] of stores) await one.close();
