/** The thread of one shard: the native loop wakes it, the policy decides batch by batch. */
import { getSystemErrorName } from "node:util";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { messageOf, stackOf } from "../base/message-of.js";
import type { Login, LoginResult } from "../auth/authenticator.js";
import { decide } from "../edge/decide.js";
import { decideHome } from "../edge/decide-home.js";
import type { EdgeRules } from "../edge/decide-request.js";
import { failRow } from "../edge/verdicts.js";
import { Action, Const, Counter, VerdictField } from "../native/layout.js";
import type { BindingNewsRow } from "../native/inspect.js";
import { binding } from "../native/load.js";
import { networkOf } from "../observe/network.js";
import { LogRate } from "../observe/log-rate.js";
import { type Decide, decideBatch } from "./decide-batch.js";
import { StoreUnavailable } from "../location/store.js";
import { Drain } from "./drain.js";
import { BEAT_MS } from "./heartbeat.js";
import type { FromShard, ShardStart, ToShard } from "./messages.js";
import { answer } from "./questions.js";
import type { Waiting } from "./shard-thread.js";

const BATCHES_PER_WAKE = 8;
const MAX_BINDING_NEWS = 8_192;
const TAP_INTERVAL_MS = 50;
const LOGIN_COUNTERS: Readonly<Record<LoginResult, number>> = {
  accepted: Counter.loginsAccepted,
  password: Counter.loginsPassword,
  identity: Counter.loginsIdentity,
  replay: Counter.loginsReplay,
  limited: Counter.loginsLimited,
};

const port = parentPort;
if (port === null) throw new Error("this file is the entry of a worker thread");
const start = "gate" in workerData ? await turn(workerData as Waiting) : (workerData as ShardStart);

const records = new Int32Array(Const.batchSize * Const.recordFields);
const verdicts = new Int32Array(Const.batchSize * Const.verdictFields);
const counters = new BigInt64Array(start.counters);
const beats = new Int32Array(start.beats);
let ending = false;
let rules: EdgeRules = { outbound: start.outbound, flowTimer: start.config.flowTimer, draining: false, isReplaced: false, home: start.home !== undefined };
const shard = new binding.Shard(start.config, records, verdicts, counters);
const say = (message: FromShard): void => port.postMessage(message);
// What an edge without hooks never needs is loaded only where it is used: the registrar and its stores cost each thread a quarter of a second.
const onPolicyFault = (message: string): void => say({ kind: "fault", message });
const stage = start.policy === undefined || start.home !== undefined ? undefined : await (await import("../edge/policy/stage.js")).loadPolicyStage(start.policy, shard, start.config, onPolicyFault);
const urgency = start.policy === undefined || start.home === undefined ? undefined : await (await import("../edge/policy/urgent-stage.js")).loadUrgentStage(start.policy, shard, start.config, onPolicyFault);
// A store that is away fails every request.
const faults = new LogRate();
const logins = new LogRate({ perSecond: 1 });
/** Of a Redis, until they are told with the next alerts. */
const bindingNews: BindingNewsRow[] = [];
const fault = (error: unknown): void => {
  if (error instanceof StoreUnavailable && error.isKnown) return;
  if (faults.allows("fault")) say({ kind: "fault", message: stackOf(error) });
};
const home = start.home && (await (await import("./assemble-home.js")).openHome(shard, start.config, start.home, {
  onFault: fault,
  onLogin,
  onStore: (isUp, reason) => say({ kind: "store", isUp, reason }),
  onBinding: (news) => {
    if (bindingNews.length < MAX_BINDING_NEWS) bindingNews.push(news);
    else add(Counter.newsLost);
  },
  onUnread: (rows) => add(Counter.rowsUnreadable, rows),
  onRetransmission: () => add(Counter.absorbed),
}));

/** A thread that was started ahead waits here until it knows which shard it is. */
async function turn({ gate, isHome }: Waiting): Promise<ShardStart> {
  if (isHome) await import("./assemble-home.js");
  port?.postMessage({ kind: "warm" });
  Atomics.wait(gate, 0, 0);
  return (port === null ? undefined : receiveMessageOnPort(port))?.message as ShardStart;
}

function setRules(changed: Partial<EdgeRules>): void {
  rules = { ...rules, ...changed };
  shard.forgetVerdicts();
}

function add(which: number, count = 1): void {
  counters[which] = (counters[which] ?? 0n) + BigInt(count);
}

/** Every login is counted, but only a few failures are logged, or guessing would fill the disk. */
function onLogin(login: Login): void {
  add(LOGIN_COUNTERS[login.result]);
  if (login.result !== "accepted" && logins.allows(networkOf(login.source))) say({ kind: "login", login });
}

const decideRows: Decide = home !== undefined ? (urgency?.decide.bind(urgency) ?? decideHome) : stage === undefined ? decide : stage.decide.bind(stage);

/** What numbers cannot decide goes to the object path. A failure with one message is answered 500 and affects no other of the batch. */
function takeObjects(count: number): void {
  for (let item = 0; item < count; item += 1) {
    const out = item * Const.verdictFields;
    if (verdicts[out + VerdictField.action] !== Action.object) continue;
    try {
      home?.path.receive(item, records, verdicts);
    } catch (error) {
      fault(error);
      failRow(records, item * Const.recordFields, verdicts, out);
    }
  }
}

