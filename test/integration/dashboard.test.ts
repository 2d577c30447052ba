/** The dashboard in a real browser: numbers are live, a phone is found among ten thousand, its messages form a ladder. */
import { mkdirSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { cast, type Cast } from "../support/cast.js";
import { Home } from "../support/home.js";
import { often } from "../support/often.js";
import { openBrowser } from "../support/browser.js";
import type { Party } from "../support/party.js";

const ALICE = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF";
/** Set to a folder to regenerate the pictures in docs. */
const PICTURES = process.env["SLUICE_PICTURES"];
const CROWD = often(10_000);

let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(() => browser.close());

async function open(url: string, scheme: "light" | "dark" = "light"): Promise<{ readonly page: Page; readonly faults: string[] }> {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1440, height: 1000 } });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || /Content Security Policy/.test(message.text())) faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

function until<T>(read: () => Promise<T>): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: 10_000 });
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
}

async function stage(settings: Record<string, string> = {}): Promise<Cast & { readonly admin: Admin }> {
  const admin = await Admin.choose();
  const company = await cast({ client: "tcp", settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_MAX_FLOWS_PER_SOURCE: "20000", SLUICE_SHARDS: "2", ...settings } });
  return Object.assign(company, { admin });
}

async function registerAs(party: Party, C: Party, user: string, regId: number, instance: string): Promise<void> {
  await party.say(`REGISTER sip:example.com SIP/2.0\nTo: <sip:${user}@example.com>\nFrom: <sip:${user}@example.com>;tag=${regId}\nCall-ID: ${user}-${regId}@${party.scene}\nSupported: path, outbound\nContact: <sip:${user}@192.0.2.1>;reg-id=${regId};+sip.instance="<${instance}>"`);
  await C.request("REGISTER");
  await C.reply("200 OK", "Require: outbound");
  await party.response(200);
}

test("SA-11 a phone is found among thousands of flows in under a second, with its flows and the ladder of its messages", { timeout: 120_000 }, async () => {
  const company = await stage({ SLUICE_FLOW_TIMER: "40" });
  const { admin, U, U2, C } = company;
  const { page, faults } = await open(`http://${admin.listen}/`);
  const crowd: Party[] = [];
  for (let at = 0; at < CROWD; at += 1) crowd.push(await company.newClient(`P${at}`, "udp"));
  const [first, ...others] = crowd;
  if (first === undefined) throw new Error("a crowd is needed");
  await register(first, C);
  // Each becomes a flow once its REGISTER is answered.
  let left = others;
  while (left.length > 0) {
    const some = left.slice(0, 50);
    left = left.slice(50);
    for (const [at, party] of some.entries()) {
      await party.say(`REGISTER sip:example.com SIP/2.0\nTo: <sip:user${left.length + at}@example.com>\nCall-ID: c${left.length + at}@${party.scene}\nSupported: path, outbound\nContact: <sip:u@192.0.2.1>;reg-id=1;+sip.instance="<urn:x:${left.length + at}>"`);
    }
    for (let at = 0; at < some.length; at += 1) {
      await C.request("REGISTER");
      await C.reply("200 OK", "Require: outbound");
    }
    await Promise.all(some.map((party) => party.response(200)));
  }
  await registerAs(U, C, "alice", 1, ALICE);
  await registerAs(U2, C, "alice", 2, ALICE);
  await page.fill("#word", "alice@example.com");
  await page.click("#search button");
  await page.waitForSelector("#picture svg");
  expect(Number(await page.getAttribute("#phone", "data-milliseconds"))).toBeLessThan(1_000);
  const shown = await page.textContent("#picture");
  expect(shown).toContain("sip:alice@example.com");
  expect(shown).toContain(ALICE.slice(9));
  for (const party of [U, U2]) expect(shown).toContain(party.at);
  expect(shown).toContain("reg-id=1");
  expect(shown).toContain("reg-id=2");
  expect(await page.locator("#picture .box").count()).toBe(5);
  await until(() => page.textContent("#trace")).toMatch(/5 min/);
  await registerAs(U, C, "alice", 1, ALICE);
  await until(() => page.locator("#ladder .rung").count()).toBe(4);
  expect(await page.textContent("#ladder")).toContain("REGISTER example.com");
  await page.locator("#ladder .rung").first().click();
  expect(await page.textContent("#message")).toContain("To: <sip:alice@example.com>");
  await picture(page, "dashboard-phone");
  expect(faults).toEqual([]);
});

