/**
 * `deno task bench`: the pipeline flat out with exactly-once on and off, its latency at a steady rate,
 * and its memory, beside Kafka's own tools on the same broker in the same run. Compare figures of one
 * machine with each other, not with those of another machine.
 *
 * `--compression all` compares the codecs instead: what each costs and saves.
 */
import { alignColumns, formatCount } from "../runtime/format.ts";
import { choice, integer } from "../runtime/setting.ts";
import { runProgram } from "../program.ts";
import { COMPRESSIONS } from "../kafka/access.ts";
import { storeSettings } from "../database/settings.ts";
import { CONSUMERS } from "../topology.ts";
import { openRun, type Run } from "../local/run.ts";
import { kafkaTools, logBytes, usageOf } from "./measure.ts";

const settings = {
  ...storeSettings,
  orders: integer({
    option: "orders",
    fallback: "60000",
    min: 1_000,
    max: 10_000_000,
    help: "orders of each flat-out run",
  }),
  warmUp: integer({
    option: "warm-up",
    fallback: "20000",
    min: 0,
    max: 1_000_000,
    help: "orders placed before anything is measured",
  }),
  rate: integer({
    option: "rate",
    fallback: "1000",
    min: 1,
    max: 100_000,
    help: "orders a second of the run whose latency is measured",
  }),
  seconds: integer({
    option: "seconds",
    fallback: "20",
    min: 5,
    max: 3_600,
    help: "how long that run takes",
  }),
  compression: choice({
    option: "compression",
    fallback: "none",
    words: [...COMPRESSIONS, "all"],
    help: `how messages are written: ${COMPRESSIONS.join(", ")}; all: these beside each other`,
  }),
};

interface FlatOut {
  readonly settledPerSecond: number;
  /** What an order takes on the broker's disk, in all topics together. */
  readonly logBytesPerOrder: number;
  readonly usage: readonly {
    readonly process: string;
    readonly peakMiB: number;
    /** Of this run alone, microseconds. */
    readonly cpuPerOrder: number;
  }[];
}

async function flatOut(run: Run, orders: number, signal: AbortSignal): Promise<FlatOut> {
  const pids = new Map<string, number>([
    ...CONSUMERS.map((service) => [service, run.pipeline.members(service)[0]!.pid] as const),
    ["Kafka", run.cluster!.nodes[0]!.pid],
  ]);
  const all = () =>
    Promise.all([...pids].map(async ([process, pid]) => ({ process, ...await usageOf(pid) })));
  const before = await all();
  const bytesBefore = await logBytes(run.cluster!.nodes[0]!);
  await run.place({ orders, rate: 0, seed: 2 }, signal, () => {});
  const after = await all();
  const { settled, firstPlacedAtMs, lastOutcomeAtMs } = run.tally();
  return {
    settledPerSecond: 1_000 * settled / (lastOutcomeAtMs - firstPlacedAtMs),
    logBytesPerOrder: (await logBytes(run.cluster!.nodes[0]!) - bytesBefore) / orders,
    usage: after.map(({ process, peakMiB, cpuSeconds }, i) => ({
      process,
      peakMiB,
      cpuPerOrder: 1e6 * (cpuSeconds - before[i]!.cpuSeconds) / orders,
    })),
  };
}

/** Runs `measure` on a pipeline of its own, warmed up. */
async function withPipeline<T>(
  options: {
    dataDir: string;
    databaseUrl: string;
    guarantee: string;
    compression: string;
    orders: number;
    warmUp: number;
  },
  signal: AbortSignal,
  measure: (run: Run) => Promise<T>,
): Promise<T> {
  const initialStock = 10 * (options.orders + options.warmUp);
  const run = await openRun({
    ...options,
    initialStock,
    partitions: 12,
    env: { COMPRESSION: options.compression },
    onNotice: () => {},
  });
  try {
    for (const service of CONSUMERS) await run.pipeline.scale(service, 1);
    if (options.warmUp > 0) {
      await run.place({ orders: options.warmUp, rate: 0, seed: 1 }, signal, () => {});
    }
    return await measure(run);
  } finally {
    await run.close();
  }
}

