/** How commands reach a running process: through its admin plane. */
import { showHostPort } from "../config/host-port.js";
import { Unexpected } from "../config/kind.js";
import { textOf } from "../config/read.js";
import { table } from "../config/table.js";
import { CommandError, Exit } from "./command.js";
import { type Place, findPlace } from "./place.js";

const PATIENCE_MS = 15_000;

export interface AdminPlane {
  readonly url: URL;
  readonly token: string | undefined;
}

/** `--admin`, or the admin plane of the server that the shell's configuration names or that runs here; a wildcard address is reached over loopback. */
export function adminPlaneOf(given: string | undefined, place?: Place): AdminPlane {
  try {
    const { environment, running, says } = place ?? findPlace();
    const token = textOf(table.adminToken, environment);
    if (given !== undefined) return { url: new URL(given.includes("://") ? given : `http://${given}`), token };
    // The running process knows best: the kernel may have chosen its port, or the file may have changed since.
    const listen = table.adminListen.kind.parse(running?.admin === undefined ? (textOf(table.adminListen, environment) ?? "") : running.admin.replace(/^http:\/\/|\/$/g, ""));
    if (listen === "off") throw new CommandError(Exit.usage, `SLUICE_ADMIN_LISTEN is off in ${says}: there is nobody to ask`);
    const host = listen.host === "0.0.0.0" ? "127.0.0.1" : listen.host === "::" ? "::1" : listen.host;
    return { url: new URL(`http://${showHostPort(host, listen.port)}`), token };
  } catch (error) {
    if (error instanceof Unexpected) throw new CommandError(Exit.badConfig, `expected ${error.message}`);
    if (error instanceof TypeError) throw new CommandError(Exit.usage, `--admin: expected ADDRESS:PORT, not ${String(given)}`);
    throw error;
  }
}

/** The JSON answer; ends the command when the process is not running or refuses. */
export async function ask<T>({ url, token }: AdminPlane, method: string, path: string, body?: object, patience = PATIENCE_MS): Promise<T> {
  const { status, text } = await send({ url, token }, method, path, body, patience);
  const answer = JSON.parse(text || "{}") as T & { readonly error?: string };
  if (status < 300) return answer;
  const exit = status === 404 ? Exit.notFound : status === 400 ? Exit.usage : Exit.failed;
  throw new CommandError(exit, answer.error ?? `HTTP status ${status}`);
}

export async function send({ url, token }: AdminPlane, method: string, path: string, body?: object, patience = PATIENCE_MS): Promise<{ readonly status: number; readonly text: string }> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    // Without it Node sends the body of a DELETE unframed, and the server takes it for another request.
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const asked = request(new URL(path, url), { method, headers, timeout: patience, agent: false }, (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (answer += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: answer }));
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer in time")));
    asked.on("error", (error) => {
      const code = "code" in error ? String(error.code) : error.message;
      reject(new CommandError(Exit.notRunning, `nothing answers at ${url.host} (${code}): is sluice running? --admin names another address`));
    });
    asked.end(text);
  });
}
