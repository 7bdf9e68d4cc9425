/** `deno task audit`: proves from the log and the tables that every order is accounted for. */
import { flag, integer } from "../../runtime/config.ts";
import { runProgram } from "../../runtime/program.ts";
import { kafkaSettings, loginIsWhole, storeSettings } from "../../runtime/settings.ts";
import { pause } from "../../runtime/stop.ts";
import { allCaughtUp } from "../../stream/all_caught_up.ts";
import { type OpenLog, withLog } from "../open_log.ts";
import { openTables } from "../tables.ts";
import { audit } from "./audit.ts";
import { passed, reportJson, reportLines } from "./report.ts";

const PROGRESS_MS = 2_000;
const POLL_MS = 500;

/** Says now and then on stderr how far it is; a short audit says nothing. */
function tellProgress(): (what: string, count: number) => void {
  let last = performance.now();
  return (what, count) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    console.error(`audit: ${count.toLocaleString("en")} records and rows read, now ${what}`);
  };
}

/** Orders on their way are unfinished, and so a failure: gives them `limitS` seconds to arrive. */
async function untilAtRest({ kafka, names }: OpenLog, limitS: number, signal: AbortSignal) {
  const deadline = performance.now() + limitS * 1_000;
  while (performance.now() < deadline && !signal.aborted && !await allCaughtUp(kafka, names)) {
    await pause(POLL_MS, signal);
  }
}

Deno.exit(
  await runProgram({
    name: "audit",
    settings: {
      ...kafkaSettings,
      ...storeSettings,
      waitS: integer({
        option: "wait",
        fallback: "0",
        min: 0,
        max: 3_600,
        help: "seconds that orders on their way are given to arrive before the audit begins",
      }),
      json: flag({ option: "json", fallback: "false", help: "for machines" }),
    },
    checks: [loginIsWhole],
    async run({ config, signal }) {
      const tables = openTables(config);
      try {
        const report = await withLog(
          config,
          "audit",
          signal,
          async (log) => {
            if (config.waitS > 0) await untilAtRest(log, config.waitS, signal);
            return audit({ ...log, tables, signal, onProgress: tellProgress() });
          },
        );
        console.log(config.json ? reportJson(report) : reportLines(report).join("\n"));
        return passed(report) ? 0 : 1;
      } finally {
        await tables.close();
      }
    },
  }),
);
