/** The dashboard of a standalone server with very many phones: each question of an operator is answered by three clicks and by one command. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { Admin } from "../support/admin.js";
import { openBrowser } from "../support/browser.js";
import { sluice } from "../support/command.js";
import { ManyPhones } from "../support/many-phones.js";
import { chooseList, isLive, openBoard, search, until } from "../support/dashboard.js";
import { Home, instanceOf } from "../support/home.js";
import { often } from "../support/often.js";
import { testWith } from "../support/test-with.js";

const test = testWith("chromium");

const CROWD = often(10_000);
const SECOND_HOST = "127.0.0.9";

let browser: Browser;
let admin: Admin;
let home: Home;
let url = "";
const crowd = new ManyPhones();

beforeAll(async () => {
  [browser, admin] = await Promise.all([openBrowser(), Admin.choose()]);
  home = await Home.open({ SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2", SLUICE_MAX_FLOWS_PER_SOURCE: "20000", SLUICE_EXPIRES_JITTER: "0" });
  url = `http://${admin.listen}/`;
  await crowd.register(CROWD, home.port);
}, 120_000);

afterAll(async () => {
  await Promise.all([browser.close(), home.close(), crowd.close()]);
});

async function ask(path: string): Promise<Record<string, unknown>> {
  return (await admin.get(`/api/${path}`)).json;
}

/** The command that the page shows, run as it stands. */
async function runShown(page: Page): Promise<string> {
  const [, ...words] = (await page.textContent("#list-command code"))?.split(" ") ?? [];
  const { code, out, err } = await sluice(words, { SLUICE_ADMIN_LISTEN: admin.listen });
  expect(code, err).toBe(0);
  return out;
}

function rowsOf(page: Page, text: string): ReturnType<Page["locator"]> {
  return page.locator("#list-table tbody tr", { hasText: text });
}

test("SA-11 one phone among thousands is found in under a second, and how many are registered is said exactly", async () => {
  const lena = await home.phone("lena", "tcp");
  await home.register(lena, { instance: instanceOf("lena") });
  const { page, faults } = await openBoard(browser, url);
  await isLive(page);
  const { registered } = (await ask("status")) as { registered: { addresses: number } };
  expect(registered.addresses).toBeGreaterThan(CROWD);
  await until(() => page.locator("#tiles a", { hasText: "registered AORs" }).locator("b").textContent()).toBe(registered.addresses.toLocaleString("en"));
  await search(page, "lena@example.com");
  await until(() => page.textContent("#phone-title")).toBe("sip:lena@example.com");
  await until(() => page.locator("#flows tbody tr").count()).toBe(1);
  expect(Number(await page.getAttribute("#phone", "data-milliseconds"))).toBeLessThan(1_000);
  expect(await page.textContent("#bindings")).toContain(lena.at);
  // The last of all to be silent, and found in that list too.
  expect((await ask("silent?q=lena"))["rows"]).toHaveLength(1);
  expect(faults).toEqual([]);
});

test("whose registration ends next, who is silent, who comes and goes, who is refused, what ended: a list, a heading, a row, the phone", async () => {
  const flap = await home.phone("flap", "tcp");
  for (let round = 0; round < 3; round += 1) {
    await home.register(flap, { instance: instanceOf("flap") });
    await flap.close();
    await home.connect(flap, "tcp");
  }
  await home.register(flap, { instance: instanceOf("flap"), expires: 600 });
  const rude = await home.phone("rude", "udp", 0, "127.0.0.8");
  await rude.say("MESSAGE sip:nobody-at-all@example.com SIP/2.0\nFrom: <sip:rude@example.com>;tag=1\nTo: <sip:nobody-at-all@example.com>\nCall-ID: rude@rude");
  expect((await rude.next()).status).toBeGreaterThanOrEqual(400);
  await until(async () => ((await ask("flappers")) as { rows: { ends: number }[] }).rows[0]?.ends).toBe(3);

  const { page, faults } = await openBoard(browser, url);
  await isLive(page);
  const questions = [
    { list: "Bindings", sorted: "expires in", row: "sip:flap@example.com", phone: "sip:flap@example.com" },
    { list: "Silent", sorted: "age", row: "sip:user", phone: /^sip:user\d+@example\.com$/ },
    { list: "Flappers", sorted: "last", row: "sip:flap@example.com", phone: "sip:flap@example.com" },
    { list: "Refused", sorted: "status", row: "127.0.0.8", phone: "127.0.0.8" },
    { list: "History", sorted: "", row: "sip:flap@example.com", phone: "sip:flap@example.com" },
    { list: "Ended", sorted: "lasted", row: "sip:flap@example.com", phone: "sip:flap@example.com" },
  ];
  for (const { list, sorted, row, phone } of questions) {
    await chooseList(page, list);
    if (sorted !== "") {
      await page.locator("#list-table th button", { hasText: new RegExp(`^${sorted}$`) }).click();
      await until(() => page.locator("#list-table th[aria-sort]").textContent()).toBe(sorted);
    }
    await until(() => rowsOf(page, row).count()).toBeGreaterThan(0);
    expect(await runShown(page)).toContain(row);
    await rowsOf(page, row).first().locator("td").nth(1).click();
    await until(() => page.textContent("#phone-title")).toMatch(phone);
    await until(() => page.textContent("#phone-now")).not.toBe("Looking …");
  }
  // Escape leads back to the list as it was.
  await page.keyboard.press("Escape");
  await until(() => page.locator("#list-table th[aria-sort]").textContent()).toBe("lasted");
  await search(page, "flap@example.com");
  await until(() => page.textContent("#phone-now")).toMatch(/^Registered for another \d+ min \d+ s\. 1 flow now\. 3 flows of it ended this hour\.$/);
  expect(faults).toEqual([]);
});

