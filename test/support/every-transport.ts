/** Phones over every transport, for tests of what outlives an upgrade or a crash. */
import { type Dialog, call, inDialog, register } from "./calls.js";
import type { Cast } from "./cast.js";
import { tlsSettings } from "./certificates.js";
import type { Settings } from "./edge.js";
import { Home, instanceOf } from "./home.js";
import { Party } from "./party.js";
import { freePort } from "./ports.js";
import { TcpConnection } from "./tcp-connection.js";
import type { Transport } from "./wire.js";

export const STREAMS: readonly Transport[] = ["tcp", "ws", "tls", "wss"];

/** A free port for each transport. */
export async function portOfEach(): Promise<ReadonlyMap<Transport, number>> {
  const ports = new Map<Transport, number>();
  for (const transport of ["udp", ...STREAMS] as const) ports.set(transport, await freePort("127.0.0.1"));
  return ports;
}

/** SLUICE_LISTEN for them. */
export const listenOn = (ports: ReadonlyMap<Transport, number>): string => [...ports].map(([transport, port]) => `${transport}:127.0.0.1:${port}`).join(",");

export interface Talking {
  readonly phone: Party;
  readonly path: readonly string[];
  readonly dialog: Dialog;
}

/** A phone at each of these ports of an edge: registered, and called by C. */
export async function talking(company: Cast, ports: ReadonlyMap<Transport, number>): Promise<readonly Talking[]> {
  const phones: Talking[] = [];
  for (const [transport, port] of ports) {
    const phone = new Party(`U-${transport}`, `127.0.0.1:${port}`, company.scene, company.company);
    phone.attach(await company.dial(phone, port, transport, 0));
    const path = await register(phone, company.C);
    phones.push({ phone, path, dialog: await call(company.C, phone, `Route: ${path.join(", ")}`) });
  }
  return phones;
}

export const messageAlong = (path: readonly string[]): string => `MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`;

/** A request of the core that goes through a phone's token, and its answer. */
export async function reaches({ C }: Cast, phone: Party, path: readonly string[]): Promise<void> {
  await C.say(messageAlong(path));
  await phone.request("MESSAGE");
  await phone.reply("200 OK");
  await C.response(200);
}

/** Half of them hang up, the others are hung up on. */
export async function hangUp({ C }: Cast, phones: readonly Talking[]): Promise<void> {
  for (const [at, { phone, dialog }] of phones.entries()) {
    const { callerRoute, calleeRoute, callId } = dialog;
    const [from, to, route] = at % 2 === 0 ? [phone, C, calleeRoute] : [C, phone, callerRoute];
    await from.say(inDialog("BYE", `sip:${to.name}@${to.at}`, route, callId, 2));
    await to.request("BYE");
    await to.reply("200 OK");
    await from.response(200);
  }
}

/** A standalone server of two shards, and a registered phone on each of its transports; the home's own port is that of UDP. */
export async function homeWithPhones(settings: Settings): Promise<{ readonly home: Home; readonly phones: readonly Party[] }> {
  const ports = await portOfEach();
  const home = await Home.spawn({ SLUICE_LISTEN: listenOn(ports), SLUICE_SHARDS: "2", ...tlsSettings(), ...settings });
  home.port = ports.get("udp") ?? 0;
  const phones: Party[] = [];
  for (const [transport, port] of ports) {
    const phone = await phoneOver(home, `bob-${transport}`, transport, port);
    await home.register(phone, { instance: instanceOf(phone.name) });
    phones.push(phone);
  }
  return { home, phones };
}

async function phoneOver(home: Home, name: string, transport: Transport, port: number): Promise<Party> {
  const phone = await home.phone(name);
  if (transport === "udp") return phone;
  await phone.close();
  return phone.attach(await TcpConnection.open({ host: home.host, port }, phone.receive, { transport }));
}
