/** The dashboard of one edge answers for its whole farm. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { openBrowser } from "../support/browser.js";
import { barriersInEveryLook, isLive, openBoard, search, until } from "../support/dashboard.js";
import { MAIN } from "../support/edge.js";
import { FarmOfEdges, TOKEN } from "../support/farm.js";
import { testWith } from "../support/test-with.js";

const test = testWith("chromium");
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(() => browser.close());

test("it lists the edges, finds a phone that another one has, and names an edge that does not answer", async () => {
  const farm = await FarmOfEdges.administered(3, MAIN);
  const U = await farm.client("U", 2, "tcp");
  await farm.register(U);
  const { page, faults } = await openBoard(browser, farm.adminUrl(1), { refusals: true });
  await page.waitForSelector("#login[open]");
  await page.fill("#token", TOKEN);
  await page.press("#token", "Enter");
  await isLive(page);
  await until(() => page.locator("#farm tbody tr").allTextContents()).toEqual([expect.stringMatching(/^1, this oneup/), expect.stringMatching(/^2up/), expect.stringMatching(/^3up/)]);
  expect(await barriersInEveryLook(page)).toEqual([]);
  await search(page, "somebody");
  await until(() => page.textContent("#phone-title")).toBe("sip:somebody@example.com");
  await until(() => page.locator("#elsewhere tbody tr").allTextContents()).toEqual([expect.stringMatching(/^2tcp.*sip:somebody@example\.com/)]);
  expect(await page.textContent("#flows")).toBe("None now.");
  expect(await barriersInEveryLook(page)).toEqual([]);
  await farm.edges[2]?.kill();
  await page.reload();
  await until(() => page.textContent("#elsewhere")).toMatch(/Edge 3: .*does not answer/);
  await page.keyboard.press("Escape");
  await until(() => page.locator("#farm tbody tr").nth(2).textContent()).toMatch(/does not answer/);
  expect(faults).toEqual([]);
});
