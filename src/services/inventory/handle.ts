/**
 * The inventory's work on a batch: reserves stock for validated orders, gives back that of cancelled
 * ones. Database first: what is returned is committed, and the same batch again gives the same events.
 */
import type { OrderValidated } from "../../events/schemas.ts";
import type { Database } from "../../database/database.ts";
import type { EventOf, Handler } from "../../kafka/processor/handler.ts";
import { releaseStock, reserveStock } from "./store.ts";

export interface InventoryHandlers {
  readonly "orders.validated": Handler<OrderValidated>;
  readonly "orders.outcomes": Handler<EventOf<"orders.outcomes">>;
}

/** @param options.now the clock, epoch milliseconds */
export function createInventoryHandlers(options: {
  database: Database;
  now: () => number;
}): InventoryHandlers {
  const { database, now } = options;
  const time = () => new Date(now()).toISOString();
  return {
    "orders.validated": async (batch) => ({
      events: await reserveStock(database, batch.map(({ event }) => event), time()),
    }),
    async "orders.outcomes"(batch) {
      const cancelled = batch.flatMap(({ event }) =>
        event.type === "OrderCancelled" ? [event] : []
      );
      if (cancelled.length === 0) return { events: [] };
      return { events: await releaseStock(database, cancelled, time()) };
    },
  };
}
