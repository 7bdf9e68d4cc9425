/** `deno task trace ORDER_ID`: everything that happened to one order, as a story. */
import { flag } from "../../runtime/setting.ts";
import { runProgram } from "../../program.ts";
import { accessChecks } from "../../kafka/access.ts";
import { storeSettings, type TablesConfig } from "../../database/settings.ts";
import { kafkaSettings } from "../../kafka/settings.ts";
import { timelineLines } from "./display.ts";
import { withLog } from "../../kafka/readers/open_log.ts";
import { printable } from "../../runtime/printable.ts";
import { serviceDefinitions } from "../../services/definitions.ts";
import { databasesOf } from "../../services/service.ts";
import { openTables, type Owned } from "../../services/tables.ts";
import { findRecords } from "../../order_history/find.ts";
import { buildTimeline, type TableRow } from "../../order_history/timeline.ts";

/** All tables with a row an order. */
async function orderTables(): Promise<Owned[]> {
  return (await serviceDefinitions()).flatMap(databasesOf).flatMap(({ owner, orderTables }) =>
    orderTables.map((table) => ({ owner, table }))
  );
}

async function readRows(
  place: TablesConfig,
  orderId: string,
): Promise<TableRow[]> {
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

/** Where was searched, and where else one could. */
function searched(partition: number | undefined, allPartitions: boolean): string {
  if (partition === undefined) return "there are no order topics: `deno task topics` creates them";
  if (allPartitions) return "searched all partitions and the dead letters";
  return `searched partition ${partition}, where its key belongs, and the dead letters; ` +
    "--all-partitions searches the others, too: an order that began when there were fewer partitions " +
    "is in one of them";
}

Deno.exit(
  await runProgram({
    name: "trace",
    settings: {
      ...kafkaSettings,
      ...storeSettings,
      allPartitions: flag({
        option: "all-partitions",
        fallback: "false",
        help: "search where the order's key does not belong, too",
      }),
      json: flag({ option: "json", fallback: "false", help: "for machines" }),
    },
    checks: [...accessChecks],
    positionals: { usage: "ORDER_ID", min: 1, max: 1 },
    async run({ config, positionals, signal }) {
      const orderId = positionals[0]!;
      const { allPartitions } = config;
      const search = await withLog(
        config,
        "trace",
        signal,
        (log) => findRecords(log, orderId, { allPartitions, signal }),
      );
      if (signal.aborted) return 1;
      for (const line of search.unread) console.error(`trace: ${line}: left out`);
      const story = buildTimeline(orderId, search, await readRows(config, orderId));
      const where = searched(search.partition, allPartitions);
      if (!story) {
        console.error(`trace: nothing is known of order ${printable(orderId)}: ${where}`);
        return 1;
      }
      if (story.steps.length === 0) console.error(`trace: ${where}`);
      console.log(config.json ? JSON.stringify(story, null, 2) : timelineLines(story).join("\n"));
    },
  }),
);
