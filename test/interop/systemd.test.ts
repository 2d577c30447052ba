/**
 * deploy/systemd under a real systemd, as process 1: the unit with all that it forbids, upgrades by `systemctl reload`, crashes, the keeper. A phone
 * stays connected all the time.
 *
 * Needs: systemd, and the right to namespaces and mounts (root outside a container, or a container that may do that)
 */
import { expect } from "vitest";
import { testWith } from "../support/test-with.js";
import { Systemd, needNamespaces } from "./support/systemd.js";

const test = testWith("systemctl");

test("SA-8 systemd starts the unit, its reload upgrades without losing a connection, a bad configuration leaves all as it was, a crash is a restart", async (context) => {
  needNamespaces(context);
  const systemd = await Systemd.boot("upgrade-on-reload.conf");
  systemd.systemctl("start", "sluice");
  const first = systemd.unit.MainPID;
  const phone = await systemd.phone();
  systemd.run("ln", "-sfn", "b", "/opt/sluice");
  systemd.systemctl("reload", "sluice");
  await expect.poll(() => systemd.unit.MainPID).not.toBe(first);
  const second = systemd.unit;
  expect(second).toMatchObject({ ActiveState: "active", NRestarts: 0 });
  expect(systemd.run("readlink", `/proc/${second.MainPID}/exe`).out.trim()).toBe(process.execPath);
  systemd.configure("SLUICE_SHARDS=x");
  expect(systemd.run("systemctl", "reload", "sluice").status).not.toBe(0);
  expect(systemd.unit).toMatchObject({ MainPID: second.MainPID, ActiveState: "active", NRestarts: 0 });
  expect(systemd.journal()).toContain("this process goes on as before");
  systemd.configure("SLUICE_SHARDS=");
  const { sent, pongs, closed } = await phone.end();
  expect(closed).toBe(false);
  expect(pongs).toBeGreaterThan(sent - 3);
  systemd.systemctl("kill", "-s", "KILL", "--kill-whom=main", "sluice");
  await expect.poll(() => systemd.unit, { timeout: 20_000 }).toMatchObject({ ActiveState: "active", NRestarts: 1 });
  systemd.systemctl("stop", "sluice");
  expect(systemd.unit).toMatchObject({ MainPID: 0, ActiveState: "inactive", Result: "success" });
});

test("SA-8 under systemd the keeper is the main process: the server is killed, upgraded and killed again, and connections stay", async (context) => {
  needNamespaces(context);
  const systemd = await Systemd.boot("upgrade-on-reload.conf", "keeper.conf");
  systemd.systemctl("start", "sluice");
  const { MainPID: keeper } = systemd.unit;
  const phone = await systemd.phone();
  const server = async (before: readonly number[]): Promise<readonly number[]> => {
    await expect.poll(() => systemd.childrenOf(keeper), { timeout: 20_000 }).toEqual([expect.not.toSatisfy((pid: number) => before.includes(pid))]);
    return systemd.childrenOf(keeper);
  };
  const crash = async (pid: number, crashes: number): Promise<void> => {
    systemd.run("kill", "-9", String(pid));
    await expect.poll(() => systemd.journal(), { timeout: 20_000 }).toMatch(new RegExp(`"crashes":${crashes},"kept":1,"lost":0`));
  };
  const [first = 0] = await server([]);
  await crash(first, 1);
  const [second = 0] = await server([first]);
  systemd.systemctl("reload", "sluice");
  const [third = 0] = await server([first, second]);
  await crash(third, 2);
  const { closed, pongs, sent } = await phone.end();
  expect(closed).toBe(false);
  expect(pongs).toBeGreaterThan(sent / 2);
  expect(systemd.unit).toMatchObject({ MainPID: keeper, ActiveState: "active", NRestarts: 0 });
  systemd.systemctl("stop", "sluice");
  expect(systemd.unit).toMatchObject({ MainPID: 0, ActiveState: "inactive", Result: "success" });
});
