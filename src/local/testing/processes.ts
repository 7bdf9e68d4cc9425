/** For tests: what the system says of processes. */
import { runScript } from "../kafka/shell.ts";

/** A line for each process: its id, its group, its state. A small Linux has no `ps`; macOS has no /proc. */
const PROCESSES = `
  if [ -r /proc/1/stat ]; then
    cat /proc/[0-9]*/stat 2>/dev/null | sed -nE 's/^([0-9]+) \\(.*\\) ([A-Z]) [0-9]+ ([0-9]+) .*/\\1 \\3 \\2/p'
  else
    ps -A -o pid= -o pgid= -o stat=
  fi`;

/** Those that run; a zombie does not. */
async function running(): Promise<{ pid: number; group: number }[]> {
  const { stdout } = await runScript(PROCESSES, []);
  return stdout.split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => state !== undefined && !state.startsWith("Z"))
    .map(([pid, group]) => ({ pid: Number(pid), group: Number(group) }));
}

export async function isAlive(pid: number): Promise<boolean> {
  return (await running()).some((process) => process.pid === pid);
}

/** How many processes run in the group that `pid` leads or led. */
export async function groupSize(pid: number): Promise<number> {
  return (await running()).filter(({ group }) => group === pid).length;
}