function onBatch(count: number): void {
  // Messages that come while the shard ends are dropped unread.
  if (ending) return shard.finish();
  if (home === undefined) return relayBatches(count);
  takeObjects(count);
  shard.finish();
  const events = shard.takeEvents();
  if (events !== undefined) home.path.onFlowEvents(events);
}

function relayBatches(first: number): void {
  let count = first;
  for (let batch = 1; count > 0; batch += 1) {
    decideSafely(count);
    if (batch === BATCHES_PER_WAKE) return shard.finish();
    count = shard.next();
  }
}

/** Returns how many messages are left to the object path. */
function decideSafely(count: number): number {
  if (ending) return 0;
  decideBatch(decideRows, records, verdicts, count, rules, fault);
  return home?.path.settle(count, records, verdicts) ?? 0;
}

function relayed(): bigint {
  return counters[Counter.requestsRelayed]! + counters[Counter.responsesRelayed]!;
}

let draining: Drain | undefined;

function drain(seconds: number, rate: number): void {
  setRules({ draining: true });
  shard.stopAccepting();
  draining = new Drain(seconds, rate, {
    shard,
    isBusy: () => (home?.path.open ?? 0) > 0,
    relayed,
    onLeave: () => home?.path.leave(true),
    onDone: () => say({ kind: "drained" }),
  });
}

function stay(): void {
  draining?.stop();
  draining = undefined;
  setRules({ draining: false });
  home?.path.leave(false);
  shard.startAccepting();
}

let tapping: NodeJS.Timeout | undefined;

function sendTapped(): void {
  const octets = shard.tapped();
  if (octets !== undefined) say({ kind: "tapped", octets });
}

function tap(filters: Extract<ToShard, { kind: "tap" }>["filters"]): void {
  sendTapped();
  shard.setTap(filters);
  clearInterval(tapping);
  tapping = filters.length > 0 ? setInterval(sendTapped, TAP_INTERVAL_MS) : undefined;
}

port.on("message", (message: ToShard) => {
  switch (message.kind) {
    case "upstreams":
      shard.setUpstreams(message.targets);
      shard.setTrusted(message.trusted);
      stage?.setUpstreams(message.targets);
      home?.setUpstreams(message.targets);
      break;
    case "tls":
      shard.useTls();
      break;
    case "keys":
      shard.setKeys(message.keys);
      break;
    case "rules":
      shard.setLimits(message.limits, message.flowTimer);
      setRules({ flowTimer: message.flowTimer, outbound: message.outbound });
      break;
    case "names":
      shard.setNames(message.names.names, message.names.realms, message.names.wsOrigins, message.names.wsPaths);
      break;
    case "home":
      home?.configure(message.settings).catch((error: unknown) => say({ kind: "fault", message: stackOf(error) }));
      break;
    case "bans":
      shard.setBans(message.nets);
      break;
    case "tap":
      tap(message.filters);
      break;
    case "ask":
      // Whoever is still here registers elsewhere, that is with the process that took over.
      if (message.question.kind === "release") setRules({ draining: true, isReplaced: true });
      void answer(shard, home, message.question).then(
        (given) => say({ kind: "answer", id: message.id, answer: given }),
        (error: unknown) => say({ kind: "no-answer", id: message.id, reason: messageOf(error) }),
      );
      break;
    case "drain":
      drain(message.seconds, message.rates[start.config.shard] ?? 0);
      break;
    case "pause":
      draining?.pause(message.isPaused);
      break;
    case "stay":
      stay();
      break;
    case "go":
      go(message.channel, message.revives);
      break;
    case "close":
      void close();
      break;
  }
});

function go(channel: number | undefined, revives: boolean): void {
  // Numbers ask nothing of the event loop; hooks may. What the edge decides depends on nothing but the record and the rules.
  const errno = shard.start(onBatch, home !== undefined || stage === undefined ? decideSafely : undefined, decideRows === decide);
  if (errno !== undefined) return say({ kind: "failed", why: `its sockets cannot be watched: ${getSystemErrorName(-errno)}` });
  const revived = revives ? shard.revive() : undefined;
  const unkept = channel === undefined && !revives ? shard.keepFlows() : undefined;
  if (unkept !== undefined) fault(`flows of shard ${start.config.shard} would not outlive a crash: ${unkept}`);
  const taken = channel === undefined ? { since: 0, steps: {}, cpu: {}, objects: "" } : shard.takeOver(channel);
  if (typeof taken === "string") return say({ kind: "failed", why: taken });
  try {
    if (taken.objects !== "") home?.path.takeOver(taken.objects);
  } catch (error) {
    // The callers of those requests try again.
    fault(error);
  }
  // One timer for both: each wakes an idle shard.
  setInterval(() => {
    Atomics.add(beats, 0, 1);
    const alerts = shard.alerts();
    if (alerts.length > 0) say({ kind: "alerts", alerts });
    const news = shard.news();
    if (news.length > 0 || bindingNews.length > 0) say({ kind: "news", news, bindings: bindingNews.splice(0) });
  }, BEAT_MS);
  say({ kind: "up", began: { since: taken.since, steps: taken.steps, cpu: taken.cpu, ...(revived && { revived }) } });
}

/** Waits for the store's writes; then the thread ends, whatever timers are left. */
async function close(): Promise<void> {
  ending = true;
  await home?.close().catch(() => undefined);
  shard.close();
  process.exit();
}

shard.useTls();
if (stage?.hasUpgradeHook === true) shard.setUpgradeHook((head, address, port, listener) => stage.upgrade(head, { address, port, listener }));
say({ kind: "ready" });
