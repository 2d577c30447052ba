/** A call through the objects of the home proxy, without sockets: to one device, and to three that ring at once; all are busy. Bindings are in the embedded store. */
import { Const } from "../../build/modules/native/layout.js";
import { DnsRecords } from "../../build/modules/resolve/dns-records.js";
import { NativeStore } from "../../build/modules/location/native-store.js";
import { Forwarder } from "../../build/modules/proxy/forwarder.js";
import { HomeProxy } from "../../build/modules/proxy/home-proxy.js";
import { Gruus } from "../../build/modules/registrar/gruu.js";
import { SipMessage } from "../../build/modules/sip/message.js";
import { makeResponse } from "../../build/modules/sip/response.js";
import { TransactionTable, serverKey } from "../../build/modules/transaction/table.js";
import { timerTable } from "../../build/modules/transaction/timers.js";
import { SECRET, registerMessage, registrarOver, report, temporaryFolder } from "./stage.mjs";

const store = await NativeStore.open(temporaryFolder());
const registrar = registrarOver(store);
const CALLER = { address: "192.0.2.9", port: 5060, flow: "caller", answerFlow: "caller", fromCore: false };
const PHONE = { address: "127.0.0.1", port: 5060, flow: "edge", answerFlow: "edge", fromCore: true };
for (const [user, devices] of [["one", 1], ["three", 3]]) {
  for (let device = 1; device <= devices; device += 1) {
    const text = Buffer.from(registerMessage(user, device).octets).toString("latin1").replace("edge1.example.org", "127.0.0.1").replace("@192.0.2.7\r\n", `-${device}@192.0.2.7\r\n`).replace("-8000-", `-800${device}-`);
    const { status } = await registrar.handle(new SipMessage(Buffer.from(text, "latin1")), { address: "127.0.0.1", port: 5060, transport: "udp", isEdge: true, flowIsOutboundCapable: false, firstHop: false });
    if (status !== 200) throw new Error(`REGISTER ${status}`);
  }
}

let branches = 0;
let ended = () => undefined;
const outlet = {
  isReliable: () => true,
  isReliableFlow: () => true,
  // The phone behind the edge is busy; its response comes in a separate turn.
  send: (_hop, octets) => {
    const request = new SipMessage(octets);
    if (request.method === "INVITE") setImmediate(() => table.receive(new SipMessage(makeResponse(request, { spec: { status: 486, headers: [] }, toTag: "phone", stamp: { address: "127.0.0.1", port: 5060 } })), PHONE));
    return "edge";
  },
  answer: (_flow, octets, final) => final && ended(octets),
};
const port = { newBranch: () => `z9hG4bK-${(branches += 1)}`, flowToken: () => undefined, flowLives: () => true, coreListener: () => 0, reserve: () => 1, release: () => undefined };
const listeners = [{ transport: "udp", address: "127.0.0.1", port: 5070, sentBy: "127.0.0.1:5070", facing: "both", proxy: "never" }];
const table = new TransactionTable({ outlet, timers: timerTable(500, 32), port, most: 1_000_000, keepSeconds: 30, newTag: () => "tag" });
const gruus = new Gruus(SECRET);
const proxy = new HomeProxy({
  forwarder: new Forwarder({ table, port, listeners, records: new DnsRecords({}), timerC: 180_000, silence: 0, cancelPatience: 32_000 }),
  store,
  port,
  resolveDestination: (uri) => gruus.resolve(uri),
  authenticator: undefined,
  leadsHere: () => false,
  isOurs: () => true,
  upstream: () => undefined,
  failoverStatus: new Set([408, 430]),
  onFault: console.error,
});

let calls = 0;
function call(user, deferred) {
  calls += 1;
  const head = `INVITE sip:${user}@example.org SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKcall${calls}\r\nMax-Forwards: 70\r\nFrom: <sip:caller@elsewhere.example>;tag=${calls}\r\n`;
  const request = new SipMessage(Buffer.from(`${head}To: <sip:${user}@example.org>\r\nCall-ID: ${calls}@192.0.2.9\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@192.0.2.9>\r\nContent-Length: 0\r\n\r\n`, "latin1"));
  const key = serverKey(request, "INVITE", CALLER);
  ended = (octets) => {
    if (!octets.toString("latin1").startsWith("SIP/2.0 486")) throw new Error(octets.toString("latin1"));
    table.acknowledge(key);
    deferred.resolve();
  };
  proxy.handle(table.newServerTransaction(key, request, CALLER, Const.roomOpening), { request, sender: CALLER, loop: 0, ownRoutes: 0 }).catch(console.error);
}

await report([
  ["a call to one device", (deferred) => call("one", deferred), { defer: true }],
  ["a call to three devices at once", (deferred) => call("three", deferred), { defer: true }],
]);
await store.close();
