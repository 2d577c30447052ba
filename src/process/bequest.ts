/** What a process leaves to the one that replaces it: who it is, and its sockets, over a channel that only the two of them have. */
import { closeSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import type { UpgradeCounts } from "../admin/running.js";
import type { Config } from "../config/config.js";
import { table } from "../config/table.js";
import { binding } from "../native/load.js";
import type { Identity, OpenSockets } from "../shard/shard-config.js";
import type { TicketKey } from "../tls/certificates.js";

/** The descriptor of the channel in a process that was started to replace another one. */
export const CHANNEL = 4;

export interface Bequest extends Identity, OpenSockets {
  readonly pid: number;
  readonly mode: Config["mode"];
  readonly stateDir: string;
  readonly location: string;
  /** The descriptor that locks the embedded location store, if there is one. */
  readonly lock: number | undefined;
  /** Whether somebody who stays sees to it that the first process seems to live on (`standIn`). */
  readonly isStoodFor: boolean;
  readonly upgrades: UpgradeCounts;
  /** So that sessions of before resume: whose connection cannot move comes back. Undefined: no TLS, or an earlier version. */
  readonly tickets: TicketKey | undefined;
  /** URL and listening socket of the admin plane. */
  readonly admin: { readonly url: string; readonly socket: number } | undefined;
  /** For the flows of each shard. */
  readonly channels: readonly number[];
}

interface Will extends Omit<Bequest, "tableKey" | "seed" | "sockets" | "admin" | "channels" | "lock"> {
  readonly tableKey: string;
  readonly seed: string;
  readonly adminUrl: string | undefined;
  readonly hasLock: boolean;
  readonly shards: number;
  /** By which a process of another version knows whether it understands the rest. */
  readonly format: number;
}

const FORMAT = 1;

/** A message: a text, and descriptors, which stay open here too. */
export interface Part {
  readonly text: string;
  readonly descriptors: readonly number[];
}

/** Throws one line. The descriptors stay open here too. */
export function leave(channel: number, bequest: Bequest): void {
  for (const part of partsOf(bequest)) send(channel, part);
}

export function partsOf({ tableKey, seed, sockets, admin, channels, lock, ...rest }: Bequest): readonly Part[] {
  const will: Will = { ...rest, tableKey: base64(tableKey), seed: base64(seed), adminUrl: admin?.url, hasLock: lock !== undefined, shards: sockets.length, format: FORMAT };
  return [
    { text: JSON.stringify(will), descriptors: [...(admin === undefined ? [] : [admin.socket]), ...(lock === undefined ? [] : [lock])] },
    ...sockets.map((own, shard) => ({ text: `shard ${shard}`, descriptors: [...own, ...channels.slice(shard, shard + 1)] })),
  ];
}

/** Throws one line. */
export function inherit(channel: number): Bequest {
  const bequest = read(() => receive(channel), true);
  closeSync(channel);
  return bequest;
}

/** The same from parts that are here already, without channels. Throws one line. */
export function readParts(parts: readonly Part[]): Bequest {
  const left = [...parts];
  return read(() => left.shift() ?? { text: "{}", descriptors: [] }, false);
}

function read(next: () => Part, hasChannels: boolean): Bequest {
  const { text, descriptors } = next();
  const { format, tableKey, seed, adminUrl, hasLock, shards, ...rest } = JSON.parse(text) as Will;
  if (format !== FORMAT) throw new Error(`the process that is to be replaced speaks format ${format}, this version ${FORMAT}: drain it instead`);
  const sockets: (readonly number[])[] = [];
  const channels: number[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    const own = next().descriptors;
    sockets.push(hasChannels ? own.slice(0, -1) : own);
    if (hasChannels) channels.push(own.at(-1) ?? -1);
  }
  const socket = adminUrl === undefined ? undefined : descriptors[0];
  const lock = hasLock ? descriptors.at(-1) : undefined;
  const admin = adminUrl === undefined || socket === undefined ? undefined : { url: adminUrl, socket };
  return { ...rest, tableKey: Buffer.from(tableKey, "base64"), seed: Buffer.from(seed, "base64"), sockets, channels, admin, lock };
}

/** Throws one line if this process cannot replace that one because its settings are too different. */
export function checkHeir({ mode, stateDir, location }: Config, bequest: Bequest): void {
  if (mode !== bequest.mode) throw new Error(`${table.mode.name}: expected ${bequest.mode} as before, not ${mode}; another mode takes a restart`);
  if (stateDir !== bequest.stateDir) throw new Error(`${table.stateDir.name}: expected ${bequest.stateDir} as before, not ${stateDir}; another folder takes a restart`);
  // Not the URL itself, which may hold a password.
  if (mode !== "edge" && location !== bequest.location) throw new Error(`${table.location.name}: expected the same as before; another place for the bindings takes a restart`);
}

function send(channel: number, { text, descriptors }: Part): void {
  const errno = binding.sendDescriptors(channel, text, descriptors);
  if (errno !== 0) throw new Error(`the sockets cannot be handed over: ${getSystemErrorName(-errno)}`);
}

function receive(channel: number): Part {
  const given = binding.receiveDescriptors(channel);
  if (typeof given === "number") throw new Error(`the sockets of the process that is to be replaced do not come: ${getSystemErrorName(given)}`);
  return given;
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64");
}
