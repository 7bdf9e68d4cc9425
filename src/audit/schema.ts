/**
 * The audit's database: what the topics, the groups and the services' tables say, a row each. Times are
 * milliseconds since 1970 (`datetime(at / 1000, 'unixepoch')`), money is in cents. Topics have the names
 * of the topology, without a TOPIC_PREFIX. docs/audit.md shows it with questions that one may ask.
 */
import type { DatabaseSync } from "node:sqlite";
import { DEAD_LETTER_REASONS } from "../events/reasons.ts";
import { PROCESSORS, TOPIC_NAMES, topicsReadBy } from "../topology.ts";
import type { Subject } from "./coverage.ts";
import { explainedBy, kindId, kindsOn } from "./duties.ts";
import { AUDITED_TABLES, type AuditedTable } from "./load/tables.ts";

/** As loaded: nothing here is derived. */
const LOADED = `
-- When the audit began.
create table audit (started_at integer);

-- Every partition of the order topics and the dead-letter topics. first is the first offset that is
-- still there, first_at its time; "end" is the offset after the last record; messages is how many were
-- read. What was placed before cut is judged. A topic that is missing has one row, without a partition.
create table log (
  topic text not null, partition integer, first integer, first_at integer, cut integer, "end" integer,
  messages integer not null default 0
);

-- Batches that cannot be read: offsets from first to next - 1.
create table unreadable_batch (topic text, partition integer, first integer, next integer, why text);

-- The kinds of events: an event's type; InventoryUpdated is InventoryReserved or InventoryReleased.
create table kind (id integer primary key, kind text, topic text);

-- Every event of the order topics, in the order of loading. at is when it happened, placed_at when its
-- order was placed. items is a JSON object, pieces by product: ordered, reserved or released.
create table event_row (
  id integer primary key, kind_id integer, partition integer, offset integer,
  order_id text, at integer, placed_at integer,
  amount_cents integer, currency text, payment_id text, items text, customer_id text, reason text,
  -- Set when all is loaded. not_for: ',payment,' when it asks nothing of payment, which has a dead letter
  -- for it, or which it is not replayed for. is_copy: it is a replay of an event that is there already.
  not_for text, is_copy integer not null default 0
);

-- The same with names.
create view event as
select event_row.id, topic, partition, offset, kind, order_id, at, placed_at, amount_cents, currency,
  payment_id, items, customer_id, reason, not_for, is_copy
from event_row cross join kind on kind.id = kind_id;

-- Every message of the order topics that is no event of its topic.
create table broken_message (
  topic text, partition integer, offset integer, reason text, detail text,
  primary key (topic, partition, offset)
) without rowid;

-- The orders that a broken message or a dead letter names, by its key or its orderId.
create table mention (
  topic text, partition integer, offset integer, order_id text,
  -- Set when all is loaded: of an order that was not placed, since it is a dead letter of the validator.
  placed_at integer
);

-- Every dead letter, in dlq.<service>. source is as its headers say; source_topic and so on only where
-- they name an order topic. is_event: what it holds is an event of that topic.
create table dead_letter (
  service text, partition integer, offset integer, reason text, source text,
  source_topic text, source_partition integer, source_offset integer, is_event integer,
  primary key (service, partition, offset)
) without rowid;

-- Every other message of a dead-letter topic: what a person decided about a dead letter, as it says.
create table resolution (
  service text, partition integer, offset integer, at integer,
  resolution text, of_partition integer, of_offset integer
);

-- Every message of the order topics that claims to be the replay of a dead letter.
create table replay (
  topic text, partition integer, offset integer, claim text,
  service text, of_partition integer, of_offset integer
);

-- Offsets that the groups had committed before the first record was read, and after the last one; and
-- how far the service's tables are, where they say.
create table committed (
  service text, topic text, partition integer, before integer, after integer, tables_to integer,
  primary key (service, topic, partition)
) without rowid;

-- The simulator's runs: how many of its orders, from the first on, the cluster had acknowledged before
-- the first record was read, and after the last one; none with the number placed or a higher one was
-- ever handed to Kafka.
create table run (
  run_id text primary key, started_at integer, acknowledged_before integer, acknowledged integer,
  placed integer, is_finished integer
) without rowid;

-- What there is to cover: each event, topic and consumer group of the topology, each table of a
-- service; the promises that cover it, or why none does (exception).
create table subject (
  kind text, name text, covered_by text, exception text, primary key (kind, name)
) without rowid;

-- Tables with a row an order that no promise is about by name, and the orders that are in them.
create table order_table (id integer primary key, service text, name text);
create table order_row (
  table_id integer, order_id text, primary key (table_id, order_id)
) without rowid;

-- From the topology: who reads what, and which missing events a dead letter explains.
create table reads (service text, topic text, primary key (service, topic)) without rowid;
create table explains (service text, topic text, kind text);
create table reason (reason text primary key) without rowid;
`;

/** A service's table: by the same name, with the columns that the promises are about. */
function tableSql({ owned: { table: { name, key } }, columns }: AuditedTable): string {
  const list = columns.map((column) => column.type ? `${column.name} ${column.type}` : column.name);
  return `create table ${name} (\n  ${list.join(", ")},\n  primary key (${key})\n) without rowid;`;
}

/** All tables as they are before anything is loaded. */
export function tablesSql(): string {
  const tables = AUDITED_TABLES.map(tableSql).join("\n\n");
  return `${LOADED}\n-- The services' tables, by the same names.\n${tables}\n`;
}

/** Creates all tables, and fills those that the topology and the services' definitions say. */
export function createTables(database: DatabaseSync, subjects: readonly Subject[]): void {
  database.exec(tablesSql());
  database.prepare("insert into audit values (?)").run(Date.now());
  const reads = database.prepare("insert into reads values (?, ?)");
  const explains = database.prepare("insert into explains values (?, ?, ?)");
  for (const service of PROCESSORS) {
    for (const topic of topicsReadBy(service)) {
      reads.run(service, topic);
      // What the validator cannot process is no order, of which nothing is missing.
      if (service === "validator") continue;
      for (const kind of explainedBy(service, topic)) explains.run(service, topic, kind);
    }
  }
  const cover = database.prepare("insert into subject values (?, ?, ?, ?)");
  for (const { kind, name, coveredBy, exception = null } of subjects) {
    cover.run(kind, name, coveredBy.join(", ") || null, exception);
  }
  const kind = database.prepare("insert into kind values (?, ?, ?)");
  for (const topic of TOPIC_NAMES) {
    for (const name of kindsOn(topic)) kind.run(kindId(name), name, topic);
  }
  const reason = database.prepare("insert into reason values (?)");
  for (const word of DEAD_LETTER_REASONS) reason.run(word);
}
