/** `deno task audit`: proves from the log and the tables that every order is accounted for. */
import { flag } from "../../runtime/config.ts";
import { runProgram } from "../../runtime/program.ts";
import { kafkaSettings, loginIsWhole, storeSettings } from "../../runtime/settings.ts";
import { withLog } from "../open_log.ts";
import { openTables } from "../tables.ts";
import { audit } from "./audit.ts";
import { passed, reportJson, reportLines } from "./report.ts";

const PROGRESS_MS = 2_000;

/** Says now and then on stderr how far it is; a short audit says nothing. */
function tellProgress(): (what: string, count: number) => void {
  let last = performance.now();
  return (what, count) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    console.error(`audit: ${count.toLocaleString("en")} records and rows read, now ${what}`);
  };
}

Deno.exit(
  await runProgram({
    name: "audit",
    settings: {
      ...kafkaSettings,
      ...storeSettings,
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
          ({ reader, names }) =>
            audit({ reader, names, tables, signal, onProgress: tellProgress() }),
        );
        console.log(config.json ? reportJson(report) : reportLines(report).join("\n"));
        return passed(report) ? 0 : 1;
      } finally {
        await tables.close();
      }
    },
  }),
);
