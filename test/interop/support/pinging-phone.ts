/** A phone beside a server in a network of its own, which shows whether its connection stays. */
import { spawn } from "node:child_process";
import { expect, onTestFinished } from "vitest";

/** Pings its server every 100 ms over one connection; at SIGTERM it says what has become of it. */
const PHONE = `
const socket = require("node:net").connect(5060, "127.0.0.1");
const said = { sent: 0, pongs: 0, closed: false, longestMs: 0 };
let last = Date.now();
socket.once("data", () => process.stdout.write("up\\n"));
socket.on("data", (pong) => {
  said.pongs += pong.length / 2;
  said.longestMs = Math.max(said.longestMs, Date.now() - last);
  last = Date.now();
});
socket.on("close", () => (said.closed = true)).on("error", () => undefined);
setInterval(() => socket.write("\\r\\n\\r\\n") && said.sent++, 100);
process.on("SIGTERM", () => process.stdout.write(JSON.stringify(said), () => process.exit()));
`;

export interface Phone {
  /** Ends it. */
  end(): Promise<{ readonly sent: number; readonly pongs: number; readonly closed: boolean; readonly longestMs: number }>;
}

/** In the network of that process, connected to port 5060, and answered once. */
export async function phoneIn(pid: number): Promise<Phone> {
  const child = spawn("nsenter", ["-t", String(pid), "-n", process.execPath, "-e", PHONE], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  const ended = new Promise((resolve) => child.on("close", resolve));
  onTestFinished(() => void child.kill());
  await expect.poll(() => out).toBe("up\n");
  return {
    end: async () => {
      child.kill();
      await ended;
      return JSON.parse(out.slice("up".length)) as Awaited<ReturnType<Phone["end"]>>;
    },
  };
}
