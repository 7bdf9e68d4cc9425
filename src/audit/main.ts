/** `deno task audit`: proves from the log and the tables that every order is accounted for. */
import { dirname, join } from "node:path";
import { formatCount } from "../runtime/format.ts";
import { type Config, flag, integer, jsonSettings, newFile } from "../runtime/setting.ts";
import { caller, runProgram } from "../program.ts";
import { accessChecks, kafkaSettings } from "../kafka/access.ts";
import { storeSettings } from "../database/settings.ts";
import { pause } from "../runtime/shutdown.ts";
import { withAdmin } from "../kafka/client/client.ts";
import { isReadTo, whatWaits } from "../kafka/readers/backlog.ts";
import { createLogStates } from "../kafka/log_watch/log_states.ts";
import { committedOffsets } from "../kafka/offsets/committed_offsets.ts";
import { type OpenLog, withLog } from "../kafka/readers/open_log.ts";
import { type Topic, TOPIC_NAMES } from "../topology.ts";
import { serviceTables } from "../services/definitions.ts";
import { providerSettings } from "../services/payment/settings.ts";
import { openTables, type Tables } from "../services/tables.ts";
import { type AuditFile, type AuditReport, type NotAtRest, openAuditFile } from "./audit.ts";
import { refuseCompacted } from "./compaction.ts";
import { follow, followLines } from "./follow.ts";
import { type Cut, endOffsets } from "./load/topics.ts";
import { publish, publishedReport, publishSettings } from "./publish/publish.ts";
import { notAtRestLines, passed, reportJson, reportLines } from "./report.ts";

const PROGRESS_MS = 2_000;
const POLL_MS = 500;

/** Says now and then on stderr how far it is; a short audit says nothing. */
function tellProgress(): (what: string, count: number) => void {
  let last = performance.now();
  return (what, count) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    console.error(`audit: ${formatCount(count)} records and rows read, now ${what}`);
  };
}

/**
 * Follows the orders that are placed now to their end, topic by topic in the order of the flow, for up to
 * `limitS` seconds: what is placed meanwhile is not waited for.
 *
 * @returns up to where the topics are processed; and what was still to be read when the time was up
 */
async function followToTheEnd(
  { kafka, reader, names }: OpenLog,
  limitS: number,
  signal: AbortSignal,
): Promise<{ cut: Cut; notAtRest?: NotAtRest }> {
  const deadline = performance.now() + limitS * 1_000;
  const cut = new Map<Topic, ReadonlyMap<number, number>>();
  for (const topic of TOPIC_NAMES) {
    const ends = await reader.endsByTopic([names.topic(topic)]);
    cut.set(topic, endOffsets(ends.get(names.topic(topic)) ?? new Map()));
    while (!signal.aborted && !await isReadTo(kafka, names, ends)) {
      if (performance.now() >= deadline) {
        const notAtRest = { afterS: limitS, waiting: await whatWaits(kafka, names) };
        for (const line of notAtRestLines(notAtRest)) console.error(`audit: ${line}`);
        return { cut, notAtRest };
      }
      await pause(POLL_MS, signal);
    }
  }
  return { cut };
}

async function judgeLog(
  log: OpenLog,
  tables: Tables,
  { waitS, file, gatewayUrl }: { waitS: number; file: AuditFile; gatewayUrl: string },
  signal: AbortSignal,
): Promise<AuditReport> {
  const unchecked = await withAdmin(log.kafka, (admin) => refuseCompacted(admin, log.names));
  const { cut, notAtRest } = waitS > 0
    ? await followToTheEnd(log, waitS, signal)
    : { cut: undefined, notAtRest: undefined };
  const logs = createLogStates(log.kafka);
  return await withAdmin(log.kafka, async (admin) => {
    const judged = await file.audit({
      ...log,
      topicIds: logs.topicIds,
      committedOffsets: (group, topic) => committedOffsets(admin, group, topic),
      tables,
      ...cut && { cut },
      ...gatewayUrl && { foreignGateway: gatewayUrl },
      signal,
      onProgress: tellProgress(),
    });
    // Before the first order nothing has made them yet.
    const missing = passed(judged) ? [] : tables.missing();
    const report = { ...judged, notes: [...unchecked, ...judged.notes, ...missing] };
    return notAtRest ? { ...report, notAtRest } : report;
  }).finally(() => logs.close());
}

