/** The simulator as a child process that tells how many orders it has placed. */
import { startTask, type TaskProcess } from "./task.ts";

export interface Orders {
  readonly orders: number;
  /** Orders a second; 0 as fast as it can. */
  readonly rate: number;
  readonly seed: number;
}

export interface Simulator {
  readonly process: TaskProcess;
  /** How many it is to place. */
  readonly orders: number;
  /** What it has reported so far. */
  readonly placed: number;
  readonly acknowledged: number;
  /** Resolves to its exit code when it has ended and everything that it reported is read. */
  readonly ended: Promise<number>;
}

/** @param options.project whose simulator it is (default: this project's) */
export function startSimulator(
  { orders, rate, seed }: Orders,
  options: { env: Readonly<Record<string, string>>; logFile: string; project?: URL },
): Simulator {
  const process = startTask({
    ...options,
    task: "simulator",
    name: "simulator",
    args: ["--orders", `${orders}`, "--rate", `${rate}`, "--seed", `${seed}`],
    env: { ...options.env, PROGRESS: "json" },
    stdout: "piped",
  });
  const reported = { placed: 0, acknowledged: 0 };
  const reading = (async () => {
    for await (const text of process.lines) {
      Object.assign(reported, reportIn(text));
    }
  })();
  const ended = Promise.all([process.status, reading]).then(([{ code }]) => code);
  return Object.assign(reported, { process, orders, ended });
}

/** What a line reports; nothing where it is not the simulator's but Deno's, such as a trace of V8. */
function reportIn(line: string): Partial<Pick<Simulator, "placed" | "acknowledged">> {
  try {
    const { placed, acknowledged } = JSON.parse(line);
    if (typeof placed === "number" && typeof acknowledged === "number") {
      return { placed, acknowledged };
    }
  } catch { /* not JSON */ }
  return {};
}
