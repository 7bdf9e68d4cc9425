/**
 * The deduplication table: which message brought an order first. Idempotent by tying the order to its
 * source message: the same order placed twice (a client that pressed the button again, a producer that
 * did not hear its acknowledgement) must not be worked on twice; the same message delivered twice
 * (after a crash) must. See docs/write-a-service.md, "The store", for when to take which way.
 */
import { type Database, table } from "../../database/database.ts";

/** Of owner `validator`. */
export const processedOrders = table("seen_orders", "order_id", {
  order_id: "text",
  source_partition: "integer",
  source_offset: "integer",
});

export interface Source {
  readonly orderId: string;
  readonly partition: number;
  readonly offset: number;
}

/**
 * Records where orders were read, one transaction for the batch.
 *
 * @param batch in the order of the log
 * @returns for each of the batch, undefined if it is the order's first message, or else the first one
 * @throws {RetryableError} the database does not answer
 */
export async function recordFirstSources(
  database: Database,
  batch: readonly Source[],
): Promise<(Source | undefined)[]> {
  const first = new Map<string, Source>();
  for (const source of batch) if (!first.has(source.orderId)) first.set(source.orderId, source);
  const rows = [...first.values()].map(({ orderId, partition, offset }) => ({
    order_id: orderId,
    source_partition: partition,
    source_offset: offset,
  }));
  const known = await database.transaction(
    (tx) => tx.insert(processedOrders, rows),
    { single: true },
  );
  for (const row of known) {
    first.set(row.order_id, {
      orderId: row.order_id,
      partition: row.source_partition!,
      offset: row.source_offset!,
    });
  }
  return batch.map(({ orderId, partition, offset }) => {
    const source = first.get(orderId)!;
    return source.partition === partition && source.offset === offset ? undefined : source;
  });
}
