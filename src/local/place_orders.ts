/** Places orders and waits for what becomes of them: the simulator, and the pipeline behind it. */
import type { Kafka } from "kafkajs";
import { Failure } from "../runtime/errors.ts";
import { pause } from "../runtime/shutdown.ts";
import { allCaughtUp } from "../kafka/offsets/backlog.ts";
import type { Names } from "../topology.ts";
import { createStall, type Placing, type Tally } from "./tally.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Progress } from "./progress_line.ts";
import { startTask } from "./supervise.ts";

export interface Orders {
  readonly orders: number;
  /** Orders a second; 0 as fast as it can. */
  readonly rate: number;
  readonly seed: number;
}

const POLL_MS = 200;
/** Longer than any member, coordinator or transaction is waited for: what is open then is lost. */
const STALL_LIMIT_MS = 120_000;

/**
 * Resolves when each order that was acknowledged has its outcome and no service has anything left to
 * read, when nothing has been settled for two minutes, or when `signal` aborts.
 *
 * @throws {Error} the simulator failed
 * @throws {Failure} a service keeps dying
 */
export async function placeOrders(
  { orders, rate, seed }: Orders,
  { kafka, names, env, pipeline, tally, signal, onProgress, onNotice }: {
    kafka: Kafka;
    names: Names;
    env: Readonly<Record<string, string>>;
    pipeline: Pipeline;
    tally: () => Tally;
    signal: AbortSignal;
    onProgress: (progress: Progress) => void;
    onNotice: (line: string) => void;
  },
): Promise<Placing> {
  const logFile = pipeline.logFile("simulator");
  const simulator = startSimulator({ orders, rate, seed }, env, logFile);
  const stall = createStall();
  const look = () => {
    const { placed, acknowledged } = simulator;
    const { settled } = tally();
    onProgress({ placed, settled, total: orders });
    stall.look({ settled, acknowledged }, performance.now());
  };
  const goOn = () => !signal.aborted && stall.presentMs <= STALL_LIMIT_MS;
  const next = async () => {
    look();
    await pause(POLL_MS, signal);
    pipeline.throwIfFailed();
  };
  while (simulator.process.running && !signal.aborted) await next();
  if (signal.aborted) await simulator.process.stop(5_000);
  const code = await simulator.ended;
  if (!signal.aborted && code !== 0) {
    throw new Failure(`the simulator exited with ${code}: see ${logFile}`);
  }
  while (goOn() && tally().settled < simulator.acknowledged) await next();
  // Cancelled orders still have their stock released and their payment refunded.
  const deadline = performance.now() + STALL_LIMIT_MS;
  while (goOn() && !await allCaughtUp(kafka, names)) {
    if (performance.now() > deadline) {
      onNotice("The services do not get to the end of what they have to read; going on without.");
      break;
    }
    await next();
  }
  look();
  const { acknowledged, seconds } = simulator;
  if (!signal.aborted && !goOn()) {
    onNotice(
      `${acknowledged - tally().settled} orders are open, and none was settled for ` +
        `${STALL_LIMIT_MS / 1_000} s; going on without them.`,
    );
  }
  return { acknowledged, seconds, longestStallMs: stall.longestMs };
}

function startSimulator(
  { orders, rate, seed }: Orders,
  env: Readonly<Record<string, string>>,
  logFile: string,
) {
  const process = startTask({
    task: "simulator",
    name: "simulator",
    args: ["--orders", `${orders}`, "--rate", `${rate}`, "--seed", `${seed}`],
    env: { ...env, PROGRESS: "json" },
    logFile,
    stdout: "piped",
  });
  const startedAt = performance.now();
  /** What it has said so far. */
  const said = { placed: 0, acknowledged: 0, seconds: 0 };
  const reading = (async () => {
    for await (const text of process.lines) {
      const { placed, acknowledged } = JSON.parse(text);
      const seconds = (performance.now() - startedAt) / 1_000;
      Object.assign(said, { placed, acknowledged, seconds });
    }
  })();
  const ended = Promise.all([process.status, reading]).then(([{ code }]) => code);
  return Object.assign(said, { process, ended });
}
