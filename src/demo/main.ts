/** `npm run demo`: an edge, a registrar and two phones on loopback, as a ladder in the terminal. `--once` ends by itself. */
import { parseArgs } from "node:util";
import { Ladder } from "../cli/ladder.js";
import { colour, print } from "../cli/output.js";
import { freePort, startProgram } from "./program.js";
import { DOMAIN, playScene } from "./scene.js";
import { DemoWire } from "./wire.js";

const EDGE = "edge";
const REGISTRAR = "registrar";
const ADMIN_PORT = 5080;

const { values } = parseArgs({ options: { once: { type: "boolean" } } });
const ladder = new Ladder(print, ["alice, flow 1", "alice, flow 2", "bob", EDGE, REGISTRAR]);
const [client, core, home, admin] = [await freePort(), await freePort(), await freePort(), await freePort(ADMIN_PORT)];
const wire = await DemoWire.open(core, home, (fromEdge, text) => {
  ladder.add({ at: Date.now(), from: fromEdge ? EDGE : REGISTRAR, to: fromEdge ? REGISTRAR : EDGE, text });
  if (text.startsWith("SIP/2.0 430")) ladder.say("430 Flow Failed: the registrar forgets that flow and tries the next of the same phone");
});
const registrar = await startProgram({
  SLUICE_MODE: "registrar",
  SLUICE_DOMAINS: DOMAIN,
  SLUICE_EDGES: "127.0.0.1",
  SLUICE_LISTEN: `udp:127.0.0.1:${home}`,
  SLUICE_ADMIN_LISTEN: "off",
});
const edge = await startProgram({
  SLUICE_MODE: "edge",
  SLUICE_LISTEN: `udp:127.0.0.1:${client},tcp:127.0.0.1:${client}`,
  SLUICE_CORE_LISTEN: `udp:127.0.0.1:${core};advertise=127.0.0.1:${wire.port}`,
  SLUICE_UPSTREAM: `sip:127.0.0.1:${wire.port}`,
  SLUICE_ADMIN_LISTEN: `127.0.0.1:${admin}`,
  SLUICE_FLOW_TIMER: "40",
});
const dashboard = `http://127.0.0.1:${admin}/`;
print(`Dashboard: ${colour("underline", dashboard)}   (look for alice@${DOMAIN})\n`);
const { first, second, over, end } = await playScene({
  edge: { transport: "udp", host: "127.0.0.1", port: client, insecure: false },
  say: (text) => ladder.say(text),
  onMessage: (party, sent, text) => ladder.add({ at: Date.now(), from: sent ? party : EDGE, to: sent ? EDGE : party, text }),
});
const worked = first === 200 && second === 200 && over.length === 2 && over[0] !== over[1];
print("");
print(worked ? colour("green", `Both calls were answered: the first over flow ${over[0]}, the second over flow ${over[1]}.`) : colour("red", `It went wrong: ${first}, ${second}, over flows ${over.join(", ")}.`));
if (!values.once) {
  print(`The phones stay. Dashboard: ${dashboard}   Ctrl-C ends.`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
end();
await Promise.all([edge.stop(), registrar.stop()]);
wire.close();
process.exit(worked ? 0 : 1);
