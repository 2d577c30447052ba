/** The dashboard in a real browser, as its tests see it. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";

/** Set to a folder to take the pictures of docs: `node scripts/pictures.mjs`. */
const PICTURES = process.env["SLUICE_PICTURES"];
export const picturing = PICTURES !== undefined;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 10_000 * Number(process.env["TEST_PATIENCE"] ?? "1");

export interface Look {
  readonly scheme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** The server refuses something, or is gone, and the browser logs that. */
  readonly refusals?: boolean;
  /** The page gets a clock of its own, `page.clock`. */
  readonly ownClock?: boolean;
}

export interface Board {
  readonly page: Page;
  /** Errors of the page, what its policy forbids, and requests to anybody else. */
  readonly faults: readonly string[];
}

export async function openBoard(browser: Browser, url: string, { scheme = "light", width = 1440, height = 1000, refusals = false, ownClock = false }: Look = {}): Promise<Board> {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height }, reducedMotion: "reduce", permissions: ["clipboard-read", "clipboard-write"] });
  // An open page goes on drawing, and so would those of all earlier tests.
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (refusals && /Failed to load resource|WebSocket connection/.test(text)) return;
    if (message.type() === "error" || /Content Security Policy/.test(text)) faults.push(text);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url.replace(/#.*$/, ""))) faults.push(`asked for ${request.url()}`);
  });
  if (ownClock) await page.clock.install();
  await page.goto(url);
  return { page, faults };
}

export function until<T>(read: () => Promise<T>): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: PATIENCE });
}

/** The page has its numbers. */
export async function isLive(page: Page): Promise<void> {
  await until(() => page.textContent("#state")).toBe("up");
}

/** Searches as an operator does. */
export async function search(page: Page, word: string): Promise<void> {
  await page.keyboard.press("/");
  await page.keyboard.type(word);
  await page.keyboard.press("Enter");
}

/** The first click of every question. */
export async function chooseList(page: Page, title: string): Promise<void> {
  await page.locator("#places a", { hasText: new RegExp(`^${title}$`) }).click();
  await until(() => page.textContent("#list-title")).toBe(title);
  await until(() => page.getAttribute("#list-table", "aria-busy")).toBe(null);
}

/** What WCAG 2.2 AA forbids and axe finds, and a page that must be scrolled sideways. */
export async function barriers(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate<string[]>(`axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] })
    .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target, any }) => id + ": " + target.join(" ") + " " + (any[0]?.message ?? ""))))`);
  const [content = 0, room = 0] = await page.evaluate<number[]>("[document.documentElement.scrollWidth, document.documentElement.clientWidth]");
  return content > room ? [...found, `${content} pixels wide, on ${room}`] : found;
}

/** The same for a page that cannot be opened anew: it changes its looks. */
export async function barriersInEveryLook(page: Page): Promise<readonly string[]> {
  const found: string[] = [];
  for (const scheme of ["light", "dark"]) {
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await page.evaluate(`document.documentElement.dataset.theme = "${scheme}"`);
      for (const barrier of await barriers(page)) found.push(`${scheme}, ${width} wide: ${barrier}`);
    }
  }
  return found;
}

/** `from`: what stands at the top. */
export async function picture(page: Page, name: string, from = "body"): Promise<void> {
  if (PICTURES === undefined) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.evaluate(`(document.querySelector("${from}") ?? document.body).scrollIntoView()`);
  // On a phone's screen, what it shows at once.
  await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: (page.viewportSize()?.width ?? 0) > 600, caret: "initial" });
}
