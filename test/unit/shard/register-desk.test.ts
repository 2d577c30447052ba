/** Which REGISTERs of a batch numbers decide, and that none overtakes another of its address. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Authenticator } from "../../../src/auth/authenticator.js";
import type { Location } from "../../../src/native/location-handle.js";
import { Action, Const, LoginState, Method, RecordField, RegisterField, RegisterFlag, RegisterGrant, RegisterState, VerdictField } from "../../../src/native/layout.js";
import { RegisterDesk } from "../../../src/shard/register-desk.js";
import { OPTIONS } from "../../support/registrar-stage.js";

/** A desk over rows that stand for what C++ has read: `[who, state, flags]` for each REGISTER of the next batch. `checked`: whose credentials it had checked, `granted`: by its last batch. */
function opened(): {
  desk: RegisterDesk;
  decide: (batch: readonly (readonly [who: number, state: number, flags?: number])[]) => boolean[];
  learnt: readonly string[];
  checked: readonly number[];
  granted: readonly number[];
} {
  let rows: Int32Array = new Int32Array(0);
  const checked: number[] = [];
  const granted: number[] = [];
  const learnt: string[] = [];
  const shard = {
    serveRegisters: (_table: Location, given: Int32Array) => void (rows = given),
    shareRegisters: () => undefined,
    setStoreClock: () => undefined,
    answerRegisters: () => undefined,
    setRegisters: () => undefined,
    offerLogins: () => undefined,
    checkLogin: (item: number) => (checked.push(item), LoginState.left),
    loginOf: () => undefined,
    learnHa1s: (lines: string) => void learnt.push(lines),
    startHa1s: (count: number) => (learnt.splice(0), count < 1_000),
    wipeHa1s: () => false,
  };
  const desk = new RegisterDesk({ shard, bindings: {} as Location, gruuKey: new Uint8Array(32), servesOutbound: true });
  desk.configure(OPTIONS, 30);
  const decide = (batch: readonly (readonly [who: number, state: number, flags?: number])[]): boolean[] => {
    const records = new Int32Array(Const.batchSize * Const.recordFields);
    const verdicts = new Int32Array(Const.batchSize * Const.verdictFields);
    rows.fill(0);
    desk.startBatch();
    granted.length = 0;
    return batch.map(([who, state, flags = 0], item) => {
      records[item * Const.recordFields + RecordField.method] = Method.register;
      rows[item * Const.registerFields + RegisterField.who] = who;
      rows[item * Const.registerFields + RegisterField.state] = state;
      rows[item * Const.registerFields + RegisterField.asked] = 600;
      rows[item * Const.registerFields + RegisterField.flags] = flags;
      const isTaken = desk.takes(item, records, verdicts);
      expect(verdicts[item * Const.verdictFields + VerdictField.action] === Action.register).toBe(isTaken);
      granted.push(verdicts[item * Const.verdictFields + VerdictField.edits] ?? 0);
      return isTaken;
    });
  };
  return { desk, decide, learnt, checked, granted };
}

const { open, unread, refused } = RegisterState;

test("REG-15 a REGISTER by numbers does not overtake one of its address that the object path takes, in the same batch or while that one is in work", () => {
  const { desk, decide } = opened();
  expect(decide([[7, open], [7, unread], [7, open], [8, open], [0, unread], [8, open]])).toEqual([true, false, false, true, false, true]);
  desk.hold(7);
  expect(decide([[7, open], [8, open]])).toEqual([false, true]);
  desk.hold(7);
  desk.release(7);
  expect(decide([[7, open]])).toEqual([false]);
  desk.release(7);
  expect(decide([[7, open], [8, open]])).toEqual([true, true]);
});

test("TX-8 a REGISTER that was refused is left to C++ again, and overtakes nobody", () => {
  const { desk, decide } = opened();
  desk.hold(7);
  expect(decide([[7, refused], [7, open]])).toEqual([true, false]);
});

