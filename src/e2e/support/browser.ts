/**
 * A browser for tests: the system's Chromium or Chrome, or else npm's; started without a window and with
 * an empty profile, and one page in it that notes what must not happen: errors in its console, and requests
 * that leave this machine.
 */
import { chromium, type Page } from "playwright-core";
import { join } from "node:path";
import { deno, npmProgram, ONLY_NPM, PLATFORM } from "../../testing/npm_program.ts";
import type { Need } from "../../testing/skips.ts";

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

/** How long a locator may wait: a busy machine takes many times what an idle one does. */
const LIMIT_MS = 90_000;

interface TestPage extends AsyncDisposable {
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
  page.setDefaultTimeout(LIMIT_MS);
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

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The one platform that npm's package is for. */
const IN_NPM = "linux-x64";

export const BROWSER: Need = {
  tested: "the dashboard in a browser",
  missing() {
    if (onSystem() || PLATFORM === IN_NPM) return undefined;
    return `there is no Chromium or Chrome, and npm has none for ${PLATFORM} (install one)`;
  },
};

interface BrowserProgram {
  readonly executablePath: string;
  /** What it needs to find its own libraries and fonts. */
  readonly env: Readonly<Record<string, string>>;
}

/** npm's is fetched if need be (70 MB, once). */
async function browserProgram(): Promise<BrowserProgram> {
  const system = onSystem();
  if (system) return { executablePath: system, env: {} };
  const folder = join(await npmProgram("chromium", unpack), "unpacked");
  const libraries = [join(folder, "al2023/lib"), Deno.env.get("LD_LIBRARY_PATH")];
  return {
    executablePath: join(folder, "chromium"),
    env: {
      LD_LIBRARY_PATH: libraries.filter(Boolean).join(":"),
      FONTCONFIG_PATH: join(folder, "fonts"),
    },
  };
}

function onSystem(): string | undefined {
  if (ONLY_NPM) return undefined;
  return PLACES.find((place) => {
    try {
      return Deno.statSync(place).isFile;
    } catch {
      return false;
    }
  });
}

/** The package unpacks itself into the folder for temporary files; its fonts expect to lie in /tmp. */
async function unpack(folder: string): Promise<void> {
  const unpacked = join(folder, "unpacked");
  await Deno.mkdir(unpacked);
  const script = `import chromium from "@sparticuz/chromium"; await chromium.executablePath();`;
  // On Amazon's Lambda it unpacks the shared libraries, too, that a bare system lacks.
  await deno(["eval", script], folder, { TMPDIR: unpacked, AWS_LAMBDA_JS_RUNTIME: "nodejs22.x" });
  await Deno.writeTextFile(
    join(unpacked, "fonts/fonts.conf"),
    `<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>\n`,
  );
}
