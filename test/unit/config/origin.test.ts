import { expect, test } from "vitest";
import { origin, urlPath } from "../../../src/config/origin.js";
import { complaintOf } from "./expecting.js";

test("WS-7-3 an origin is scheme, host and a port that is not the default", () => {
  expect(origin.parse("https://Phone.example.org")).toBe("https://phone.example.org");
  expect(origin.parse("http://[::1]:8080")).toBe("http://[::1]:8080");
  for (const text of ["phone.example.org", "https://a/", "https://a:443", "ftp://a", "https://a b"]) expect(complaintOf(origin, text)).toContain("an origin such as");
});

test("WS-7-3 a path has no query", () => {
  expect(urlPath.parse("/sip/ws")).toBe("/sip/ws");
  for (const text of ["sip", "/a?b", "/a b"]) expect(complaintOf(urlPath, text)).toContain("a path that begins with /");
});
