/** Makes the dashboard's page ready to be served: `deno task dashboard:bundle`. */
import { fileURLToPath } from "node:url";
import { writableFolder } from "../runtime/folder.ts";
import { lastLines } from "./kafka/shell.ts";
import { PROJECT } from "./supervise.ts";

/**
 * Takes about a second. The first time, it fetches the bundler from npm.
 *
 * @returns undefined, or why there is no page
 */
export async function bundlePage(): Promise<string | undefined> {
  try {
    await writableFolder(fileURLToPath(new URL("dist/dashboard", PROJECT)), "the dashboard's page");
  } catch (error) {
    return (error as Error).message;
  }
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "dashboard:bundle"],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  // Behind it Deno prints a backtrace, without a symbol in it.
  const [said = ""] = new TextDecoder().decode(stderr).split("\nStack backtrace:");
  return success ? undefined : lastLines(said, 3);
}