/** What each codec costs and saves, one pipeline after the other. */
async function compareCodecs(
  config: { dataDir: string; databaseUrl: string; orders: number; warmUp: number },
  signal: AbortSignal,
): Promise<Row[]> {
  const rows: Row[] = [["", "orders settled", "log an order", "CPU an order: ours", "Kafka"]];
  for (const compression of COMPRESSIONS) {
    if (signal.aborted) break;
    console.error(`${compression}: warm-up, then ${formatCount(config.orders)} orders flat out`);
    const { settledPerSecond, logBytesPerOrder, usage } = await withPipeline(
      { ...config, compression, guarantee: "exactly_once" },
      signal,
      (run) => flatOut(run, config.orders, signal),
    );
    const cpuOf = (isKafka: boolean) =>
      usage.filter(({ process }) => (process === "Kafka") === isKafka)
        .reduce((sum, { cpuPerOrder }) => sum + cpuPerOrder, 0);
    rows.push([
      compression,
      `${formatCount(settledPerSecond)} /s`,
      `${formatCount(logBytesPerOrder)} bytes`,
      `${formatCount(cpuOf(false))} µs`,
      `${formatCount(cpuOf(true))} µs`,
    ]);
  }
  return rows;
}

type Row = readonly string[];

const table = (rows: readonly Row[]) =>
  alignColumns(rows, "   ").map((line) => line.trimEnd()).join("\n");
const seconds = (ms: number) => `${(ms / 1_000).toFixed(3)} s`;

Deno.exit(
  await runProgram({
    name: "bench",
    settings,
    examples: [
      ["", "exactly once and at least once, beside Kafka's own tools"],
      ["--compression all --orders 20000", "what each codec costs and saves"],
    ],
    async run({ config, signal }) {
      const { orders, rate } = config;
      const say = (line: string) => console.error(line);
      if (config.compression === "all") {
        const rows = await compareCodecs(config, signal);
        if (signal.aborted) return 1;
        return console.log(table(rows));
      }
      say(
        `exactly_once: warm-up, then ${formatCount(orders)} orders flat out, then ${rate} orders/s`,
      );
      const exactly = await withPipeline(
        { ...config, guarantee: "exactly_once" },
        signal,
        async (run) => {
          const fast = await flatOut(run, orders, signal);
          await run.place({ orders: rate * config.seconds, rate, seed: 3 }, signal, () => {});
          const { latency } = run.tally();
          await run.pipeline.stop();
          say("Kafka's own tools on the same broker");
          const tools = await kafkaTools(run.cluster!);
          return { ...fast, p50: latency.quantile(0.5), p99: latency.quantile(0.99), tools };
        },
      );
      say("at_least_once: the same");
      const atLeast = await withPipeline(
        { ...config, guarantee: "at_least_once" },
        signal,
        (run) => flatOut(run, orders, signal),
      );
      if (signal.aborted) return 1;

      const base = exactly.settledPerSecond;
      const row = (what: string, perSecond: number): Row => [
        what,
        `${formatCount(perSecond)} /s`,
        (perSecond / base).toFixed(2),
      ];
      console.log(table([
        ["", "figure", "ratio"],
        row("orders settled, exactly once", base),
        row("orders settled, at least once", atLeast.settledPerSecond),
        ["exactly once of at least once", "", (base / atLeast.settledPerSecond).toFixed(2)],
        [`latency p50 at ${formatCount(rate)} orders/s`, seconds(exactly.p50), ""],
        [`latency p99 at ${formatCount(rate)} orders/s`, seconds(exactly.p99), ""],
        ["log on disk an order", `${formatCount(exactly.logBytesPerOrder)} bytes`, ""],
        ...exactly.usage.map(({ process, peakMiB, cpuPerOrder }): Row => [
          `${process}: CPU an order, peak memory`,
          `${formatCount(cpuPerOrder)} µs`,
          `${formatCount(peakMiB)} MiB`,
        ]),
        ...exactly.tools.map(({ tool, perSecond }) => row(tool, perSecond)),
      ]));
    },
  }),
);
