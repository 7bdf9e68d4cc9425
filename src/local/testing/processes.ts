/** For tests: what the system says of processes. */
import { runScript } from "../kafka/shell.ts";

/** Whether a process runs; a zombie does not. */
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
