import fc from "fast-check";
import { expect, test } from "vitest";
import { coreListener, listener, portsOf, showListener } from "../../../src/config/listener.js";
import { complaintOf } from "./expecting.js";

test("a listener over IPv4", () => {
  expect(listener.parse("udp:127.0.0.1:5060")).toEqual({ transport: "udp", host: "127.0.0.1", port: 5060, family: 4 });
});

test("an IPv6 listener is in brackets", () => {
  expect(listener.parse("TCP:[::1]:0")).toEqual({ transport: "tcp", host: "::1", port: 0, family: 6 });
});

test("SA-19 an advertised name or address", () => {
  expect(listener.parse("udp:10.0.0.1:5060;advertise=edge.example.org:5080").advertise).toEqual({ host: "edge.example.org", port: 5080 });
  expect(listener.parse("udp:[::]:5060; advertise=[2001:DB8::1]:5060").advertise).toEqual({ host: "2001:db8::1", port: 5060 });
});

test("a listener behind a load balancer", () => {
  expect(listener.parse("WSS:127.0.0.1:443;proxy=require;advertise=edge.example.org:443")).toMatchObject({ transport: "wss", proxy: "require", advertise: { port: 443 } });
});

test("a listener behind a balancer that terminates TLS", () => {
  expect(listener.parse("tcp:127.0.0.1:5062;proxy=require;advertise=tls:edge.example.org:5061")).toMatchObject({ transport: "tcp", advertise: { transport: "tls", host: "edge.example.org", port: 5061 } });
  expect(listener.parse("ws:[::1]:80;proxy=require;advertise=WSS:[2001:db8::1]:443").advertise).toEqual({ transport: "wss", host: "2001:db8::1", port: 443 });
  expect(complaintOf(listener, "tcp:127.0.0.1:5062;advertise=tls:edge.example.org:5061")).toContain(";proxy=require with advertise=tls:");
  expect(complaintOf(listener, "ws:127.0.0.1:80;proxy=require;advertise=tls:edge.example.org:5061")).toContain("advertise=wss:HOST:PORT for ws");
  expect(complaintOf(listener, "tls:127.0.0.1:80;proxy=require;advertise=tls:edge.example.org:5061")).toContain("no transport in it");
});

test("a range of ports, one for each shard", () => {
  const range = coreListener.parse("udp:10.0.0.1:5070-5073;advertise=core.example.org:7070");
  expect(range).toMatchObject({ port: 5070, lastPort: 5073 });
  expect(showListener(range)).toBe("udp:10.0.0.1:5070-5073");
  expect(portsOf(range)).toBe(4);
  expect(coreListener.parse("tcp:[2001:db8::1]:5070-5071")).toMatchObject({ host: "2001:db8::1", port: 5070, lastPort: 5071 });
});

test.each([
  ["udp:127.0.0.1:5070-5070", "the lower port first"],
  ["udp:127.0.0.1:0-3", "the lower port first"],
  ["udp:127.0.0.1:65530-65536", "ports up to 65535"],
  ["udp:127.0.0.1:5070-5073;advertise=a:65533", "room for as many ports"],
])("for the core, %s is refused", (text, complaint) => {
  expect(complaintOf(coreListener, text)).toContain(complaint);
});

test("what is printed reads back as the same", () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6().map((ip) => `[${ip}]`));
  fc.assert(
    fc.property(fc.constantFrom("udp", "tcp", "tls", "ws", "wss"), address, fc.integer({ min: 0, max: 65_535 }), (transport, host, port) => {
      const text = `${transport}:${host}:${port};advertise=a:1`;
      const { advertise: _advertise, ...place } = listener.parse(text);
      expect(listener.parse(`${showListener(place)};advertise=a:1`)).toEqual({ ...place, advertise: { host: "a", port: 1 } });
    }),
  );
});

test.each([
  ["sctp:127.0.0.1:5060", "one of udp, tcp, tls, ws, wss"],
  ["127.0.0.1:5060", "one of udp, tcp, tls, ws, wss"],
  ["udp:127.0.0.1:5060;proxy=require", "no ;proxy= for udp"],
  ["tcp:127.0.0.1:5060;proxy=yes", "proxy=accept or proxy=require"],
  ["tcp:127.0.0.1:5060;proxy=accept;proxy=accept", "one proxy="],
  ["udp:127.0.0.1", "udp:ADDRESS:PORT"],
  ["udp:127.0.0.1:65536", "udp:ADDRESS:PORT"],
  ["udp:::1:5060", "udp:ADDRESS:PORT"],
  ["udp:127.0.0.1:5060-5063", "udp:ADDRESS:PORT"],
  ["udp:[fe80::1%eth0]:5060", "udp:ADDRESS:PORT"],
  ["tcp:localhost:5060", "not the name localhost"],
  ["udp:0.0.0.0:5060", ";advertise=HOST:PORT"],
  ["udp:[::]:5060", ";advertise=HOST:PORT"],
  ["udp:127.0.0.1:5060;advertise=edge", "with a port from 1 to 65535"],
  ["udp:127.0.0.1:5060;advertise=edge:0", "with a port from 1 to 65535"],
  ["udp:127.0.0.1:5060;advertise=a:1;advertise=b:1", "one advertise"],
  ["udp:127.0.0.1:5060;backlog=5", "no parameter but"],
])("%s is refused", (text, complaint) => {
  expect(complaintOf(listener, text)).toContain(complaint);
});

test("no text makes it fail in any other way", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^(udp:|tcp:|tls:)?[\]0-9a-f:.;=[]*$/), (text) => {
      try {
        expect(["udp", "tcp", "tls"]).toContain(listener.parse(text).transport);
      } catch (error) {
        expect(error).toHaveProperty("name", "Unexpected");
      }
    }),
  );
});
