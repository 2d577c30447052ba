/** Every view of the dashboard for everybody: WCAG 2.2 AA as axe-core checks it, light and dark, wide and on a phone's screen. Takes the pictures of docs. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { openBrowser } from "../support/browser.js";
import { cast, type Cast } from "../support/cast.js";
import { type Look, barriers, chooseList, isLive, openBoard, picture, until } from "../support/dashboard.js";
import type { Party } from "../support/party.js";

const LOOKS: readonly Required<Pick<Look, "scheme" | "width" | "height">>[] = [
  { scheme: "light", width: 1440, height: 1000 }, { scheme: "dark", width: 1440, height: 1000 }, { scheme: "light", width: 390, height: 844 }, { scheme: "dark", width: 390, height: 844 },
];
const ALICE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

let browser: Browser;
let calls = 0;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(() => browser.close());

/** An evening at an edge: two phones, one with two flows, refused messages, and a flow that ended. */
async function evening(admin: Admin): Promise<Cast> {
  const company = await cast({ client: "tcp", settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2", SLUICE_FLOW_TIMER: "120" } });
  const { U, U2, C } = company;
  const bob = await company.newClient("bob");
  const carol = await company.newClient("carol");
  await register(U, C, "alice", 1, ALICE);
  await register(U2, C, "alice", 2, ALICE);
  await register(bob, C, "bob", 1, "urn:uuid:6f1d0a2e-41c5-4f0e-9f43-1b2f7b3f6a10");
  for (let at = 0; at < 3; at += 1) {
    await register(carol, C, "carol", 1, "urn:uuid:0b2d7f1c-5a0e-4d3c-8f7d-93a1c2e4b501");
    await carol.close();
    await company.reconnect(carol);
    await bob.say(`MESSAGE sip:nobody@example.com SIP/2.0\nFrom: <sip:bob@example.com>;tag=1\nTo: <sip:nobody@example.com>\nCall-ID: lost-${at}@${bob.scene}`);
    await C.request("MESSAGE");
    await C.reply("404 Not Found");
    await bob.response(404);
  }
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

test("no view has a barrier for anybody: every list, a phone, an open message, an order", { timeout: 240_000 }, async () => {
  const admin = await Admin.choose();
  const { U, C } = await evening(admin);
  const url = `http://${admin.listen}/`;
  const found: string[] = [];
  for (const look of LOOKS) {
    const { page, faults } = await openBoard(browser, url, { ...look, refusals: true });
    const check = async (view: string): Promise<void> => {
      for (const barrier of await barriers(page)) found.push(`${view}, ${look.scheme}, ${look.width} wide: ${barrier}`);
    };
    const take = (view: string): Promise<void> => picture(page, `${view}${look.width > 600 ? "" : "-narrow"}-${look.scheme}`);
    await isLive(page);
    await until(() => page.locator("#tiles li").count()).toBe(10);
    await until(() => page.textContent("#survey")).toContain("outbound");
    await until(() => page.textContent("#upstreams")).toContain("alive");
    await check("overview");
    await take("dashboard");
    for (const list of ["Flows", "Silent", "Top talkers", "Flappers", "Refused", "Ended", "Bans"]) {
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
    await page.locator("#flows button", { hasText: "Ban" }).first().click();
    await until(() => page.isVisible("#order")).toBe(true);
    await check("order");
    await page.locator("#order button", { hasText: "Cancel" }).click();
    await page.context().close();
    expect(faults).toEqual([]);
  }
  expect(found).toEqual([]);
});
