/**
 * The validator's work on a batch: input OrderPlaced, output OrderValidated or OrderRejected for each
 * order's first message, a dead letter for every further one. Database first: the messages' sources
 * are recorded before anything is published, and the same batch again gives the same answer.
 */
import type { Database } from "../../database/database.ts";
import type { DeadLetter } from "../../kafka/records.ts";
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
  return {
    async "orders.raw"(batch) {
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
      const events = [];
      const deadLetters: DeadLetter[] = [];
      for (const [index, { event, topic, partition, raw }] of batch.entries()) {
        const first = sources[index];
        if (first === undefined) {
          events.push(validate(event, view, now(), readAt));
        } else {
          const detail = `order ${event.orderId} was placed before, at offset ${first.offset}`;
          deadLetters.push({ topic, partition, raw, fault: { reason: "duplicate_order", detail } });
        }
      }
      return { events, deadLetters };
    },
  };
}
