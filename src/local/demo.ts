/**
 * `deno task demo`: a whole run, from an empty Kafka to the proof that every order is accounted for.
 * Each part runs as the process that its own task would start; this one only starts, watches and
 * stops them.
 */
import { formatAddress } from "../runtime/setting.ts";
import { formatCount, plural } from "../runtime/format.ts";
import { Failure } from "../runtime/errors.ts";
import { writableFolder } from "./kafka/folders.ts";
import type { Logger } from "../runtime/log.ts";
import { aborted } from "../runtime/shutdown.ts";
import { runProgram } from "../program.ts";
import { type AccessConfig, kafkaAccess, prepareAccess } from "../kafka/access.ts";
import { createClient } from "../kafka/client/client.ts";
import { clusterReady } from "../kafka/client/cluster_ready.ts";
import { settings as analyticsSettings } from "../services/analytics/settings.ts";
import { checks, type DemoConfig, settings } from "./demo_settings.ts";
import { freePort, isFree } from "./kafka/ports.ts";
import type { Progress } from "./settle_orders.ts";
import { openRun, type Run } from "./run.ts";
import { disturbNodes, superviseNodes } from "./supervise.ts";
import { figureLines, figuresOf, type Phase } from "./figures.ts";
import { bundlePage } from "./task.ts";

async function demo(config: DemoConfig, log: Logger, signal: AbortSignal): Promise<number> {
  const progress = createProgressLine(Deno.stderr.isTerminal());
  const onNotice = (line: string) => {
    progress.clear();
    console.error(line);
  };
  await writableFolder(config.dataDir);
  if (config.external) {
    await untilReachable({ ...config, brokers: config.external }, log, signal, onNotice);
  }
  const page = await preparePage(config.httpHost, onNotice);
  const run = await openRun({
    ...config,
    security: config,
    nodes: Number(config.nodes),
    // As many pieces as orders: then a few percent of them find something sold out.
    initialStock: Math.max(20_000, config.orders),
    env: page.env,
    onNotice,
  });
  const closing = new AbortController();
  try {
    for (const [service, members] of config.replicas) await run.pipeline.scale(service, members);
    onNotice(`Watch it at ${page.url}`);
    const { disturb } = config;
    let share = 0;
    const nodes = watchNodes(run, {
      disturb,
      share: () => share,
      signal: AbortSignal.any([signal, closing.signal]),
      onNotice,
    });
    const placing = placeAll(run, config, signal, {
      onNotice,
      onProgress(now) {
        share = now.settled / now.total;
        progress.show(now);
      },
    });
    const phases = await nodes.orFailure(placing);
    share = 1;
    await nodes.orFailure(nodes.disturbed);
    if (signal.aborted) {
      onNotice("Stopped before all orders were settled.");
      return 1;
    }
    const isSettled = phases.every(({ placing, tally }) => tally.settled >= placing.acknowledged);
    onNotice(
      `${
        isSettled ? "All" : "Not all"
      } orders are settled; checking each of them against the log and the databases.`,
    );
    if (!config.keep) await run.pipeline.stop();
    const passed = await report(run, phases, config);
    const tell = config.json ? console.error : console.log;
    if (config.keep) {
      tell(whatToTry(run, page.url));
      await aborted(signal);
    } else {
      tell(
        "\nWith --keep everything stays up, for you to scale services, kill members and trace orders.",
      );
    }
    return passed ? 0 : 1;
  } finally {
    closing.abort();
    progress.clear();
    await run.close();
  }
}

/**
 * Audits, and prints what came of the orders.
 *
 * @returns whether the audit passed
 */
async function report(
  run: Run,
  phases: readonly Phase[],
  { json }: Pick<DemoConfig, "json">,
): Promise<boolean> {
  const figures = figuresOf(phases);
  const lines = ["", ...figureLines(figures)].join("\n");
  if (!json) {
    const passed = await run.audit();
    console.log(lines);
    return passed;
  }
  const audit = await run.auditAsJson();
  console.error(lines);
  console.log(JSON.stringify({ passed: audit.passed, ...figures, audit }, null, 2));
  return audit.passed;
}

