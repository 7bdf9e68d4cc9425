/**
 * Fulfillment's work on a batch: joins the halves, and returns the outcomes of those that are complete.
 * Database first: what is returned is committed, and the same batch again gives the same events.
 */
import type { Database } from "../../database/database.ts";
import type { Handler } from "../../kafka/processor/handler.ts";
import type { OrderCancelled, OrderConfirmed } from "../../events/schemas.ts";
import type { HandlersOf } from "../service.ts";
import type { HalfEvent } from "./join.ts";
import { joinHalves } from "./store.ts";

/** @param options.now the clock, epoch milliseconds */
export function createFulfillmentHandlers(options: {
  database: Database;
  now: () => number;
}): HandlersOf<"fulfillment"> {
  const { database, now } = options;
  const join: Handler<HalfEvent, OrderConfirmed | OrderCancelled> = async (batch) => ({
    events: await joinHalves(
      database,
      batch.map(({ event, topic, raw }) => ({ event, topic, offset: raw.offset })),
      new Date(now()).toISOString(),
    ),
  });
  return { "inventory.events": join, "payment.events": join };
}
