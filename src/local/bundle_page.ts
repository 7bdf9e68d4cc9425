/** Makes the dashboard's page ready to be served: `deno task dashboard:bundle`. */
import { lastLines } from "./kafka/shell.ts";
import { PROJECT } from "./task_process.ts";

/**
 * Takes about a second. The first time, it fetches the bundler from npm.
 *
 * @returns undefined, or why there is no page
 */
export async function bundlePage(): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "dashboard:bundle"],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  return success ? undefined : lastLines(new TextDecoder().decode(stderr), 3);
}