/** Audits, and publishes the report: the verdict is the same whether or not that is possible. */
async function auditLog(
  log: OpenLog,
  tables: Tables,
  options: Parameters<typeof judgeLog>[2] & { publish: boolean },
  signal: AbortSignal,
): Promise<AuditReport> {
  const startedAt = new Date();
  const report = await judgeLog(log, tables, options, signal);
  // Stopped, it has no verdict.
  if (options.publish && !signal.aborted) {
    const times = { startedAt, finishedAt: new Date() };
    const why = await publish(log, publishedReport(report, times));
    if (why !== undefined) console.error(`audit: its report is not published: ${why}`);
  }
  return report;
}

/** Seconds that a followed audit gives orders on their way, unless `--wait` says how many. */
const FOLLOW_WAIT_S = 30;

interface Target {
  readonly config: Config<typeof kafkaSettings & typeof providerSettings> & {
    json: boolean;
    waitS: number;
    everyS: number;
    publish: boolean;
  };
  readonly tables: Tables;
  readonly database: string;
  readonly signal: AbortSignal;
}

async function auditOnce({ config, tables, database, signal }: Target): Promise<AuditReport> {
  const file = openAuditFile(database, await serviceTables());
  try {
    const report = await withLog(
      config,
      caller("audit"),
      signal,
      (log) => auditLog(log, tables, { ...config, file }, signal),
    );
    console.log(config.json ? reportJson(report) : reportLines(report).join("\n"));
    return report;
  } finally {
    file.close();
  }
}

/** @returns the last report; undefined when there was none, or the last audit failed */
async function auditOnAndOn(
  { config, tables, database, signal }: Target,
): Promise<AuditReport | undefined> {
  const waitS = config.waitS || FOLLOW_WAIT_S;
  const orderTables = await serviceTables();
  return await follow({
    everyMs: config.everyS * 1_000,
    open() {
      removeFile(database);
      return openAuditFile(database, orderTables);
    },
    audit: (file) =>
      withLog(
        config,
        caller("audit"),
        signal,
        (log) => auditLog(log, tables, { ...config, waitS, file }, signal),
      ),
    onReport: (report, before) =>
      console.log(
        config.json ? reportJson(report, 0) : followLines(report, before).join("\n"),
      ),
    onFailure: (reason) => console.error(`audit: ${reason}`),
    signal,
  });
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

Deno.exit(
  await runProgram({
    name: "audit",
    failsIf: "a check fails, or there was nothing to judge",
    settings: {
      waitS: integer({
        option: "wait",
        fallback: "0",
        min: 0,
        max: 3_600,
        help: "seconds that orders on their way have to arrive before the audit begins",
      }),
      database: newFile({
        option: "database",
        fallback: "",
        expected: "a file in .data, or in a folder below it (the task may write to no other)",
        help: "keeps what the audit has loaded in this new SQLite file, for questions of your own",
      }),
      follow: flag({
        option: "follow",
        fallback: "false",
        help:
          "audits again and again until Ctrl-C, reading on where it was; waits 30 s without --wait",
      }),
      everyS: integer({
        option: "every",
        fallback: "60",
        min: 1,
        max: 86_400,
        help: "seconds from one audit to the next, with --follow",
      }),
      ...publishSettings,
      ...jsonSettings,
      ...kafkaSettings,
      ...storeSettings,
      ...providerSettings,
    },
    checks: [...accessChecks],
    examples: [
      ["--wait 60", "gives orders on their way a minute to arrive"],
      ["--database .data/audit.sqlite", "keeps what it has read, for questions with sqlite3"],
      ["--follow", "a short report each minute, of what is new, until Ctrl-C"],
      ["--json", "for another program; with --follow a line for each audit"],
    ],
    async run({ config, signal }) {
      const tables = openTables(config);
      const database = config.database || join(config.dataDir, `audit-${Deno.pid}.sqlite`);
      await Deno.mkdir(dirname(database), { recursive: true });
      const target = { config, tables, database, signal };
      let isKept = false;
      try {
        const report = await (config.follow ? auditOnAndOn(target) : auditOnce(target));
        // Stopped or failed, it may have read nothing, or half: the next audit may have the name.
        isKept = config.database !== "" && report?.checks !== undefined;
        if (isKept) console.error(`audit: everything is in ${database}: docs/audit.md`);
        return report && passed(report) ? 0 : 1;
      } finally {
        await tables.close();
        if (!isKept) removeFile(database);
      }
    },
  }),
);
