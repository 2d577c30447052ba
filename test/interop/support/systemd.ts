/** A real systemd as process 1 of its own namespaces, with the units of deploy/systemd. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type TestContext, expect, onTestFinished } from "vitest";
import { childrenOf } from "../../support/processes.js";
import { type Phone, phoneIn } from "./pinging-phone.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const UNITS = join(ROOT, "deploy/systemd");
const BOOT = join(ROOT, "test/interop/systemd/boot.sh");

export interface Unit {
  readonly MainPID: number;
  readonly ActiveState: string;
  readonly NRestarts: number;
  readonly Result: string;
}

/** Leaves a test out, CI=true or not, where this process may not do what boot.sh does. The end of the run repeats the reason. */
export function needNamespaces({ skip }: TestContext): void {
  const tried = "mount --make-rprivate / && mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /opt";
  const { status, stderr } = spawnSync("unshare", ["--cgroup", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "sh", "-c", tried], { encoding: "utf8" });
  if (status !== 0) skip(`no right to namespaces and mounts (${stderr?.trim().split("\n").at(-1) ?? "no unshare"}): run as root, and in a container started with --privileged`);
}

export class Systemd {
  readonly #process: ChildProcess;
  readonly #folder: string;
  #console = "";

  private constructor(folder: string) {
    this.#folder = folder;
    this.#process = spawn("bash", [BOOT, ROOT, folder], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (this.#console += text));
  }

  /** With the unit and these drop-ins of it. Its configuration is that of a standalone server on port 5060. */
  static async boot(...dropIns: readonly string[]): Promise<Systemd> {
    const folder = mkdtempSync(join(tmpdir(), "sluice-systemd-"));
    for (const name of ["units/sluice.service.d", "sluice", "written"]) mkdirSync(join(folder, name), { recursive: true });
    cpSync(join(UNITS, "sluice.service"), join(folder, "units/sluice.service"));
    for (const name of dropIns) cpSync(join(UNITS, name), join(folder, "units/sluice.service.d", name));
    for (const file of readdirSync(join(folder, "units"), { recursive: true, encoding: "utf8" }).filter((name) => /\.(?:service|conf)$/.test(name))) {
      const path = join(folder, "units", file);
      writeFileSync(path, readFileSync(path, "utf8").replaceAll("/usr/bin/node", process.execPath));
    }
    writeFileSync(join(folder, "sluice/sluice.env"), "SLUICE_MODE=standalone\nSLUICE_LISTEN=udp:127.0.0.1:5060,tcp:127.0.0.1:5060\nSLUICE_ADMIN_LISTEN=127.0.0.1:5080\nSLUICE_AUTH=off\nSLUICE_DRAIN_SECONDS=1\n", { mode: 0o644 });
    const booted = new Systemd(folder);
    onTestFinished(() => booted.#end());
    await expect.poll(() => booted.run("systemctl", "is-active", "basic.target").out, { timeout: 30_000, message: "it does not boot" }).toBe("active\n");
    return booted;
  }

  /** Runs a command beside process 1, in all its namespaces. */
  run(...command: readonly string[]): { readonly status: number | null; readonly out: string } {
    const { status, stdout, stderr } = spawnSync("nsenter", ["-t", String(this.#pid()), "-m", "-p", "-n", "-u", "-i", "-C", "--", ...command], { encoding: "utf8" });
    return { status, out: stdout + stderr };
  }

  /** Throws what the service and systemd said if that fails. */
  systemctl(...words: readonly string[]): void {
    const { status, out } = this.run("systemctl", ...words);
    if (status !== 0) throw new Error(`systemctl ${words.join(" ")}: ${out}${this.#console}\n${this.journal()}`);
  }

  get unit(): Unit {
    const { out } = this.run("systemctl", "show", "sluice", "-p", "MainPID,ActiveState,NRestarts,Result");
    const field = (name: keyof Unit): string => new RegExp(`^${name}=(.*)$`, "m").exec(out)?.[1] ?? "";
    return { MainPID: Number(field("MainPID")), ActiveState: field("ActiveState"), NRestarts: Number(field("NRestarts")), Result: field("Result") };
  }

  /** Of the service, as in its namespace. */
  childrenOf(pid: number): readonly number[] {
    return this.run("cat", `/proc/${pid}/task/${pid}/children`).out.split(" ").filter((word) => /^\d+$/.test(word)).map(Number);
  }

  journal(): string {
    return this.run("journalctl", "-u", "sluice", "-o", "cat").out;
  }

  configure(line: string): void {
    this.run("sh", "-c", `echo '${line}' >> /etc/sluice/sluice.env`);
  }

  phone(): Promise<Phone> {
    return phoneIn(this.#pid());
  }

  /** Of process 1, seen from here. */
  #pid(): number {
    return childrenOf(this.#process.pid ?? 0)[0] ?? 0;
  }

  async #end(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.on("close", resolve));
    if (this.#process.exitCode === null) {
      this.#process.kill("SIGKILL");
      await ended;
    }
    // The last of its processes end after it.
    const group = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map((base) => join(base, `sluice-test-${this.#process.pid}`)).find((path) => existsSync(path));
    if (group !== undefined) await expect.poll(() => spawnSync("find", [group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]) && existsSync(group)).toBe(false);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
