/** A browser for tests: the system's Chromium or Chrome, or else npm's. */
import { join } from "node:path";
import { deno, npmProgram, ONLY_NPM, PLATFORM } from "./npm_program.ts";
import type { Need } from "./skips.ts";

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

export interface BrowserProgram {
  readonly executablePath: string;
  /** What it needs to find its own libraries and fonts. */
  readonly env: Readonly<Record<string, string>>;
}

/** npm's is fetched if need be (70 MB, once). */
export async function browserProgram(): Promise<BrowserProgram> {
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
