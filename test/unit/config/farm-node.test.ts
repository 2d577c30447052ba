import { expect, test } from "vitest";
import { farmNode } from "../../../src/config/farm-node.js";
import { complaintOf } from "./expecting.js";

test("a node is its number and its address", () => {
  expect(farmNode.parse("127=sips:edge.example.org")).toMatchObject({ node: 127, uri: { scheme: "sips", host: "edge.example.org", transport: "tls" } });
});

test.each([
  ["128=sip:192.0.2.1", "a node from 0 to 127"],
  ["sip:192.0.2.1", "NODE=URI"],
  ["1=192.0.2.1", "a SIP URI such as"],
])("%s is refused", (text, why) => {
  expect(complaintOf(farmNode, text)).toContain(why);
});
