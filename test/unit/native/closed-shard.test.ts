/** Calling a closed shard throws an Error: the admin plane over several turns, a request that waited for the store. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { readSettings } from "../../../src/config/read.js";
import type { Config } from "../../../src/config/config.js";
import { binding } from "../../../src/native/load.js";
import { Const, Counter } from "../../../src/native/layout.js";
import { shardConfigs } from "../../../src/shard/shard-config.js";

for (const started of [true, false]) {
  test(`each method of a closed shard throws, ${started ? "started" : "never started"}`, () => {
    const { settings } = readSettings({ SLUICE_MODE: "standalone", SLUICE_LISTEN: "udp:127.0.0.1:0", SLUICE_SHARDS: "1", SLUICE_AUTH: "off" });
    const configs = shardConfigs({ ...settings, flowKeys: [{ id: 1, key: randomBytes(32) }] } as Config);
    const records = new Int32Array(Const.batchSize * Const.recordFields);
    const verdicts = new Int32Array(Const.batchSize * Const.verdictFields);
    const [shard] = configs.map((one) => new binding.Shard(one, records, verdicts, new BigInt64Array(Object.keys(Counter).length)));
    if (shard === undefined) throw new Error("one shard is configured");
    if (started) expect(shard.start(() => undefined)).toBeUndefined();
    shard.close();
    // A transaction may outlive its shard, and then releases what is already gone.
    const quiet = ["constructor", "close", "start", "release"];
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(shard)).filter((name) => !quiet.includes(name));
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) {
      const method = (shard as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
      expect(() => method?.call(shard, {}, 1, 1, {}), name).toThrow("the shard is closed");
    }
    shard.close();
  });
}
