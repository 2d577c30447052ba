/** A headless Chromium for the dashboard. */
import { type Browser, chromium } from "playwright-core";

// The sanitizer runtime is for our own program; Chromium does not start with it.
const { LD_PRELOAD: _sanitizer, ...ENVIRONMENT } = process.env;

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    env: ENVIRONMENT,
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
}
