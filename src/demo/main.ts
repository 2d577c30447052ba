/** `npm run demo`: an edge, a registrar and two phones on loopback, as a ladder in the terminal. `--once` ends by itself. */
import { parseArgs } from "node:util";
import { Ladder } from "../cli/ladder.js";
import { colour, print } from "../cli/output.js";
import { startEdge } from "./edge.js";
import { DemoRegistrar } from "./registrar.js";
import { playScene } from "./scene.js";

const EDGE = "edge";
const REGISTRAR = "registrar";
const ADMIN_PORT = 5080;

const { values } = parseArgs({ options: { once: { type: "boolean" } } });
const ladder = new Ladder(print, ["alice, flow 1", "alice, flow 2", "bob", EDGE, REGISTRAR]);
const registrar = await DemoRegistrar.start(
  (sent, text) => ladder.add({ at: Date.now(), from: sent ? REGISTRAR : EDGE, to: sent ? EDGE : REGISTRAR, text }),
  (text) => ladder.say(text),
);
const edge = await startEdge(registrar.port, ADMIN_PORT);
print(`Dashboard: ${colour("underline", edge.url)}   (look for alice@example.org)\n`);
const { first, second, over, end } = await playScene({
  edge: { transport: "udp", host: "127.0.0.1", port: edge.port, insecure: false },
  say: (text) => ladder.say(text),
  onMessage: (party, sent, text) => ladder.add({ at: Date.now(), from: sent ? party : EDGE, to: sent ? EDGE : party, text }),
});
const worked = first === 200 && second === 200 && over.length === 2 && over[0] !== over[1];
print("");
print(worked ? colour("green", `Both calls were answered: the first over flow ${over[0]}, the second over flow ${over[1]}.`) : colour("red", `It went wrong: ${first}, ${second}, over flows ${over.join(", ")}.`));
if (!values.once) {
  print(`The phones stay. Dashboard: ${edge.url}   Ctrl-C ends.`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
end();
registrar.close();
await edge.stop();
process.exit(worked ? 0 : 1);
