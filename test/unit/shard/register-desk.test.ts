/** Which REGISTERs of a batch numbers decide, and that none overtakes another of its address. */
import { expect, test } from "vitest";
import type { Location } from "../../../src/native/location-handle.js";
import { Action, Const, LoginState, Method, RecordField, RegisterField, RegisterState, VerdictField } from "../../../src/native/layout.js";
import { RegisterDesk } from "../../../src/shard/register-desk.js";
import { OPTIONS } from "../../support/registrar-stage.js";

/** A desk over rows that stand for what C++ has read: `[who, state]` for each REGISTER of the next batch. */
function opened(): { desk: RegisterDesk; decide: (batch: readonly (readonly [number, number])[]) => boolean[] } {
  let rows: Int32Array = new Int32Array(0);
  const shard = {
    serveRegisters: (_table: Location, given: Int32Array) => void (rows = given),
    shareRegisters: () => undefined,
    setStoreClock: () => undefined,
    answerRegisters: () => undefined,
    setRegisters: () => undefined,
    offerLogins: () => undefined,
    checkLogin: () => LoginState.left,
    loginOf: () => undefined,
    learnHa1: () => undefined,
    forgetHa1s: () => undefined,
  };
  const desk = new RegisterDesk({ shard, bindings: {} as Location, gruuKey: new Uint8Array(32), servesOutbound: true });
  desk.configure(OPTIONS, 30);
  const decide = (batch: readonly (readonly [number, number])[]): boolean[] => {
    const records = new Int32Array(Const.batchSize * Const.recordFields);
    const verdicts = new Int32Array(Const.batchSize * Const.verdictFields);
    rows.fill(0);
    desk.startBatch();
    return batch.map(([who, state], item) => {
      records[item * Const.recordFields + RecordField.method] = Method.register;
      rows[item * Const.registerFields + RegisterField.who] = who;
      rows[item * Const.registerFields + RegisterField.state] = state;
      rows[item * Const.registerFields + RegisterField.asked] = 600;
      const isTaken = desk.takes(item, records, verdicts);
      expect(verdicts[item * Const.verdictFields + VerdictField.action] === Action.register).toBe(isTaken);
      return isTaken;
    });
  };
  return { desk, decide };
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
