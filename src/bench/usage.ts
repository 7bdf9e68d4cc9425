/** What processes, the machine and the logs have used, as Linux tells it; NaN on other systems. */
import type { Broker } from "../local/kafka/broker.ts";
import { LOG_DIRECTORY } from "../local/kafka/java_runtime.ts";

/** What a process has used so far. */
export interface Usage {
  /** Largest resident size, MiB. */
  readonly peakMiB: number;
  readonly cpuSeconds: number;
  /** The same of it and of all its children that have ended. */
  readonly familyCpuSeconds: number;
  /** Since its start. */
  readonly ageSeconds: number;
}

/** What the machine's cores have done. */
export interface MachineUsage {
  readonly busySeconds: number;
  /** Of all cores together, busy or idle. */
  readonly seconds: number;
}

/** Clock ticks a second in /proc: 100 on every Linux that matters. */
const TICKS_PER_SECOND = 100;

/** Deno opens files of /proc itself only with all permissions. */
async function readAll(...files: string[]): Promise<string> {
  const cat = new Deno.Command("cat", { args: files, stderr: "null" });
  return await cat.output().then(({ stdout }) => new TextDecoder().decode(stdout)).catch(() => "");
}

export async function usageOf(pid: number): Promise<Usage> {
  return parseUsage(await readAll(`/proc/${pid}/stat`, `/proc/${pid}/status`, "/proc/uptime"));
}

/** @param text of /proc/PID/stat, /proc/PID/status and /proc/uptime */
export function parseUsage(text: string): Usage {
  // After the name in brackets: state, then ten fields, then ticks in user and in system mode, of the
  // process and then of its children.
  const [stat = ""] = text.split("\n", 1);
  const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ").map(Number);
  const uptime = Number(/^(\d+\.\d+) \d+\.\d+$/m.exec(text)?.[1] ?? NaN);
  return {
    peakMiB: Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? NaN) / 1024,
    cpuSeconds: (fields[11]! + fields[12]!) / TICKS_PER_SECOND,
    familyCpuSeconds: (fields[11]! + fields[12]! + fields[13]! + fields[14]!) / TICKS_PER_SECOND,
    ageSeconds: uptime - fields[19]! / TICKS_PER_SECOND,
  };
}

export async function machineUsage(): Promise<MachineUsage> {
  return parseMachineUsage(await readAll("/proc/stat"));
}

/** @param text of /proc/stat */
export function parseMachineUsage(text: string): MachineUsage {
  // User, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen by a host.
  const ticks = /^cpu +(.+)$/m.exec(text)?.[1]?.split(" ").slice(0, 8).map(Number) ?? [NaN];
  const seconds = ticks.reduce((sum, value) => sum + value, 0) / TICKS_PER_SECOND;
  const idle = ((ticks[3] ?? NaN) + (ticks[4] ?? NaN)) / TICKS_PER_SECOND;
  return { seconds, busySeconds: seconds - idle };
}

/**
 * What processes that do not belong to this one took of all cores meanwhile: a share from 0 to 1. Those
 * that belong to it must have ended.
 */
export async function noiseDuring<T>(
  work: () => Promise<T>,
): Promise<{ result: T; noise: number }> {
  const look = async () => ({ machine: await machineUsage(), own: await usageOf(Deno.pid) });
  const before = await look();
  const result = await work();
  const after = await look();
  const busy = after.machine.busySeconds - before.machine.busySeconds;
  const own = after.own.familyCpuSeconds - before.own.familyCpuSeconds;
  const seconds = after.machine.seconds - before.machine.seconds;
  return { result, noise: Math.max(0, busy - own) / seconds };
}

/** Bytes of all segments of topics, not of Kafka's own (`__…`). */
export async function logBytes({ directory }: Pick<Broker, "directory">): Promise<number> {
  let bytes = 0;
  const logs = `${directory}/${LOG_DIRECTORY}`;
  for await (const partition of Deno.readDir(logs)) {
    if (!partition.isDirectory || partition.name.startsWith("__")) continue;
    for await (const { name } of Deno.readDir(`${logs}/${partition.name}`)) {
      if (name.endsWith(".log")) {
        bytes += (await Deno.stat(`${logs}/${partition.name}/${name}`)).size;
      }
    }
  }
  return bytes;
}
