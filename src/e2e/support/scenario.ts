/** One run of the whole pipeline that is disturbed, and what must hold after it. */
import { assert, assertEquals } from "@std/assert";
import { openRun, type Run, type RunOptions } from "../../local/run.ts";
import { until } from "../../runtime/until.ts";
import { type Names, PROCESSORS, type Service, TOPIC_NAMES } from "../../topology.ts";
import type { Cluster } from "../../local/kafka/cluster.ts";

export interface ScenarioOptions extends Partial<RunOptions> {
  readonly orders: number;
  /** Orders a second. */
  readonly rate: number;
  readonly seed?: number;
  /** Members of each service (default: 1). */
  readonly replicas?: Partial<Record<Service, number>>;
  /** Whether the scenario may violate a check of the audit in this way. */
  readonly mayFail?: (check: FailedCheck) => boolean;
}

export interface FailedCheck {
  readonly title: string;
  /** The first of them. */
  readonly offenders: readonly { readonly who: string; readonly what: string }[];
}

/** How long the remaining orders may take to settle: a lost one would never. */
const SETTLE_LIMIT_MS = 300_000;
const SHARE_LIMIT_MS = 120_000;

interface Report {
  readonly events: Record<string, number>;
  readonly failed: readonly FailedCheck[];
}

/**
 * Places orders, runs `disturb` meanwhile, then waits until all is settled: the audit passes, and
 * Kafka's own consumer counts the same events.
 *
 * @param disturb is given the run, and a wait until a share of the orders, from 0 to 1, is settled
 */
export async function scenario(
  disturb: (run: Run, settled: (share: number) => Promise<void>) => Promise<void>,
  options: ScenarioOptions,
): Promise<void> {
  const { orders, rate, seed = 7, replicas = {}, mayFail = () => false, ...runOptions } = options;
  // Inside the project, where the tasks may write.
  await Deno.mkdir(".data", { recursive: true });
  const dataDir = await Deno.makeTempDir({ dir: ".data", prefix: "e2e-" });
  const notices: string[] = [];
  const run = await openRun({
    dataDir,
    partitions: 12,
    guarantee: "exactly_once",
    databaseUrl: "",
    // A port that no other process takes while the broker is down.
    port: 0,
    onNotice: (line) => notices.push(line),
    ...runOptions,
  });
  try {
    for (const service of PROCESSORS) await run.pipeline.scale(service, replicas[service] ?? 1);
    const settled = (share: number) =>
      until(
        `${share} of the orders settled`,
        () => run.tally().settled >= share * orders,
        SHARE_LIMIT_MS,
      );
    const late = await placeAndDisturb(run, { orders, rate, seed }, () => disturb(run, settled));
    await run.pipeline.stop();
    // Side by side: Kafka's consumer waits for further messages most of its time.
    const [report, counts] = await Promise.all([
      audit(run),
      countEvents(run.cluster!, run.names, IDLE_MS.short),
    ]);
    const broken = report.failed.filter((check) => !mayFail(check));
    // The audit's report names the orders.
    assert(
      !late,
      `${run.tally().settled} of ${orders} settled, or not all is read, ${SETTLE_LIMIT_MS} ms ` +
        `after the last disturbance; the audit: ${JSON.stringify(broken, undefined, 2)}`,
    );
    assertEquals(broken, []);
    await agreesWithKafkasConsumer(run, report.events, counts);
  } catch (error) {
    console.error(`notices:\n${notices.join("\n")}`);
    throw error;
  } finally {
    await run.close();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** @returns whether it was given up, because not all was settled in time */
async function placeAndDisturb(
  run: Run,
  orders: { orders: number; rate: number; seed: number },
  disturb: () => Promise<void>,
): Promise<boolean> {
  const stop = new AbortController();
  const placing = run.place(orders, stop.signal, () => {});
  placing.catch(() => {});
  let limit: ReturnType<typeof setTimeout> | undefined;
  let late = false;
  try {
    await disturb();
    limit = setTimeout(() => {
      late = true;
      stop.abort();
    }, SETTLE_LIMIT_MS);
    const { acknowledged, longestStallMs } = await placing;
    if (!late) assertEquals(acknowledged, orders.orders);
    console.log(`longest stall ${(longestStallMs / 1_000).toFixed(1)} s`);
  } finally {
    clearTimeout(limit);
    stop.abort();
    await placing.catch(() => {});
  }
  return late;
}

async function audit(run: Run): Promise<Report> {
  const { events, checks } = await run.auditAsJson();
  return { events, failed: checks.filter(({ passed }) => !passed) };
}

/** @param counts what the consumer counted; if it found fewer, it counts once more, with the long time */
async function agreesWithKafkasConsumer(
  run: Run,
  { OrderPlaced: _, ...published }: Record<string, number>,
  counts: Record<string, number>,
): Promise<void> {
  const sumOf = (of: Record<string, number>) => Object.values(of).reduce((a, b) => a + b, 0);
  if (sumOf(counts) < sumOf(published)) {
    counts = await countEvents(run.cluster!, run.names, IDLE_MS.long);
  }
  assertEquals(Object.entries(counts).toSorted(), Object.entries(published).toSorted());
}

// An independent count: Kafka's own console consumer, from the broker's jars, reads the committed
// events. It shares no code with our client, our reader and our audit.

/**
 * How long the console consumer waits for another message before it ends. That includes joining its
 * group, which on a busy machine may take longer than the short time.
 */
const IDLE_MS = { short: 4_000, long: 30_000 };

/**
 * Committed events on the order topics, by type. Without orders.raw: some of its messages are broken on
 * purpose, and only a decoder can tell which.
 */
async function countEvents(
  cluster: Cluster,
  names: Names,
  idleMs: number,
): Promise<Record<string, number>> {
  const topics = TOPIC_NAMES.filter((topic) => topic !== "orders.raw")
    .map((topic) => names.topic(topic).replaceAll(".", "\\.")).join("|");
  const printed = await cluster.runTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
    ...["--bootstrap-server", cluster.bootstrap],
    ...["--include", topics],
    ...["--isolation-level", "read_committed"],
    ...["--timeout-ms", String(idleMs)],
    "--from-beginning",
  ]);
  const counts: Record<string, number> = {};
  for (const line of printed.split("\n")) {
    const type = /"type":"(\w+)"/.exec(line)?.[1];
    if (type) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}
