/** Which messages and orders an audit covers. */
import type { DatabaseSync } from "node:sqlite";

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
