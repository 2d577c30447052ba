import { expect, test } from "vitest";
import { location } from "../../../src/config/location.js";
import { readRedisUrl } from "../../../src/config/redis-url.js";
import { readSettings } from "../../../src/config/read.js";
import { printConfig } from "../../../src/config/print.js";
import { userSource } from "../../../src/config/user-source.js";
import { complaintOf } from "./expecting.js";

test("the embedded store, one Redis, several behind Sentinel, a cluster", () => {
  expect(location.parse("Embedded")).toBe("embedded");
  expect(location.parse("lmdb")).toBe("embedded");
  expect(readRedisUrl("redis://redis.example.org")).toEqual({
    kind: "single",
    isTls: false,
    hosts: [{ host: "redis.example.org", port: 6379 }],
    username: "",
    password: "",
    name: "",
  });
  expect(readRedisUrl("rediss://u:p%40:x@[::1]:7000/3")).toMatchObject({ isTls: true, username: "u", password: "p@:x", hosts: [{ host: "::1", port: 7000 }], name: "3" });
  expect(readRedisUrl("redis+sentinel://a,b:26380/main")).toMatchObject({
    kind: "sentinel",
    hosts: [
      { host: "a", port: 26379 },
      { host: "b", port: 26380 },
    ],
    name: "main",
  });
  expect(readRedisUrl("rediss+cluster://a,b:7001")).toMatchObject({ kind: "cluster", isTls: true });
});

test.each([
  ["sqlite", "embedded or the URL"],
  ["redis://", "redis://HOST:PORT"],
  ["redis://a,b", "one host"],
  ["redis://a:0", "HOST or HOST:PORT"],
  ["redis://a/x", "a database number"],
  ["redis+sentinel://a", "name of the master"],
  ["redis+cluster://a/1", "nothing after"],
  ["redis://u:%zz@a", "whole %XX escapes"],
])("%s is refused", (text, complaint) => {
  expect(complaintOf(location, text)).toContain(complaint);
});

test("where users come from", () => {
  expect(userSource.parse("off")).toEqual({ kind: "off" });
  expect(userSource.parse("redis")).toEqual({ kind: "redis" });
  expect(userSource.parse("file:/dev/../etc/hostname")).toEqual({ kind: "file", path: "/etc/hostname" });
  expect(userSource.parse("https://user:pw@users.example.org/ha1")).toEqual({ kind: "http", url: "https://user:pw@users.example.org/ha1" });
  for (const text of ["file:/nowhere", "http://", "ldap://x", "yes"]) expect(complaintOf(userSource, text)).not.toBe("");
});

test.each([
  [{ SLUICE_AUTH: "redis", SLUICE_DOMAINS: "example.org" }, "SLUICE_AUTH: expected redis only with a Redis in SLUICE_LOCATION"],
  [{ SLUICE_AUTH: "http://users/" }, "SLUICE_DOMAINS: expected a domain"],
  [{ SLUICE_MIN_EXPIRES: "600", SLUICE_MAX_EXPIRES: "300", SLUICE_DEFAULT_EXPIRES: "300" }, "SLUICE_MIN_EXPIRES: expected no more"],
  [{ SLUICE_DEFAULT_EXPIRES: "7201" }, "SLUICE_DEFAULT_EXPIRES: expected a number from 60 to 7200"],
])("%j does not fit together", (environment, complaint) => {
  expect(readSettings(environment).errors.join()).toContain(complaint);
});

test("SA-16 no password appears in output or errors", () => {
  expect(printConfig({ SLUICE_LOCATION: "redis://u:hunter2@a" })).toContain("SLUICE_LOCATION=***");
  expect(printConfig({})).toContain("SLUICE_LOCATION=embedded");
  expect(readSettings({ SLUICE_LOCATION: "redis://u:hunter2@a,b" }).errors.join()).not.toContain("hunter2");
});
