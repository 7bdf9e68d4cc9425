/** What processes and logs have used, as the system tells it. */
import type { Broker } from "../local/kafka/broker.ts";
import { LOG_DIRECTORY } from "../local/kafka/java_runtime.ts";

/** What a process has used so far, according to Linux; NaN on other systems. */
export interface Usage {
  /** Largest resident size, MiB. */
  readonly peakMiB: number;
  readonly cpuSeconds: number;
}

/** Clock ticks a second in /proc: 100 on every Linux that matters. */
const TICKS_PER_SECOND = 100;

export async function usageOf(pid: number): Promise<Usage> {
  // Deno opens files of /proc itself only with all permissions.
  const cat = new Deno.Command("cat", {
    args: [`/proc/${pid}/stat`, `/proc/${pid}/status`],
    stderr: "null",
  });
  const text = await cat.output()
    .then(({ stdout }) => new TextDecoder().decode(stdout))
    .catch(() => "");
  return parseUsage(text);
}

/** @param text of /proc/PID/stat and /proc/PID/status */
export function parseUsage(text: string): Usage {
  // After the name in brackets: state, then eleven fields, then ticks in user and in system mode.
  const fields = text.slice(text.indexOf(") ") + 2).split(" ");
  return {
    peakMiB: Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? NaN) / 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
  };
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
