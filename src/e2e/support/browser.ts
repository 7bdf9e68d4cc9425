/**
 * A browser, started without a window and with an empty profile, and one page in it that notes what
 * must not happen: errors in its console, and requests that leave this machine.
 */
import { chromium, type Page } from "playwright-core";
import { browserProgram } from "../../testing/browser_program.ts";

/** No requests of its own, and what a container without a graphics card and with root alone needs. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings in the console, exceptions, and requests to elsewhere. */
  readonly faults: readonly string[];
}

/** @throws {Failure} there is no browser on this system, and npm's cannot be had */
export async function openPage(url: string): Promise<TestPage> {
  const { executablePath, env } = await browserProgram();
  const browser = await chromium.launch({
    executablePath,
    env: { ...Deno.env.toObject(), ...env },
    args: ARGUMENTS,
  });
  const page = await browser.newPage({
    viewport: { width: 1280, height: 720 },
    // Some browsers turn the locale C into a language that does not exist.
    locale: "en-US",
  });
  const faults: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) faults.push(request.url());
  });
  await page.goto(url);
  return { page, faults, [Symbol.asyncDispose]: () => browser.close() };
}
