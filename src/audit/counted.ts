/** How much there is of what the checks look at: table `counted`, by name. */
import type { DatabaseSync } from "node:sqlite";
import { any, ASK_COLUMNS } from "./order_columns.ts";
import { KINDS } from "./duties.ts";
import { AUDITED_TABLES } from "./load/tables.ts";

const BEHIND_RAW = "topic <> 'orders.raw'";

const COUNTED: Readonly<Record<string, string>> = {
  topics: "count(distinct topic) from log where partition is not null",
  "partitions that lost their beginning":
    "count(*) from log where first > 0 and topic not like 'dlq.%'",
  runs: "count(*) from run",
  acknowledged: "coalesce(sum(acknowledged_before), 0) from run",
  "messages of orders.raw": "coalesce(sum(messages), 0) from log where topic = 'orders.raw'",
  "messages behind orders.raw":
    `coalesce(sum(messages), 0) from log where ${BEHIND_RAW} and topic not like 'dlq.%'`,
  "broken behind orders.raw": `count(*) from broken_message where ${BEHIND_RAW}`,
  "not placed": "count(*) from not_for where topic = 'orders.raw' and service = 'validator'",
  waiting: "count(distinct order_id) from waiting",
  "committed before": "count(before) from committed",
  "committed after": "count(after) from committed",
  ...Object.fromEntries(
    ["open", "replayed", "discarded"].map((state) => [
      `${state} dead letters`,
      `count(*) from dead_letter_state where state = '${state}'`,
    ]),
  ),
  ...Object.fromEntries(
    AUDITED_TABLES.map(({ owned: { table: { name } } }) => [name, `count(*) from ${name}`]),
  ),
};

/** Counts everything, in as few passes as there are tables. */
export function count(database: DatabaseSync): void {
  database.exec("create table counted (name text primary key, n integer) without rowid");
  const insert = database.prepare("insert into counted values (?, ?)");
  for (const [name, query] of Object.entries(COUNTED)) {
    insert.run(name, database.prepare(`select (select ${query}) as n`).get()!.n!);
  }
  const ofOrders = {
    ...Object.fromEntries(KINDS.map((kind) => [kind, `count(${kind})`])),
    "payments by events": `count(*) filter (where ${any(["PaymentProcessed", "PaymentFailed"])})`,
    asking: ASK_COLUMNS.map((column) => `count(${column})`).join(" + "),
  };
  const row = database.prepare(
    `select ${Object.values(ofOrders).map((sql, i) => `${sql} as c${i}`).join(", ")} from orders`,
  ).get()!;
  for (const [i, name] of Object.keys(ofOrders).entries()) insert.run(name, row[`c${i}`]!);
}