test("a heading sorts, once more the other way round; the count is exact, the filter filters, More brings more, and a reload keeps it all", async () => {
  const { page, faults } = await openBoard(browser, `${url}#list=silent&q=user1`);
  await until(() => page.locator("#list-table tbody tr").count()).toBe(50);
  const { total } = (await ask("silent?q=user1&limit=1")) as { total: number };
  expect(await page.textContent("#list-count")).toMatch(new RegExp(`^50 of ${total.toLocaleString("en")}, at `));
  const first = async (): Promise<string | null> => page.locator("#list-table tbody tr").first().locator("td").first().textContent();
  await page.locator("#list-table th button", { hasText: "phone" }).click();
  await until(() => page.getAttribute("#list-table th[aria-sort]", "aria-sort")).toBe("ascending");
  expect(await first()).toMatch(/^sip:user10+@example\.com$/);
  await page.locator("#list-table th button", { hasText: "phone" }).click();
  await until(first).toBe("sip:user1@example.com");
  expect(await page.getAttribute("#list-table th[aria-sort]", "aria-sort")).toBe("descending");
  expect(await page.textContent("#list-command code")).toBe("sluice silent user1 --sort=-aor");
  await page.click("#list-more");
  await until(() => page.locator("#list-table tbody tr").count()).toBe(100);
  await page.reload();
  await until(first).toBe("sip:user1@example.com");
  await page.goBack();
  await until(first).toMatch(/^sip:user10+@example\.com$/);
  await page.fill("#list-word", "user12@");
  await page.press("#list-word", "Enter");
  await until(() => page.textContent("#list-count")).toMatch(/^1, at /);
  expect(faults).toEqual([]);
});

test("who sends the most: counted while the page looks", async () => {
  const loud = await home.phone("loud", "tcp", 0, "127.0.0.7");
  await home.register(loud, { instance: instanceOf("loud") });
  const { page, faults } = await openBoard(browser, url);
  await isLive(page);
  // It talks from before the question until the list has been made.
  let isMade = false;
  const talk = async (): Promise<void> => {
    while (!isMade) await loud.settle();
  };
  const look = async (): Promise<void> => {
    await page.locator("#places a", { hasText: "Top talkers" }).click();
    await until(() => rowsOf(page, "127.0.0.7").count()).toBe(1);
  };
  await Promise.all([talk(), look().finally(() => (isMade = true))]);
  await rowsOf(page, "127.0.0.7").locator("a", { hasText: "sip:loud@example.com" }).click();
  await until(() => page.textContent("#phone-title")).toBe("sip:loud@example.com");
  expect(faults).toEqual([]);
});

test("a bar opens the flows that it counts", async () => {
  const { page, faults } = await openBoard(browser, url);
  await isLive(page);
  await until(() => page.locator("#survey a").count()).toBe(14);
  for (const [what, path] of [["age", "ages"], ["silence", "silence"]] as const) {
    await page.locator("#places a", { hasText: "Overview" }).click();
    const bars = page.locator("#survey li").locator(`a[href*="${what}="]`);
    await bars.first().click();
    await until(() => page.textContent("#list-about")).toMatch(what === "age" ? /^Connections of an age < 30 s/ : /^Silent for < 30 s/);
    await until(() => page.getAttribute("#list-table", "aria-busy")).toBe(null);
    expect(await page.textContent("#list-command code")).toBe(`sluice flows --${what} 0-30`);
    // All classes together hold every flow once.
    const { [path]: counts } = (await ask("survey")) as Record<"ages" | "silence", number[]>;
    const ranges = ["0-30", "30-60", "60-300", "300-3600", "3600-21600", "21600-86400", "86400-"];
    const listed = await Promise.all(ranges.map(async (range) => ((await ask(`flows?limit=1000&${what}=${range}`)) as { flows: unknown[] }).flows.length));
    const sum = (all: readonly number[]): number => all.reduce((one, other) => one + Math.min(other, 1_000), 0);
    expect(sum(listed)).toBe(sum(counts));
  }
  expect(faults).toEqual([]);
});

