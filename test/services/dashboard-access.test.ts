/** Every view of the dashboard for everybody: WCAG 2.2 AA as axe-core checks it, light and dark, wide and on a phone's screen. Takes the pictures of docs. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { Admin } from "../support/admin.js";
import { openBrowser } from "../support/browser.js";
import { cast, type Cast } from "../support/cast.js";
import { type Look, barriers, chooseList, isLive, openBoard, picture, picturing, until } from "../support/dashboard.js";
import { instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";
import { testWith } from "../support/test-with.js";

const test = testWith("chromium");

const LOOKS: readonly Required<Pick<Look, "scheme" | "width" | "height">>[] = [
  { scheme: "light", width: 1440, height: 1000 }, { scheme: "dark", width: 1440, height: 1000 }, { scheme: "light", width: 390, height: 844 }, { scheme: "dark", width: 390, height: 844 },
];
const ALICE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

const OTHERS = ["bob", "dora", "erik", "fatima", "gregor", "hanna", "ivan", "jana"];

let browser: Browser;
let admin: Admin;
let calls = 0;

beforeAll(async () => {
  [browser, admin] = await Promise.all([openBrowser(), Admin.choose()]);
});

afterAll(() => browser.close());

/** An evening at an edge: phones, one with two flows, another that comes and goes, refused messages, and a ban. Nothing is repeated, however slow the browser makes the machine. */
async function evening(): Promise<Cast> {
  const company = await cast({ client: "tcp", settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2", SLUICE_FLOW_TIMER: "600", SLUICE_T1_MS: "4000" } });
  const { U, U2, C } = company;
  await register(U, C, "alice", 1, ALICE);
  await register(U2, C, "alice", 2, ALICE);
  for (const user of OTHERS) {
    const phone = await company.newClient(user);
    await register(phone, C, user, 1, instanceOf(user));
    await phone.say(`MESSAGE sip:nobody@example.com SIP/2.0\nTo: <sip:nobody@example.com>\nCall-ID: lost-${user}@${phone.scene}`);
    await C.request("MESSAGE");
    await C.reply("404 Not Found");
    await phone.response(404);
  }
  const carol = await company.newClient("carol");
  for (let round = 0; round < 3; round += 1) {
    await register(carol, C, "carol", 1, instanceOf("carol"));
    await carol.close();
    await company.reconnect(carol);
  }
  // The messages of the last test's alice are none of this one's.
  for (const { id } of (await admin.get("/api/traces")).json["traces"] as { id: string }[]) await admin.ask("DELETE", `/api/traces/${id}`);
  await admin.ask("POST", "/api/bans", { address: "198.51.100.9", seconds: 3_600 });
  return company;
}

/** Returns the Path, which is the Route to the phone. */
async function register(party: Party, C: Party, user: string, regId: number, instance: string): Promise<string> {
  await party.say(`REGISTER sip:example.com SIP/2.0\nTo: <sip:${user}@example.com>\nFrom: <sip:${user}@example.com>;tag=${regId}\nCall-ID: ${user}-${regId}@${party.scene}\nSupported: path, outbound\nContact: <sip:${user}@${party.at};transport=tcp>;reg-id=${regId};+sip.instance="<${instance}>"\nUser-Agent: Deskphone T46 66.86.0.15`);
  const path = (await C.request("REGISTER")).all("Path").join(", ");
  await C.reply("200 OK", `Require: outbound\nContact: <sip:${user}@${party.at};transport=tcp>;expires=600`);
  await party.response(200);
  return path;
}

/** A call to the phone, by its registrar. */
async function call(phone: Party, C: Party, route: string): Promise<void> {
  calls += 1;
  await C.say(`INVITE sip:alice@${phone.at};transport=tcp SIP/2.0\nRoute: ${route}\nFrom: "Bob" <sip:bob@example.com>;tag=b${calls}\nTo: <sip:alice@example.com>\nCall-ID: call-${calls}@${C.scene}\nContact: <sip:bob@example.com>`);
  await phone.request("INVITE");
  await phone.reply("180 Ringing");
  await C.response(180);
  await phone.reply("486 Busy Here");
  await C.response(486);
}

test.each(LOOKS)("no view has a barrier for anybody: the overview, every list, a phone, an open message, an order; $scheme, $width wide", async (look) => {
  const { U, C } = await evening();
  const url = `http://${admin.listen}/`;
  const found: string[] = [];
  const { page, faults } = await openBoard(browser, url, { ...look, refusals: true });
  const check = async (view: string): Promise<void> => {
    for (const barrier of await barriers(page)) found.push(`${view}: ${barrier}`);
  };
  const take = (view: string, from?: string): Promise<void> => picture(page, `${view}${look.width > 600 ? "" : "-narrow"}-${look.scheme}`, from);
  await isLive(page);
  await until(() => page.locator("#tiles li").count()).toBe(10);
  await until(() => page.textContent("#survey")).toContain("outbound");
  await until(() => page.textContent("#upstreams")).toContain("alive");
  await check("overview");
  // So that the lines of the picture are not flat.
  for (let round = 0; picturing && round < 24; round += 1) {
    for (let time = 0; time <= round % 5; time += 1) await register(U, C, "alice", 1, ALICE);
    await page.waitForTimeout(400);
  }
  await take("dashboard");
  for (const list of ["Flows", "Silent", "Top talkers", "Flappers", "Refused", "Ended", "History", "Bans"]) {
    await chooseList(page, list);
    await check(list);
    if (list === "Silent") await take("dashboard-list");
  }
  await page.goto(`${url}#phone=sip%3Aalice%40example.com`);
  await until(() => page.textContent("#trace")).toMatch(/while this page is open/);
  await call(U, C, await register(U, C, "alice", 1, ALICE));
  await until(() => page.locator("#ladder li").count()).toBeGreaterThanOrEqual(10);
  await check("phone");
  await page.locator("#ladder li").nth(1).click();
  await until(() => page.isVisible("#message")).toBe(true);
  await check("message");
  await take("dashboard-phone");
  if (look.width < 600) await take("dashboard-ladder", "#messages-title");
  await page.locator("#flows button", { hasText: "Ban" }).first().click();
  await until(() => page.isVisible("#order")).toBe(true);
  await check("order");
  await page.locator("#order button", { hasText: "Cancel" }).click();
  expect(faults).toEqual([]);
  expect(found).toEqual([]);
});