/** Waits for a cluster that is not started here. */
async function untilReachable(
  config: AccessConfig,
  log: Logger,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<void> {
  prepareAccess(config, log);
  const access = kafkaAccess(config);
  const kafka = createClient(access, `demo-${Deno.pid}`);
  await clusterReady(kafka, { access, topics: [], signal, onWait });
  if (signal.aborted) throw new Failure("stopped before Kafka answered");
}

/** Where the page will be, and the settings of analytics for it: everything in the log is counted. */
async function preparePage(httpHost: string, onNotice: (line: string) => void) {
  const fault = await bundlePage();
  if (fault) onNotice(`The dashboard has no page, because it could not be bundled:\n${fault}`);
  const preferred = Number(analyticsSettings.dashboardPort.fallback);
  const port = await isFree(preferred) ? preferred : await freePort();
  if (port !== preferred) onNotice(`Port ${preferred} is taken; the dashboard uses another.`);
  return {
    url: `http://${formatAddress({ host: httpHost, port })}/`,
    env: { DASHBOARD_PORT: `${port}`, ANALYTICS_FROM_BEGINNING: "true", HTTP_HOST: httpHost },
  };
}

/** A node takes some 10 s to come back, twice: without a rate all orders would be settled before that. */
const DISTURBED_S = 90;
/** Shows the latency of a pipeline that keeps up: a part of the orders, for a few seconds. */
const STEADY = { rate: 1_000, seconds: 3, share: 1 / 5 };

/** Unless the settings say how fast: first at a rate, then as fast as it can. */
function phasesOf(
  { disturb, rate, orders }: Pick<DemoConfig, "disturb" | "rate" | "orders">,
): readonly { name: string; orders: number; rate: number }[] {
  if (disturb && !rate) {
    const rate = Math.ceil(orders / DISTURBED_S);
    const name = `At ${formatCount(rate)} orders a second, so that they flow while nodes are away`;
    return [{ name, orders, rate }];
  }
  const steady = Math.min(STEADY.rate * STEADY.seconds, Math.floor(orders * STEADY.share));
  if (rate !== undefined || steady === 0) return [{ name: "", orders, rate: rate ?? 0 }];
  return [
    { name: `At ${formatCount(STEADY.rate)} orders a second`, orders: steady, rate: STEADY.rate },
    { name: "As fast as it can", orders: orders - steady, rate: 0 },
  ];
}

async function placeAll(
  run: Run,
  config: DemoConfig,
  signal: AbortSignal,
  { onNotice, onProgress }: {
    onNotice: (line: string) => void;
    onProgress: (progress: Progress) => void;
  },
): Promise<Phase[]> {
  const done: Phase[] = [];
  let [placed, settled] = [0, 0];
  for (const { name, ...how } of phasesOf(config)) {
    if (signal.aborted) break;
    if (name) onNotice(`${name}: ${plural(how.orders, "order")}`);
    const placing = await run.place({ ...how, seed: config.seed }, signal, (now) =>
      onProgress({
        placed: placed + now.placed,
        settled: settled + now.settled,
        total: config.orders,
      }));
    const tally = run.tally();
    done.push({ name, placing, tally });
    placed += placing.acknowledged;
    settled += tally.settled;
  }
  return done;
}

/**
 * Keeps the nodes of Kafka running until `signal` aborts: one of several that ends is started again.
 * With `disturb` it first restarts and kills them itself.
 */
function watchNodes(
  { cluster }: Run,
  options: { disturb: boolean } & Parameters<typeof disturbNodes>[1],
) {
  const disturbed = cluster && options.disturb ? disturbNodes(cluster, options) : Promise.resolve();
  const watching = disturbed.then(() => cluster && superviseNodes(cluster, options));
  watching.catch(() => {});
  return {
    /** Resolves when each node has been disturbed. */
    disturbed,
    /** What `work` resolves to; rejects when the nodes fail before. */
    orFailure: <T>(work: Promise<T>) => Promise.race([work, watching.then(() => work)]),
  };
}

const BAR_WIDTH = 24;
const LINE_EVERY_MS = 2_000;

/** On stderr: a bar that is redrawn in a terminal, else a line now and then. */
function createProgressLine(terminal: boolean) {
  const encoder = new TextEncoder();
  let drawn = false;
  let lastLineAt = 0;
  let last: Progress | undefined;
  return {
    show(progress: Progress): void {
      if (terminal) {
        Deno.stderr.writeSync(encoder.encode(`\r\x1b[2K${bar(progress)}`));
        drawn = true;
      } else if (performance.now() - lastLineAt >= LINE_EVERY_MS && differs(progress, last)) {
        lastLineAt = performance.now();
        last = progress;
        console.error(text(progress));
      }
    },
    /** Takes the bar away, before anything else is printed. */
    clear(): void {
      if (drawn) Deno.stderr.writeSync(encoder.encode("\r\x1b[2K"));
      drawn = false;
    },
  };
}

function differs(a: Progress, b: Progress | undefined): boolean {
  return a.placed !== b?.placed || a.settled !== b?.settled;
}

function text({ placed, settled, total }: Progress): string {
  return `placed ${formatCount(placed)}, settled ${formatCount(settled)} of ${formatCount(total)}`;
}

function bar(progress: Progress): string {
  const { settled, placed, total } = progress;
  const cells = (n: number) => total === 0 ? 0 : Math.round(BAR_WIDTH * Math.min(1, n / total));
  const done = cells(settled);
  const ahead = Math.max(0, cells(placed) - done);
  return `${"█".repeat(done)}${"▒".repeat(ahead)}${"░".repeat(BAR_WIDTH - done - ahead)} ` +
    text(progress);
}

function whatToTry(run: Run, page: string): string {
  const { envFile } = run;
  return `
Everything is still running; Ctrl-C stops it. Meanwhile:
  watch           ${page} in a browser
  more orders     deno task simulator --env ${envFile} --orders 10000 --rate 500
  scale           deno task validator --env ${envFile}
  look at one     deno task trace ${run.exampleOrder()} --env ${envFile}
  dead letters    deno task dlq list validator --env ${envFile}
  check again     deno task audit --env ${envFile}`;
}

Deno.exit(
  await runProgram({
    name: "demo",
    failsIf: "the audit fails",
    settings,
    examples: [
      [
        "--orders 100000 --rate 2000 --replicas validator=2,payment=2",
        "longer, and with more copies",
      ],
      [
        "--nodes 3 --disturb",
        "on three Kafka nodes that are restarted and killed while orders flow",
      ],
      ["--json", "prints its figures and the audit's report, for other programs"],
      ["--keep", "leaves everything running, with the dashboard, until Ctrl-C"],
    ],
    checks,
    run: ({ config, log, signal }) => demo(config, log, signal),
  }),
);
