/** axe-core for tests, from npm: it finds what keeps people from using a page. */
import type { Page } from "playwright-core";
import { join } from "node:path";
import { npmProgram } from "../../testing/npm_program.ts";

const SCRIPT = "axe.min.js";

/** What axe-core finds, in all of its rules: a line each. */
export async function axeViolations(page: Page): Promise<string[]> {
  if (!await page.evaluate(() => "axe" in globalThis)) {
    const folder = await npmProgram(
      "axe",
      (folder) =>
        Deno.copyFile(join(folder, "node_modules/axe-core", SCRIPT), join(folder, SCRIPT)),
    );
    // Not as a script of the page, which allows only its own.
    await page.evaluate(await Deno.readTextFile(join(folder, SCRIPT)));
  }
  return await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as {
      axe: { run(): Promise<{ violations: Violation[] }> };
    }).axe.run();
    interface Violation {
      id: string;
      help: string;
      nodes: { html: string; any: { message: string }[] }[];
    }
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, any }) =>
        `${id}: ${help}: ${any.map(({ message }) => message).join("; ")}: ${html.slice(0, 200)}`
      )
    );
  });
}
