/** What an audit says beside its checks: what it covers, the dead letters, the runs. */
import type { DatabaseSync } from "node:sqlite";
import type { DeadLetterCounts } from "../kafka/dead_letters.ts";
import { formatCount, formatDuration } from "../runtime/format.ts";
import { PROCESSORS } from "../topology.ts";
import { CLOCKS_MS } from "./derive.ts";
import { IS_NUMBERED, OF_RUN, SEQUENCE } from "./checks/check.ts";

export interface Scope {
  /** Of each order topic, by partition: the first offset that is still there, and the one after the last. */
  readonly topics: Readonly<Record<string, readonly PartitionScope[]>>;
  /** Orders that were judged. */
  readonly orders: number;
  /**
   * Orders that were not: old messages of theirs may have been deleted, by the time of the first message that is left.
   */
  readonly older: number;
  /** Orders placed after this moment are judged in all partitions, ISO 8601; absent: all there ever were. */
  readonly since?: string;
  /** Orders that were not: placed behind the cut, while the audit was made. */
  readonly newer: number;
}

interface PartitionScope {
  readonly partition: number;
  readonly first: number;
  readonly end: number;
}

export function scopeOf(database: DatabaseSync): Scope {
  const rows = database.prepare(
    'select topic, partition, first, "end" from log ' +
      "where partition is not null and topic not like 'dlq.%' order by topic, partition",
  ).all();
  const topics: Record<string, PartitionScope[]> = {};
  for (const { topic, partition, first, end } of rows) {
    (topics[String(topic)] ??= []).push({
      partition: Number(partition),
      first: Number(first),
      end: Number(end),
    });
  }
  const counts = database.prepare(
    "select (select count(OrderPlaced) from orders) as orders, " +
      "(select count(*) from not_judged where why = 'older') as older, " +
      "(select count(*) from not_judged where why = 'newer') as newer, " +
      "(select max(at) from horizon) as since",
  ).get()!;
  return {
    topics,
    orders: Number(counts.orders),
    older: Number(counts.older),
    newer: Number(counts.newer),
    ...counts.since ? { since: new Date(Number(counts.since)).toISOString() } : {},
  };
}

/** By service, then reason, the most frequent first. */
export function deadLettersIn(
  database: DatabaseSync,
): Record<string, Record<string, DeadLetterCounts>> {
  const found: Record<string, Record<string, DeadLetterCounts>> = Object.fromEntries(
    PROCESSORS.map((service) => [service, {}]),
  );
  const rows = database.prepare(
    "select service, reason, " +
      ["open", "replayed", "discarded"].map((state) =>
        `count(*) filter (where state = '${state}') as ${state}`
      ).join(", ") +
      " from dead_letter_state group by service, reason order by count(*) desc, reason",
  ).all();
  for (const { service, reason, open, replayed, discarded } of rows) {
    found[String(service)]![String(reason)] = {
      open: Number(open),
      replayed: Number(replayed),
      discarded: Number(discarded),
    };
  }
  return found;
}

/** What is not covered, and why. */
export function exceptionsIn(database: DatabaseSync): string[] {
  return database.prepare(
    "select kind || ' ' || name || ' ' || exception as line from subject " +
      "where exception is not null order by kind, name",
  ).all().map(({ line }) => String(line));
}

/** What a reader of the report should know about the clocks of those that wrote the log. */
export function notesOfClocks(database: DatabaseSync): string[] {
  const ahead = Number(database.prepare("select ahead from clocks").get()!.ahead);
  if (ahead <= CLOCKS_MS) return [];
  return [
    `a clock is off by ${formatDuration(ahead)}: an event happened so long before its order was ` +
    "placed; where old messages were deleted, as much more is not judged",
  ];
}

/** What a reader of the report should know about the runs. */
export function notesOfRuns(database: DatabaseSync): string[] {
  const found = database.prepare(ARRIVED).all();
  if (found.length === 0) {
    return ["no run of the simulator is recorded: lost orders could not be looked for"];
  }
  return found.filter(({ is_finished }) => !is_finished).map((row) => {
    const acknowledged = Number(row.acknowledged);
    const unfinished = `run ${row.run_id} has not finished: ${
      formatCount(acknowledged)
    } acknowledged`;
    if (row.placed === null) {
      return `${unfinished}; how many more were on their way is not recorded`;
    }
    const unknown = Number(row.placed) - acknowledged;
    if (unknown === 0) return `${unfinished}, none on their way`;
    return `${unfinished}, ${formatCount(unknown)} more on their way, of which ` +
      `${formatCount(Number(row.arrived))} arrived`;
  });
}

/** Runs, with how many of the orders that were not acknowledged are in orders.raw. */
const ARRIVED = `
with named (order_id) as (
  select order_id from orders where OrderPlaced is not null
  union
  select order_id from not_judged where placed
  union
  select order_id from mention where topic = 'orders.raw'
)
select run_id, coalesce(acknowledged, acknowledged_before) as acknowledged, placed, is_finished, (
  select count(*) from named
  where not is_finished and ${OF_RUN} and ${IS_NUMBERED}
    and ${SEQUENCE} >= acknowledged and ${SEQUENCE} < placed
) as arrived
from run order by run_id`;
