/** Every conformance document over TCP with each message cut: at fixed pseudo-random points, and some at every octet. */
import { playAll } from "./stage.js";
import { seedOf, seeded } from "../support/prng.js";

// These contain what splitting can break: edited header fields, bodies, and pings between messages.
const AT_EVERY_OCTET = new Set(["keep-alive.md", "grammar.md"]);

playAll(
  { name: "TCP, one octet a segment", client: "tcp", core: "tcp", split: () => (text) => [...text] },
  (script) => AT_EVERY_OCTET.has(script.file),
);

playAll({
  name: "TCP, cut at random",
  client: "tcp",
  core: "tcp",
  split: (script) => {
    const random = seeded(seedOf(script.name));
    return (text) => {
      const points = Array.from({ length: 5 }, () => random(text.length)).sort((one, other) => one - other);
      return [0, ...points].map((start, index) => text.slice(start, points[index] ?? text.length)).filter((piece) => piece !== "");
    };
  },
});
