/**
 * The system's Chromium, started without a window and with an empty profile, and one page in it that
 * notes what must not happen: errors in its console, and requests that leave this machine.
 */
import { type Browser, chromium, type Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** No calls home, and what a container without a graphics card and with root alone needs. */
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

/** @throws with what to install, where there is no Chromium */
export async function openPage(url: string): Promise<TestPage> {
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
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

async function launch(): Promise<Browser> {
  for (const executablePath of PLACES) {
    try {
      await Deno.stat(executablePath);
    } catch {
      continue;
    }
    return await chromium.launch({ executablePath, args: ARGUMENTS });
  }
  throw new Error(
    `the page is tested in a real browser, and there is none: install Debian's package chromium ` +
      `(looked at ${PLACES.join(", ")})`,
  );
}
