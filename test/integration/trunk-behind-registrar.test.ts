/** A trunk calls a phone behind an edge through the registrar: the edge knows only the registrar (RFC 3261 16.6, 12.2.1.1). */
import { expect, onTestFinished, test } from "vitest";
import { Edge } from "../support/edge.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import type { SipMessage } from "../support/sip-message.js";
import { TcpConnection } from "../support/tcp-connection.js";

const TRUNK = "127.0.0.5";
const EDGE = "127.0.0.3";

const routes = (message: SipMessage, reversed: boolean): string => {
  const all = message.all("Record-Route").flatMap((line) => line.split(/,\s*(?=<)/));
  return (reversed ? [...all].reverse() : all).map((value) => `Route: ${value}\n`).join("");
};

test.each(["trunk", "phone"])("a trunk unknown to the edge calls a phone behind it through the registrar, and the %s hangs up", async (hangsUp) => {
  const trunkPort = await freePort(TRUNK);
  const home = await Home.start({ SLUICE_MODE: "registrar", SLUICE_EDGES: EDGE, SLUICE_UPSTREAM: `sip:${TRUNK}:${trunkPort}` });
  const [clients, core] = [await freePort(EDGE), await freePort(EDGE)];
  const edge = await Edge.start({ SLUICE_LISTEN: `tcp:${EDGE}:${clients}`, SLUICE_CORE_LISTEN: `udp:${EDGE}:${core}`, SLUICE_UPSTREAM: `sip:${home.at}` });
  onTestFinished(() => edge.stop());
  const trunk = await home.edge("trunk", TRUNK, "udp", trunkPort);
  const phone = new Party("bob", `${EDGE}:${clients}`, home.scene, home.company);
  phone.attach(await TcpConnection.open({ host: EDGE, port: clients }, phone.receive));
  await home.register(phone, { instance: instanceOf("bob") });

  await trunk.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nFrom: <sip:+49301@pstn.example>;tag=t\nContact: <sip:+49301@${trunk.at}>`);
  const invite = await phone.request("INVITE");
  await phone.reply("200 OK", `Contact: <sip:bob@${phone.at};transport=tcp>`);
  const ok = await trunk.response(200);
  const dialog = `Call-ID: ${ok.header("Call-ID")}`;
  const toPhone = `sip:bob@${phone.at};transport=tcp SIP/2.0\n${dialog}\nFrom: ${ok.header("From")}\nTo: ${ok.header("To")}\n${routes(ok, true)}`;
  const toTrunk = `sip:+49301@${trunk.at} SIP/2.0\n${dialog}\nFrom: ${ok.header("To")}\nTo: ${ok.header("From")}\n${routes(invite, false)}`;
  await trunk.say(`ACK ${toPhone}CSeq: 1 ACK`);
  await phone.request("ACK");
  const [one, other, target] = hangsUp === "trunk" ? [trunk, phone, toPhone] : [phone, trunk, toTrunk];
  await one.say(`BYE ${target}CSeq: 2 BYE`);
  await other.request("BYE");
  await other.reply("200 OK");
  expect((await one.response(200)).header("CSeq")).toBe("2 BYE");
});