test("the numbers are live, in light and dark, and nothing is loaded from elsewhere", async () => {
  const { admin, U, C } = await stage();
  for (const scheme of ["light", "dark"] as const) {
    const { page, faults } = await open(`http://${admin.listen}/`, scheme);
    expect(await page.getAttribute("html", "data-theme")).toBe(scheme);
    const path = await register(U, C);
    for (let at = 1; at <= 40; at += 1) {
      await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCSeq: ${at} MESSAGE\nRoute: ${at % 8 === 0 ? path.join(", ").replace("sip:Q", "sip:Z") : path.join(", ")}`);
      if (at % 8 === 0) await C.next();
      else {
        await U.request("MESSAGE");
        await U.reply("200 OK");
        await C.response(200);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await until(() => page.locator("#tiles .tile").count()).toBeGreaterThan(5);
    expect(await page.textContent("#state")).toBe("up");
    expect(await page.textContent("#upstreams")).toContain(C.at);
    await until(() => page.locator("canvas").count()).toBe(4);
    expect(await page.textContent("#survey")).toContain("outbound");
    await picture(page, `dashboard-${scheme}`);
    expect(faults).toEqual([]);
  }
});

test("the lists are tables whose rows open the phone and whose columns sort; an expired registration is not green", async () => {
  const { admin, U, U2, C } = await stage();
  await registerAs(U, C, "lena", 1, ALICE);
  await U2.say(`REGISTER sip:example.com SIP/2.0\nTo: <sip:carol@example.com>\nCall-ID: carol@${U2.scene}\nContact: <sip:carol@192.0.2.1>`);
  await C.request("REGISTER");
  await C.reply("200 OK", "Contact: <sip:carol@192.0.2.1>;expires=1");
  await U2.response(200);
  await U2.say(`MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: refused@${U2.scene}`);
  await C.request("MESSAGE");
  await C.reply("404 Not Found");
  await U2.response(404);
  const { page, faults } = await open(`http://${admin.listen}/`);
  const tabs = page.locator("#list-tabs button");
  await until(() => tabs.allTextContents()).toEqual(["Silent", "Top talkers", "Flappers", "Refused", "Ended flows"]);
  await tabs.filter({ hasText: "Refused" }).click();
  await until(() => page.textContent("#list-table")).toContain("404");
  await tabs.filter({ hasText: "Silent" }).click();
  await page.fill("#list-word", "lena");
  await page.press("#list-word", "Enter");
  await until(() => page.locator("#list-table tbody tr").count()).toBe(1);
  await page.locator("#list-table th button", { hasText: "messages" }).click();
  await until(() => page.getAttribute("#list-table th[aria-sort]", "aria-sort")).toBe("descending");
  await page.locator("#list-table td button").click();
  await until(() => page.textContent("#phone-title")).toBe("sip:lena@example.com");
  await until(() => page.locator("#picture .box.alive").count()).toBe(1);
  await page.fill("#word", "carol@example.com");
  await page.click("#search button");
  await until(() => page.textContent("#picture")).toContain("ran out");
  expect(await page.locator("#picture .box.alive").count()).toBe(0);
  expect(faults).toEqual([]);
});

test("a standalone server is not reported as lacking an upstream, and its bindings are a list", async () => {
  const admin = await Admin.choose();
  const home = await Home.start({ SLUICE_ADMIN_LISTEN: admin.listen });
  await home.register(await home.phone("dora", "tcp"));
  const { page, faults } = await open(`http://${admin.listen}/`);
  await until(() => page.textContent("#upstreams")).toContain("none is needed");
  expect(await page.locator("#upstreams .fail").count()).toBe(0);
  await page.locator("#list-tabs button", { hasText: "Bindings" }).click();
  await until(() => page.textContent("#list-table")).toContain("sip:dora@example.com");
  expect(faults).toEqual([]);
});

test("SA-16 with a token the page asks for it, and shows numbers once it is entered", async () => {
  const token = "0123456789abcdef-token";
  const { admin } = await stage({ SLUICE_ADMIN_TOKEN: token });
  const { page } = await open(`http://${admin.listen}/`);
  await page.waitForSelector("#login[open]");
  await page.fill("#token", token);
  await page.click("#login button");
  await until(() => page.textContent("#state")).toBe("up");
});

test("SA-8 a drain is visible, and so is the end of the edge", async () => {
  const { admin, SUT, U, C, newClient } = await (async () => {
    const company = await stage({ SLUICE_DRAIN_RATE: "2", SLUICE_DRAIN_SECONDS: "1" });
    return { admin: company.admin, SUT: company.SUT, U: company.U, C: company.C, newClient: (name: string) => company.newClient(name) };
  })();
  await register(U, C);
  for (let at = 0; at < 12; at += 1) await (await newClient(`P${at}`)).settle();
  const { page } = await open(`http://${admin.listen}/`);
  await until(() => page.textContent("#state")).toBe("up");
  SUT.terminate();
  await until(() => page.textContent("#state")).toBe("draining");
  await until(() => page.textContent("#state")).toBe("no connection");
  expect(await SUT.exited()).toBe(0);
});
