/**
 * Fulfillment's work on a batch: joins the halves, and returns the outcomes of those that are complete.
 * Database first: what is returned is committed, and the same batch again gives the same events.
 */
import type { Database } from "../../database/database.ts";
import type { Handler } from "../../kafka/processor/handler.ts";
import type { OrderCancelled, OrderConfirmed } from "../../events/schemas.ts";
import { together } from "../../runtime/batched.ts";
import type { HandlersOf } from "../service.ts";
import type { HalfEvent } from "./join.ts";
import { type Half, joinHalves } from "./store.ts";

/** @param options.now the clock, epoch milliseconds */
export function createFulfillmentHandlers(options: {
  database: Database;
  now: () => number;
}): HandlersOf<"fulfillment"> {
  const { database, now } = options;
  const time = () => new Date(now()).toISOString();
  const joined = (): Handler<HalfEvent, OrderConfirmed | OrderCancelled> => {
    // What several partitions have at this moment, in one database transaction.
    const join = together((halves: readonly Half[]) => joinHalves(database, halves, time()));
    return async (batch) => {
      const halves = batch.map(({ event, topic, raw }) => ({ event, topic, offset: raw.offset }));
      return { events: (await join(halves)).filter((outcome) => outcome !== undefined) };
    };
  };
  // Each topic has its own: what is joined together is of one.
  return { "inventory.events": joined(), "payment.events": joined() };
}
