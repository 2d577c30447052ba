/** Parameters behind URIs and header values. */
import { expect, test } from "vitest";
import { parseParameters } from "../../../src/sip/parameters.js";

test("GR-16 a name twice is refused, except with the very same value", () => {
  expect(parseParameters(";a=1;b;a=2")).toBeUndefined();
  expect(parseParameters(";a;a=2")).toBeUndefined();
  expect(parseParameters(";a=2;A")).toBeUndefined();
  // As SIP.js registers.
  const twice = ';+sip.instance="<urn:uuid:0>";reg-id=1;+sip.instance="<urn:uuid:0>";expires=600';
  expect(parseParameters(twice)?.map(({ name }) => name)).toEqual(["+sip.instance", "reg-id", "expires"]);
});
