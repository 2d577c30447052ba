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
  const answer = parse<T>(text, url);
  if (status < 300) return answer;
  const exit = status === 404 ? Exit.notFound : status === 400 ? Exit.usage : Exit.failed;
  throw new CommandError(exit, answer.error ?? `HTTP status ${status}`);
}

function parse<T>(text: string, { host }: URL): T & { readonly error?: string } {
  try {
    return JSON.parse(text || "{}") as T & { readonly error?: string };
  } catch {
    throw new CommandError(Exit.failed, `${host} answers with no JSON: is an admin plane there?`);
  }
}

/**
 * One question of HTTP/1.0, whose answer ends with its connection. By hand, because loading node:http takes longer than the server needs to answer.
 * Ends the command when nobody answers.
 */
export async function send({ url, token }: AdminPlane, method: string, path: string, body?: object, patience = PATIENCE_MS): Promise<{ readonly status: number; readonly text: string }> {
  const to = new URL(path, url);
  if (to.protocol !== "http:") throw new CommandError(Exit.usage, `${url.origin}: expected http://, since the admin plane speaks no TLS itself`);
  if (token !== undefined && /[^\x20-\x7e]/.test(token)) throw new CommandError(Exit.badConfig, `${table.adminToken.name}: expected printable ASCII`);
  const text = body === undefined ? "" : JSON.stringify(body);
  const head = [`${method} ${to.pathname}${to.search} HTTP/1.0`, `Host: ${to.host}`, "Content-Type: application/json", `Content-Length: ${Buffer.byteLength(text)}`, ...(token === undefined ? [] : [`Authorization: Bearer ${token}`])];
  const { connect } = await import("node:net");
  const answer = await new Promise<string>((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect(Number(to.port || "80"), to.hostname.replace(/^\[(.*)\]$/, "$1"), () => socket.write(`${head.join("\r\n")}\r\n\r\n${text}`));
    socket.on("data", (part) => parts.push(part));
    socket.on("end", () => resolve(Buffer.concat(parts).toString()));
    socket.setTimeout(patience, () => socket.destroy(new Error("no answer in time")));
    socket.on("error", (error) => {
      const code = "code" in error ? String(error.code) : error.message;
      reject(new CommandError(Exit.notRunning, `nothing answers at ${url.host} (${code}): is sluice running? --admin names another address`));
    });
  });
  const end = answer.indexOf("\r\n\r\n");
  const rest = answer.slice(end + 4);
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
  const [, length = "0"] = /^content-length: *(\d+)/im.exec(answer.slice(0, end)) ?? [];
  if (status === undefined || end < 0 || Buffer.byteLength(rest) < Number(length)) throw new CommandError(Exit.failed, `${url.host} gives no whole answer of HTTP: is an admin plane there?`);
  return { status: Number(status), text: rest };
}
