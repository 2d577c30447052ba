/** The dashboard of an edge in a real browser: a phone is found, its messages form a ladder, and what goes wrong is said. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { Admin } from "../support/admin.js";
import { openBrowser } from "../support/browser.js";
import { register } from "../support/calls.js";
import { cast, type Cast } from "../support/cast.js";
import { barriersInEveryLook, chooseList, isLive, openBoard, search, until } from "../support/dashboard.js";
import type { Party } from "../support/party.js";
import { testWith } from "../support/test-with.js";

const test = testWith("chromium");

const ALICE = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF";

let browser: Browser;
/** One for all tests that share a server. */
let shared: Admin;

beforeAll(async () => {
  browser = await openBrowser();
  shared = await Admin.choose();
});

afterAll(() => browser.close());

async function stage(settings?: Record<string, string>, process = false): Promise<Cast & { readonly admin: Admin; readonly url: string }> {
  const admin = settings === undefined ? shared : await Admin.choose();
  const company = await cast({ client: "tcp", process, own: settings !== undefined, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2", ...settings } });
  return Object.assign(company, { admin, url: `http://${admin.listen}/` });
}

async function registerAs(party: Party, C: Party, user: string, regId: number, lines = "", granted = ""): Promise<void> {
  await party.say(`REGISTER sip:example.com SIP/2.0\nTo: <sip:${user}@example.com>\nFrom: <sip:${user}@example.com>;tag=${regId}\nCall-ID: ${user}-${regId}@${party.scene}\nSupported: path, outbound\nContact: <sip:${user}@192.0.2.1>;reg-id=${regId};+sip.instance="<${ALICE}>"${lines}`);
  await C.request("REGISTER");
  await C.reply("200 OK", `Require: outbound${granted}`);
  await party.response(200);
}

async function isTraced(page: Page): Promise<void> {
  await until(() => page.textContent("#trace")).toMatch(/while this page is open/);
}

test("SA-11 a phone: its registrations with expiry and User-Agent, its flows, and a ladder whose lanes are people", async () => {
  const { url, U, U2, C } = await stage();
  await registerAs(U, C, "alice", 1, "\nUser-Agent: Deskphone 9/1.2.3", `\nContact: <sip:alice@192.0.2.1>;expires=600`);
  await registerAs(U2, C, "alice", 2);
  const { page, faults } = await openBoard(browser, url);
  await isLive(page);
  await search(page, "alice@example.com");
  await until(() => page.textContent("#phone-title")).toBe("sip:alice@example.com");
  await until(() => page.locator("#flows tbody tr").count()).toBe(2);
  expect(await page.textContent("#phone-now")).toMatch(/^Registered for another (?:10 min 0 s|9 min \d+ s), as far as this edge knows\. 2 flows now\./);
  const registered = await page.textContent("#registrations");
  for (const part of ["Deskphone 9/1.2.3", ALICE, U.at, U2.at]) expect(registered).toContain(part);
  await until(() => page.locator("#history tbody tr", { hasText: "registered" }).count()).toBe(2);
  // Times and kinds are not broken over two lines, whatever stands beside them.
  for (const title of ["when", "what"]) expect(await page.evaluate(`getComputedStyle(document.querySelector('#history td[data-title="${title}"]')).whiteSpace`), title).toBe("nowrap");
  const shown = await page.textContent("#picture");
  for (const part of ["sip:alice@example.com", ALICE.slice(9), U.at, U2.at, "reg-id=1", "reg-id=2"]) expect(shown).toContain(part);
  expect(await page.locator("#picture .box").count()).toBe(5);
  expect(await page.textContent("#phone-command code")).toBe("sluice flows sip:alice@example.com");
  await page.click("#phone-command button");
  await until(() => page.textContent("#phone-command [role=status]")).toBe("Copied.");
  expect(await page.evaluate("navigator.clipboard.readText()")).toBe("sluice flows sip:alice@example.com");

  await isTraced(page);
  await registerAs(U, C, "alice", 1);
  const rungs = page.locator("#ladder li");
  await until(() => rungs.count()).toBe(4);
  await until(() => page.locator("#ladder .lanes b").allTextContents()).toEqual(["alice", "edge", "registrar"]);
  // Rungs are appended: the first one is still the same element, with the focus, when others have come.
  await page.evaluate("firstRung = document.querySelector('#ladder li')");
  await rungs.first().click();
  expect(await page.textContent("#message-text")).toContain("To: <sip:alice@example.com>");
  await registerAs(U, C, "alice", 1);
  await until(() => rungs.count()).toBe(8);
  expect(await page.evaluate("firstRung.isConnected && firstRung === document.activeElement")).toBe(true);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await until(() => page.textContent("#message-title")).toBe("200 OK (REGISTER), registrar to edge");
  expect(await page.locator("#ladder li[tabindex='0']").count()).toBe(1);
  await page.keyboard.press("End");
  await until(() => page.textContent("#message-title")).toBe("200 OK (REGISTER), edge to alice");

  // A reload shows the same phone, the same messages, and the same message open.
  await page.reload();
  await until(() => page.textContent("#message-title")).toBe("200 OK (REGISTER), edge to alice");
  expect(await rungs.count()).toBe(8);
  await page.locator("#ladder li[tabindex='0']").focus();
  await page.keyboard.press("Escape");
  expect(await page.isHidden("#message")).toBe(true);
  expect(await page.isVisible("#phone")).toBe(true);
  await page.keyboard.press("Escape");
  await until(() => page.isVisible("#overview")).toBe(true);
  await page.goBack();
  await until(() => page.textContent("#phone-title")).toBe("sip:alice@example.com");
  expect(faults).toEqual([]);
});

test("a lane is the user whose flow it is, whatever the messages claim; without one, whom they name", async () => {
  const { url, U, U2, C, A } = await stage();
  await registerAs(U, C, "alice", 1);
  await registerAs(U2, C, "bob", 1);
  const { page, faults } = await openBoard(browser, `${url}#phone=sip%3Aalice%40example.com`);
  await isTraced(page);
  await U2.say(`MESSAGE sip:alice@example.com SIP/2.0\nFrom: <sip:mallory@example.com>;tag=1\nTo: <sip:alice@example.com>\nCall-ID: lane-1@${U2.scene}`);
  await C.request("MESSAGE");
  await C.reply("404 Not Found");
  await U2.response(404);
  await A.say(`MESSAGE sip:alice@example.com SIP/2.0\nFrom: <sip:dora@example.com>;tag=1\nTo: <sip:alice@example.com>\nCall-ID: lane-2@${A.scene}`);
  await until(() => page.locator("#ladder .lanes b").allTextContents()).toEqual(expect.arrayContaining(["edge", "bob", "registrar", "dora"]));
  expect(await page.textContent("#ladder .lanes")).not.toContain("mallory");
  expect(await page.locator("#ladder .failure").first().textContent()).toBe("404 Not Found (MESSAGE)");
  expect(faults).toEqual([]);
});

test("a search with several answers is a list, and any row of it opens the phone; a registration that has expired is not alive", async () => {
  const { url, U, U2, C } = await stage();
  await registerAs(U, C, "carol", 1);
  await registerAs(U2, C, "caroline", 1, "", "\nContact: <sip:caroline@192.0.2.1>;expires=1");
  const { page, faults } = await openBoard(browser, url);
  await isLive(page);
  await search(page, "carol");
  await until(() => page.textContent("#list-title")).toBe("Flows");
  await until(() => page.locator("#list-table tbody tr").count()).toBe(2);
  await page.locator("#list-table tbody tr", { hasText: "caroline" }).locator("td").nth(1).click();
  await until(() => page.textContent("#phone-title")).toBe("sip:caroline@example.com");
  await until(() => page.textContent("#phone-now")).toContain("Its registration has expired. 1 flow now.");
  expect(await page.textContent("#flows")).toContain("expired");
  expect(await page.locator("#picture .box.alive").count()).toBe(0);
  await page.goBack();
  await until(() => page.inputValue("#list-word")).toBe("carol");
  // A whole AOR is meant, not what else contains it.
  await search(page, "carol@example.com");
  await until(() => page.textContent("#phone-title")).toBe("sip:carol@example.com");
  await until(() => page.locator("#flows tbody tr").count()).toBe(1);
  expect(faults).toEqual([]);
});

test("an edge where nothing happens says so: no flow, no refusal, nobody found", async () => {
  const { url, C } = await stage({ SLUICE_FLOW_TIMER: "30" });
  const { page, faults } = await openBoard(browser, url);
  await isLive(page);
  await until(() => page.textContent("#upstreams")).toContain(C.at);
  await until(() => page.textContent("#losses")).toBe("None.");
  expect(await page.locator("#places a").allTextContents()).toEqual(["Overview", "Flows", "Silent", "Top talkers", "Flappers", "Refused", "Ended", "History", "Bans"]);
  for (const list of ["Flappers", "Refused", "Bans"]) {
    await chooseList(page, list);
    expect(await page.textContent("#list-table")).toBe("Nothing to show.");
  }
  await search(page, "nobody@example.com");
  await until(() => page.textContent("#phone-now")).toBe("Not registered, as far as this edge knows. No flow now. No flow of it ended this hour.");
  expect(await page.textContent("#ladder")).toContain("Nothing yet.");
  expect(faults).toEqual([]);
});

test("the numbers are live, in light and dark, and nothing is loaded from elsewhere", async () => {
  const { url, U, C } = await stage();
  await register(U, C);
  for (const scheme of ["light", "dark"] as const) {
    const { page, faults } = await openBoard(browser, url, { scheme });
    expect(await page.getAttribute("html", "data-theme")).toBe(scheme);
    await isLive(page);
    await until(() => page.locator("#tiles li").count()).toBe(10);
    expect(await page.textContent("#upstreams")).toContain("alive");
    expect(await page.locator("canvas").count()).toBe(4);
    await until(() => page.textContent("#survey")).toContain("outbound");
    await page.click("#theme");
    expect(await page.getAttribute("html", "data-theme")).not.toBe(scheme);
    expect(faults).toEqual([]);
  }
});

test("an order that the server refuses is answered in its words", async () => {
  const { url, admin } = await stage();
  const { page, faults } = await openBoard(browser, url, { refusals: true });
  await chooseList(page, "Bans");
  await page.click("#ban-other");
  await page.fill("#order-address", "the moon");
  await page.click("#order-go");
  await until(() => page.textContent("#said")).toMatch(/^a ban needs an address or a network/);
  await page.goto(`${url}#list=silent&sort=colour`);
  await until(() => page.textContent("#list-table")).toMatch(/^sort must be one of idleMs/);
  await page.goto(`${url}#list=nonsense`);
  await until(() => page.textContent("#list-table")).toBe("There is no list nonsense.");
  // One more than can be traced at once.
  const traces = await Promise.all(Array.from({ length: 30 }, async (_, at) => (await admin.ask("POST", "/api/traces", { what: `call-id:${at}` })).json["id"] as string));
  await page.goto(`${url}#phone=sip%3Aerin%40example.com`);
  await until(() => page.textContent("#trace")).toMatch(/traces run already/);
  await Promise.all(traces.map((id) => admin.ask("DELETE", `/api/traces/${id}`)));
  expect(faults).toEqual([]);
});

test("SA-16 with a token the page asks for it until it is the right one, and then shows what was to be opened", async () => {
  const token = "0123456789abcdef-token";
  const { url } = await stage({ SLUICE_ADMIN_TOKEN: token });
  const { page, faults } = await openBoard(browser, `${url}#list=silent`, { refusals: true });
  await page.waitForSelector("#login[open]");
  expect(await page.textContent("#login-fault")).toBe("");
  await page.fill("#token", "not the token");
  await page.press("#token", "Enter");
  await until(() => page.textContent("#login-fault")).toBe("That is not the token.");
  expect(await barriersInEveryLook(page)).toEqual([]);
  await page.fill("#token", token);
  await page.press("#token", "Enter");
  await isLive(page);
  await until(() => page.textContent("#list-title")).toBe("Silent");
  expect(faults).toEqual([]);
});

test("SA-8 a drain is visible; when the server is gone everything greys out and says since when, and comes back by itself", async () => {
  const { url, SUT, U, C, newClient } = await (async () => {
    const company = await stage({ SLUICE_DRAIN_RATE: "2", SLUICE_DRAIN_SECONDS: "1" }, true);
    return { url: company.url, SUT: company.SUT, U: company.U, C: company.C, newClient: (name: string) => company.newClient(name) };
  })();
  await register(U, C);
  for (let at = 0; at < 12; at += 1) await (await newClient(`P${at}`)).settle();
  const { page, faults } = await openBoard(browser, url, { refusals: true });
  await isLive(page);
  await until(() => page.locator("#tiles li").count()).toBe(10);
  SUT.terminate();
  await until(() => page.textContent("#state")).toBe("draining");
  await until(() => page.textContent("#state")).toBe("no connection");
  expect(await page.textContent("#gone")).toMatch(/^No connection to the server since \d\d:\d\d:\d\d: what you see is from then\./);
  expect(await page.evaluate("getComputedStyle(document.querySelector('main')).filter")).toBe("grayscale(1)");
  expect(await SUT.exited()).toBe(0);
  expect(await barriersInEveryLook(page)).toEqual([]);
  await SUT.restart();
  await isLive(page);
  expect(await page.textContent("#gone")).toBe("");
  expect(await page.evaluate("getComputedStyle(document.querySelector('main')).filter")).toBe("none");
  expect(faults).toEqual([]);
});

test("a server that hangs is gone too, although its connection stays open", async () => {
  const { url, SUT } = await stage({ SLUICE_FLOW_TIMER: "31" }, true);
  // Nobody waits for seconds of silence.
  const { page, faults } = await openBoard(browser, url, { refusals: true, ownClock: true });
  await isLive(page);
  SUT.signal("SIGSTOP");
  await page.clock.fastForward(15_000);
  await until(() => page.textContent("#state")).toBe("no connection");
  SUT.signal("SIGCONT");
  await page.clock.fastForward(15_000);
  await isLive(page);
  expect(faults).toEqual([]);
});