test("a closed desk decides nothing, until a reload opens it again", () => {
  const { desk, decide } = opened();
  desk.configure(OPTIONS, 30, false);
  expect(decide([[7, open]])).toEqual([false]);
  desk.configure(OPTIONS, 30, true);
  expect(decide([[7, open]])).toEqual([true]);
});

function authenticatorOf(count: number, slices: Iterable<string>): Authenticator {
  return { revision: 1, nonceMs: 1_000, offered: ["MD5"], ha1s: { count, slices } } as unknown as Authenticator;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await nextTurn();
}

test("AU-1 a REGISTER without credentials is challenged without another look at it, one with some is checked, and the store is asked about its users once a batch", () => {
  const { desk, decide, checked, granted } = opened();
  let looks = 0;
  let revision: number | undefined = 1;
  const authenticator = {
    get revision() {
      looks += 1;
      return revision;
    },
    nonceMs: 1_000,
    offered: ["MD5"],
  } as unknown as Authenticator;
  desk.configure({ ...OPTIONS, authenticator }, 30);
  looks = 0;
  expect(decide([[7, open], [8, open, RegisterFlag.credentials], [9, open], [10, RegisterState.answered]])).toEqual([true, false, true, true]);
  expect(checked).toEqual([1]);
  expect(granted).toEqual([RegisterGrant.challenge, 0, RegisterGrant.challenge, 0]);
  expect(looks).toBe(1);
  // Who the users are is not known now.
  revision = undefined;
  expect(decide([[7, open], [8, open, RegisterFlag.credentials]])).toEqual([false, false]);
  expect(checked).toEqual([1]);
});

test("C++ gets to know all users of a file, a slice in each turn, and none of those who have been replaced meanwhile", async () => {
  const { desk, learnt } = opened();
  desk.configure({ ...OPTIONS, authenticator: authenticatorOf(3, ["a", "b", "c"]) }, 30);
  expect(learnt).toEqual([]);
  await turns(2);
  expect(learnt.length).toBeLessThan(3);
  desk.configure({ ...OPTIONS, authenticator: authenticatorOf(2, ["d", "e"]) }, 30);
  await turns(6);
  expect(learnt).toEqual(["d", "e"]);
  desk.configure(OPTIONS, 30, false);
  await turns(2);
  expect(learnt).toEqual([]);
});

test("users for whom there is no room are left until they log in, and nothing is learnt once the shard is closed", async () => {
  const { desk, learnt } = opened();
  desk.configure({ ...OPTIONS, authenticator: authenticatorOf(1_000, ["a"]) }, 30);
  await turns(3);
  expect(learnt).toEqual([]);
  desk.configure({ ...OPTIONS, authenticator: authenticatorOf(2, ["b"]) }, 30);
  desk.close();
  await turns(3);
  expect(learnt).toEqual([]);
});

test("AU-9 no name of a user and no HA1 in a store says anything about another user", () => {
  const { desk, learnt } = opened();
  desk.configure({ ...OPTIONS, authenticator: { revision: 1, nonceMs: 1_000, offered: ["MD5"] } as unknown as Authenticator }, 30);
  const ha1 = "0".repeat(32), ofBob = `bob\nexample.com\n${ha1}\n`;
  desk.forget(`x\nexample.com\n\n${ofBob}y`, "example.com");
  desk.forget("y", `example.com\n\n${ofBob}`);
  desk.learn(ofBob, "example.com", ha1, Infinity);
  desk.learn("x", "example.com", `${ha1}\n${ofBob}`, Infinity);
  // As octets it has the same ends of lines.
  desk.learn("x", "example.com", `${ha1}\n${ofBob}`.replaceAll("\n", "\u010a"), Infinity);
  expect(learnt.join("")).toBe("");
  desk.learn("x", "example.com", ha1, Infinity);
  desk.forget("x", "example.com");
  expect(learnt.filter((lines) => lines !== "")).toEqual([`x\nexample.com\n${ha1}\n`, "x\nexample.com\n\n"]);
});
