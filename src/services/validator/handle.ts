/**
 * The validator's work on a batch: input OrderPlaced, output OrderValidated or OrderRejected for each
 * order's first message, a dead letter for every further one. Database first: the messages' sources
 * are recorded before anything is published, and the same batch again gives the same answer.
 */
import type { Database } from "../../database/database.ts";
import type { OrderPlaced } from "../../events/schemas.ts";
import type { EventRecord } from "../../kafka/processor/handler.ts";
import { together } from "../../runtime/batched.ts";
import type { HandlersOf } from "../service.ts";
import type { CatalogCache } from "./catalog_cache.ts";
import { recordFirstSources } from "./store.ts";
import { validate } from "./validate.ts";

export function createValidatorHandlers(options: {
  database: Database;
  catalog: CatalogCache;
  /** The clock, epoch milliseconds. */
  now: () => number;
}): HandlersOf<"validator"> {
  const { database, catalog, now } = options;
  /** For each message its event, or why it has none. */
  const decide = together(async (batch: readonly EventRecord<OrderPlaced>[]) => {
    const readAt = now();
    const view = await catalog.view(
      batch.map(({ event }) => event.customerId),
      batch.flatMap(({ event }) => event.items.map((item) => item.productId)),
    );
    // After everything that may fail for good: an order is recorded when it is as good as decided.
    const sources = await recordFirstSources(
      database,
      batch.map(({ event, partition, raw }) => ({
        orderId: event.orderId,
        partition,
        offset: raw.offset,
      })),
    );
    return batch.map(({ event, topic, partition, raw }, index) => {
      const first = sources[index];
      if (first === undefined) return { event: validate(event, view, now(), readAt) };
      const detail = `order ${event.orderId} was placed before, at offset ${first.offset}`;
      const fault = { reason: "duplicate_order", detail } as const;
      return { deadLetter: { topic, partition, raw, fault } };
    });
  });
  return {
    async "orders.raw"(batch) {
      const decided = await decide(batch);
      return {
        events: decided.map(({ event }) => event).filter((each) => each !== undefined),
        deadLetters: decided.map(({ deadLetter }) => deadLetter).filter((each) =>
          each !== undefined
        ),
      };
    },
  };
}
