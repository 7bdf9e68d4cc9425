/** What the tests of processes ask the system. */
import { assert } from "@std/assert";
import { runScript } from "../kafka/shell.ts";

const LIMIT_MS = 20_000;
const POLL_MS = 20;

/** Waits until `condition` holds; fails after 20 s. */
export async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + LIMIT_MS; !await condition();) {
    assert(performance.now() < deadline, `not within ${LIMIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Whether a process runs; one that has ended and that nobody has waited for yet does not. */
export async function isAlive(pid: number): Promise<boolean> {
  const { stdout } = await runScript('ps -o stat= -p "$1"', [String(pid)]);
  return isRunning(stdout.trim());
}

/** How many processes run in the group that `pid` leads or led. */
export async function groupSize(pid: number): Promise<number> {
  const { stdout } = await runScript("ps -A -o pgid= -o stat=", []);
  return stdout.split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([group, state]) => group === String(pid) && isRunning(state ?? ""))
    .length;
}

function isRunning(state: string): boolean {
  return state !== "" && !state.startsWith("Z");
}
