/** `deno task sim`: runs the services on a simulated cluster, a schedule of faults for each seed. */
import process from "node:process";
import { runProgram } from "../program.ts";
import { ConfigError } from "../runtime/config.ts";
import {
  choice,
  type Config,
  flag,
  integer,
  jsonSettings,
  number,
  type Setting,
} from "../runtime/setting.ts";
import { runCampaign, Runner, type WorkerPort } from "./schedules/campaign.ts";
import type { RunOptions } from "./schedules/explain.ts";
import {
  type Costs,
  coverageLines,
  progressLine,
  summaryJson,
  summaryLines,
  worthExplaining,
} from "./schedules/report.ts";
import type { Report } from "./schedules/messages.ts";
import { RUNS } from "./shape.ts";
import { type StatusLine, statusLine } from "./schedules/status_line.ts";
import type { Tally } from "./schedules/tally.ts";

const settings = {
  seed: optional(integer({
    option: "seed",
    fallback: "",
    fallbackHelp: "from the clock, and printed",
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    help: "the first seed; without --minutes and --schedules only this one is run",
  })),
  trace: flag({
    option: "trace",
    fallback: "false",
    help: "with --seed: prints all that happens, in virtual time",
  }),
  minutes: optional(number({
    option: "minutes",
    fallback: "",
    fallbackHelp: "1, or as long as --schedules takes",
    min: 0,
    max: 10_000,
    help: "runs as many schedules as fit",
  })),
  schedules: optional(integer({
    option: "schedules",
    fallback: "",
    fallbackHelp: "as many as fit",
    min: 1,
    max: 1_000_000_000,
    help: "how many schedules to run",
  })),
  untilFailure: flag({
    option: "until-failure",
    fallback: "false",
    help: "begins no schedule after one that broke a promise",
  }),
  orders: optional(integer({
    option: "orders",
    fallback: "",
    fallbackHelp: "20, and some hundred in a few schedules",
    min: 1,
    max: 100_000,
    help: "orders in each schedule",
  })),
  brokers: optional(choice({
    option: "brokers",
    fallback: "",
    fallbackHelp: "the seed decides",
    words: ["1", "3"],
    help: "how many brokers the cluster has",
  })),
  run: optional(choice({
    option: "run",
    fallback: "",
    fallbackHelp: "the seed decides",
    words: RUNS,
    help: "what runs: the four services, or the copier, which has no tables",
  })),
  jobs: optional(integer({
    option: "jobs",
    fallback: "",
    fallbackHelp: "one for each core",
    min: 1,
    max: 256,
    help: "how many schedules run at the same time",
  })),
  coverage: flag({
    option: "coverage",
    fallback: "false",
    help: "prints how often each fault and each error code was met",
  }),
  ...jsonSettings,
};

/** Undefined where it is not given. */
function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return {
    ...setting,
    read: (text, readFile) => text === "" ? undefined : setting.read(text, readFile),
  };
}

type Settings = Config<typeof settings>;

const DEFAULT_MINUTES = 1;
/** Failing seeds that are made small, and told in full. */
const MOST_EXPLAINED = 3;
const SHRINK = { mostRuns: 400, limitMs: 30_000 };

/** One schedule, which is told whether or not it fails. */
function isOne({ seed, minutes, schedules }: Settings): boolean {
  return seed !== undefined && minutes === undefined && schedules === undefined;
}

/** @throws {ConfigError} naming every fault */
function check(config: Settings): void {
  const faults: string[] = [];
  if (config.trace && !isOne(config)) {
    faults.push(
      "--trace: shows one schedule: name it with --seed, without --minutes or --schedules",
    );
  }
  if (config.json && (config.trace || config.coverage)) {
    faults.push("--json: prints what it found, without --trace and --coverage");
  }
  if (config.untilFailure && isOne(config)) {
    faults.push("--until-failure: is of many schedules: say --minutes or --schedules, too");
  }
  if (faults.length > 0) throw new ConfigError(faults);
}

function startWorker(): WorkerPort {
  const url = new URL("./schedules/worker.ts", import.meta.url);
  return new Worker(url, { type: "module" }) as unknown as WorkerPort;
}

/** @returns whether all promises were kept */
async function run(config: Settings, signal: AbortSignal): Promise<boolean> {
  const { orders, brokers, run, seed: first = Date.now() } = config;
  const options: RunOptions = { orders, brokers: brokers && Number(brokers) as 1 | 3, run };
  const count = isOne(config) ? 1 : config.schedules ?? Infinity;
  const minutes = config.minutes ?? (count === Infinity ? DEFAULT_MINUTES : Infinity);
  const status = statusLine();
  const jobs = Math.min(config.jobs ?? navigator.hardwareConcurrency, count);
  const runners = Array.from({ length: jobs }, () => new Runner(startWorker(), status.show));
  const costs = startCosts();
  try {
    if (config.trace) {
      console.log(linesOf(await runners[0]!.do({ kind: "tell", seed: first, options })));
    } else if (!isOne(config) && !config.json) console.log(`the first seed is ${first}`);
    const tally = await runCampaign(runners, {
      first,
      schedules: count,
      limitMs: minutes * 60_000,
      untilFailure: config.untilFailure,
      options,
      signal,
      onProgress: (tally) => status.show(progressLine(tally, costs().wallMs)),
    });
    if (config.json) {
      console.log(JSON.stringify(summaryJson(tally, first, costs()), null, 2));
      return tally.failures.length === 0;
    }
    const summary = summaryLines(tally, { first, options }, costs());
    status.clear();
    if (!config.trace) await explain(tally, runners[0]!, options, signal, status);
    if (config.coverage) console.log(coverageLines(tally).join("\n"));
    console.log(summary.join("\n"));
    return tally.failures.length === 0;
  } finally {
    status.clear();
    for (const runner of runners) runner.stop();
  }
}

/** Of this process, with its workers, since now. */
function startCosts(): () => Costs {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { wallMs: performance.now() - startedAt, cpuMs: (user + system) / 1_000 };
  };
}

async function explain(
  { failures }: Tally,
  runner: Runner,
  options: RunOptions,
  signal: AbortSignal,
  status: StatusLine,
): Promise<void> {
  for (const seed of worthExplaining(failures, MOST_EXPLAINED)) {
    if (signal.aborted) return;
    const report = await runner.do({ kind: "explain", seed, options, limits: SHRINK });
    status.clear();
    console.log(`${linesOf(report) ?? `seed ${seed}: failed once, and not again`}\n`);
  }
}

function linesOf(report: Report): string | undefined {
  return report.kind === "told" ? report.lines?.join("\n") : undefined;
}

Deno.exit(
  await runProgram({
    name: "sim",
    failsIf: "a promise was broken",
    settings,
    examples: [
      ["--minutes 2", "as many new schedules as fit"],
      ["--seed 42 --trace", "one schedule, with all that happens in it"],
      ["--seed 42 --schedules 1000 --coverage", "the same thousand schedules each time"],
    ],
    async run({ config, signal }) {
      check(config);
      return await run(config, signal) ? 0 : 1;
    },
  }),
);