test("the registration is counted down; a flow is closed, a source banned and the ban lifted, bindings removed: each after a confirmation", async () => {
  const tess = await home.phone("tess", "tcp", 0, SECOND_HOST);
  await tess.say(`${home.registerOf(tess, { instance: instanceOf("tess"), expires: 600 })}\nUser-Agent: Softphone 4`);
  await tess.response(200);
  const { page, faults } = await openBoard(browser, `${url}#phone=sip%3Atess%40example.com`);
  await until(() => page.textContent("#bindings")).toContain("Softphone 4");
  const left = async (): Promise<number> => {
    const [, minutes, seconds] = /another (\d+) min (\d+) s/.exec((await page.textContent("#phone-now")) ?? "") ?? [];
    return Number(minutes) * 60 + Number(seconds);
  };
  const before = await left();
  expect(before).toBeGreaterThan(500);
  await until(left).toBeLessThan(before);

  const order = async (button: string): Promise<void> => {
    await page.locator("#flows button", { hasText: button }).click();
    await until(() => page.isVisible("#order")).toBe(true);
  };
  await order("Close");
  expect(await page.textContent("#order-text")).toContain(`tcp ${tess.at} of sip:tess@example.com`);
  await page.locator("#order button", { hasText: "Cancel" }).click();
  await tess.settle();
  expect(tess.wire.isOpen).toBe(true);
  await order("Close");
  await page.click("#order-go");
  await tess.wire.closed;
  await until(() => page.textContent("#said")).toBe("The flow is closed.");
  await until(() => page.textContent("#phone-now")).toContain("No flow now. 1 flow of it ended this hour.");
  expect(await page.textContent("#ended")).toContain("closed by the operator or a drain");

  await home.connect(tess, "tcp", 0, SECOND_HOST);
  await home.register(tess, { instance: instanceOf("tess") });
  await until(() => page.locator("#flows tbody tr").count()).toBe(1);
  await page.click("#bindings-remove");
  await page.click("#order-go");
  await until(() => page.textContent("#said")).toBe("sip:tess@example.com has no bindings now.");
  await until(() => page.textContent("#phone-now")).toMatch(/^Not registered\. 1 flow now\./);
  await order("Ban");
  expect(await page.inputValue("#order-address")).toBe(SECOND_HOST);
  await page.click("#order-go");
  await tess.wire.closed;
  await chooseList(page, "Bans");
  await until(() => rowsOf(page, SECOND_HOST).count()).toBe(1);
  await rowsOf(page, SECOND_HOST).locator("button").click();
  await page.click("#order-go");
  await until(() => page.textContent("#list-table")).toBe("Nothing to show.");
  await home.connect(tess, "tcp", 0, SECOND_HOST);
  await home.register(tess, { instance: instanceOf("tess") });
  expect(faults).toEqual([]);
});

test("a call between two phones is a ladder with both of them by name", async () => {
  const [anna, bert] = [await home.phone("anna", "tcp"), await home.phone("bert", "tcp")];
  for (const phone of [anna, bert]) await home.register(phone, { instance: instanceOf(phone.name) });
  const { page, faults } = await openBoard(browser, `${url}#phone=sip%3Aanna%40example.com`);
  await until(() => page.textContent("#trace")).toMatch(/while this page is open/);
  await bert.say(`INVITE sip:anna@example.com SIP/2.0\nTo: <sip:anna@example.com>\nCall-ID: ladder@${bert.scene}\nContact: <sip:bert@${bert.at}>`);
  await anna.request("INVITE");
  await anna.reply("486 Busy Here");
  await bert.response(486);
  await until(() => page.locator("#ladder .lanes b").allTextContents()).toEqual(expect.arrayContaining(["anna", "server", "bert"]));
  await until(() => page.locator("#ladder li .failure").count()).toBe(2);
  const rung = page.locator("#ladder li", { hasText: "INVITE anna@example.com" }).first();
  await until(() => rung.textContent()).toMatch(/ bert to server: INVITE anna@example\.com$/);
  expect(faults).toEqual([]);
});

test("a standalone server is not reported as lacking an upstream", async () => {
  const { page, faults } = await openBoard(browser, url);
  await until(() => page.textContent("#upstreams")).toContain("none is needed");
  expect(await page.locator("#upstreams .fail").count()).toBe(0);
  expect(faults).toEqual([]);
});
