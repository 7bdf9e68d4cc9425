/** `deno task audit`: proves from the log and the tables that every order is accounted for. */
import { formatCount } from "../runtime/format.ts";
import { integer, jsonSettings } from "../runtime/setting.ts";
import { runProgram } from "../program.ts";
import { accessChecks, kafkaSettings } from "../kafka/access.ts";
import { storeSettings } from "../database/settings.ts";
import { pause } from "../runtime/shutdown.ts";
import { withAdmin } from "../kafka/client/client.ts";
import { allCaughtUp, whatWaits } from "../kafka/readers/backlog.ts";
import { committedOffsets } from "../kafka/offsets/committed_offsets.ts";
import { type OpenLog, withLog } from "../kafka/readers/open_log.ts";
import { openTables, type Tables } from "../services/tables.ts";
import { audit, type AuditReport, type NotAtRest } from "./audit.ts";
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
 * Orders on their way are unfinished, and so a failure: gives them `limitS` seconds to arrive.
 *
 * @returns what was still to be read when the time was up; undefined when it was all read
 */
async function untilAtRest(
  { kafka, names }: OpenLog,
  limitS: number,
  signal: AbortSignal,
): Promise<NotAtRest | undefined> {
  const deadline = performance.now() + limitS * 1_000;
  while (!signal.aborted && !await allCaughtUp(kafka, names)) {
    if (performance.now() >= deadline) {
      const notAtRest = { afterS: limitS, waiting: await whatWaits(kafka, names) };
      for (const line of notAtRestLines(notAtRest)) console.error(`audit: ${line}`);
      return notAtRest;
    }
    await pause(POLL_MS, signal);
  }
}

async function auditLog(
  log: OpenLog,
  tables: Tables,
  waitS: number,
  signal: AbortSignal,
): Promise<AuditReport> {
  const notAtRest = waitS > 0 ? await untilAtRest(log, waitS, signal) : undefined;
  return await withAdmin(log.kafka, async (admin) => {
    const judged = await audit({
      ...log,
      committedOffsets: (group, topic) => committedOffsets(admin, group, topic),
      tables,
      signal,
      onProgress: tellProgress(),
    });
    // Before the first order nothing has made them yet.
    const missing = passed(judged) ? [] : tables.missing();
    const report = { ...judged, notes: [...judged.notes, ...missing] };
    return notAtRest ? { ...report, notAtRest } : report;
  });
}

Deno.exit(
  await runProgram({
    name: "audit",
    settings: {
      waitS: integer({
        option: "wait",
        fallback: "0",
        min: 0,
        max: 3_600,
        help: "seconds that orders on their way have to arrive before the audit begins",
      }),
      ...jsonSettings,
      ...kafkaSettings,
      ...storeSettings,
    },
    checks: [...accessChecks],
    examples: [
      ["--wait 60", "gives orders on their way a minute to arrive; exit code 1 if a check fails"],
      ["--json", "for another program"],
    ],
    async run({ config, signal }) {
      const tables = openTables(config);
      try {
        const report = await withLog(
          config,
          "audit",
          signal,
          (log) => auditLog(log, tables, config.waitS, signal),
        );
        console.log(config.json ? reportJson(report) : reportLines(report).join("\n"));
        return passed(report) ? 0 : 1;
      } finally {
        await tables.close();
      }
    },
  }),
);
