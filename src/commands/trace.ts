/** `deno task trace ORDER_ID`: everything that happened to one order, as a timeline. */
import { flag, jsonSettings } from "../runtime/setting.ts";
import { caller, runProgram, shellWord, withEnvFile } from "../program.ts";
import { accessChecks, kafkaSettings } from "../kafka/access.ts";
import { storeSettings, type TablesConfig } from "../database/settings.ts";
import { withLog } from "../kafka/readers/open_log.ts";
import { alignColumns } from "../runtime/format.ts";
import { printable } from "../runtime/printable.ts";
import { serviceDefinitions } from "../services/definitions.ts";
import { databasesOf } from "../services/service.ts";
import { openTables, type Owned } from "../services/tables.ts";
import { findRecords } from "../order_history/find.ts";
import {
  buildTimeline,
  type Step,
  type TableRow,
  type Timeline,
} from "../order_history/timeline.ts";

/** All tables with a row an order. */
async function orderTables(): Promise<Owned[]> {
  return (await serviceDefinitions()).flatMap(databasesOf).flatMap(({ owner, orderTables }) =>
    orderTables.map((table) => ({ owner, table }))
  );
}

async function readRows(place: TablesConfig, orderId: string): Promise<TableRow[]> {
  const tables = openTables(place);
  try {
    const rows: TableRow[] = [];
    for (const owned of await orderTables()) {
      const row = await tables.row(owned, orderId);
      if (row) rows.push({ table: `${owned.owner}.${owned.table.name}`, row });
    }
    return rows;
  } finally {
    await tables.close();
  }
}

/** What was searched, and how to search more. */
function searched(orderId: string, partition: number | undefined, allPartitions: boolean): string {
  if (partition === undefined) return "there are no order topics: `deno task topics` creates them";
  if (allPartitions) return "searched all partitions and the dead letters";
  return `searched partition ${partition}, where its key belongs, and the dead letters; ` +
    `\`deno task trace ${shellWord(printable(orderId))} --all-partitions\` ` +
    "searches the others, too: " +
    "an order from before partitions were added may be in one of them";
}

/** Characters of a column that are shown; --json shows all. */
const MAX_COLUMN = 80;

/** Nothing that came from outside reaches the terminal raw. */
export function timelineLines(timeline: Timeline): string[] {
  const { orderId, placedAt, steps, rows, conclusion } = timeline;
  const head = `order ${printable(orderId)}` +
    (placedAt === null ? ", when it was placed cannot be read" : `, placed at ${placedAt}`);
  return [
    head,
    ...columns(steps.map(stepCells)),
    ...(rows.length > 0 ? ["rows:", ...columns(rows.map(rowCells))] : ["rows: none"]),
    withEnvFile(printable(conclusion, 1_000)),
  ];
}

function stepCells({ sinceMs, topic, partition, offset, event, text }: Step): string[] {
  const since = `${sinceMs < 0 ? "-" : "+"}${(Math.abs(sinceMs) / 1_000).toFixed(3)} s`;
  return [since.padStart(9), topic, `${partition}@${offset}`, printable(event), printable(text)];
}

/** Without the key, which is the order's id, and without what is empty. */
function rowCells({ table, row }: TableRow): string[] {
  const columns = Object.entries(row).slice(1).filter(([, value]) => value !== null);
  return [
    table,
    columns.map(([name, value]) => `${name}=${printable(String(value), MAX_COLUMN)}`).join("  "),
  ];
}

function columns(rows: readonly (readonly string[])[]): string[] {
  return alignColumns(rows, "  ", () => true).map((line) => `  ${line}`);
}

if (import.meta.main) {
  Deno.exit(
    await runProgram({
      name: "trace",
      failsIf: "nothing is known of the order",
      settings: {
        allPartitions: flag({
          option: "all-partitions",
          fallback: "false",
          help: "searches all partitions, not only the one where the order's key belongs",
        }),
        ...jsonSettings,
        ...kafkaSettings,
        ...storeSettings,
      },
      checks: [...accessChecks],
      actions: [{ usage: "ORDER_ID", help: "its events, dead letters and rows, by time" }],
      examples: [
        ["r1-000042", "the order with this id"],
        ["r1-000042 --all-partitions --json", "wherever it is, for another program"],
      ],
      async run({ config, positionals, signal }) {
        const orderId = positionals[0]!;
        const { allPartitions } = config;
        const search = await withLog(
          config,
          caller("trace"),
          signal,
          (log) => findRecords(log, orderId, { allPartitions, signal }),
        );
        if (signal.aborted) return 1;
        for (const line of search.unread) console.error(`trace: ${line}: left out`);
        const timeline = buildTimeline(orderId, search, await readRows(config, orderId));
        const where = withEnvFile(searched(orderId, search.partition, allPartitions));
        if (!timeline) {
          console.error(`trace: nothing is known of order ${printable(orderId)}: ${where}`);
          return 1;
        }
        if (timeline.steps.length === 0) console.error(`trace: ${where}`);
        console.log(
          config.json ? JSON.stringify(timeline, null, 2) : timelineLines(timeline).join("\n"),
        );
      },
    }),
  );
}
