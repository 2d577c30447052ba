import { expect, test } from "vitest";
import { farmPlace } from "../../../src/config/farm-node.js";
import { complaintOf } from "./expecting.js";

test("a node is its number and its address", () => {
  expect(farmPlace.parse("127=sips:edge.example.org")).toMatchObject({ node: 127, uri: { scheme: "sips", host: "edge.example.org", transport: "tls" } });
});

test("a node may say where its admin plane is", () => {
  expect(farmPlace.parse("2=sip:10.0.0.2:5060;admin=10.0.0.2:5080;transport=tcp")).toMatchObject({ uri: { transport: "tcp" }, admin: { host: "10.0.0.2", port: 5080 } });
  expect(farmPlace.parse("2=sip:10.0.0.2:5060")).toMatchObject({ node: 2, admin: undefined });
});

test("a domain has a transport, and one port for all admin planes", () => {
  expect(farmPlace.parse("sips:farm.example.com;admin=5080")).toMatchObject({ uri: { host: "farm.example.com", transport: "tls" }, adminPort: 5080 });
});

test.each([
  ["2=sip:10.0.0.2:5060;admin=10.0.0.2", "HOST:PORT after admin="],
  ["2=sip:10.0.0.2:5060;admin=", "HOST:PORT after admin="],
  ["128=sip:192.0.2.1", "a node from 0 to 127"],
  ["sip:192.0.2.1", "NODE=URI"],
  ["sip:farm.example.com:5060;transport=tcp", "NODE=URI"],
  ["sip:farm.example.com", "the transport between the edges"],
  ["sip:farm.example.com;transport=tcp;admin=10.0.0.1:5080", "the port of the admin planes"],
  ["1=192.0.2.1", "a SIP URI such as"],
])("%s is refused", (text, why) => {
  expect(complaintOf(farmPlace, text)).toContain(why);
});
