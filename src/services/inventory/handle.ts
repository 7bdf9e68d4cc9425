/**
 * The inventory's work on a batch: reserves stock for validated orders, gives back that of cancelled
 * ones. Database first: what is returned is committed, and the same batch again gives the same events.
 */
import type { Database } from "../../database/database.ts";
import type { OrderCancelled, OrderValidated } from "../../events/schemas.ts";
import { together } from "../../runtime/batched.ts";
import type { HandlersOf } from "../service.ts";
import { releaseStock, reserveStock } from "./store.ts";

/** @param options.now the clock, epoch milliseconds */
export function createInventoryHandlers(options: {
  database: Database;
  now: () => number;
}): HandlersOf<"inventory"> {
  const { database, now } = options;
  const time = () => new Date(now()).toISOString();
  const reserve = together((orders: readonly OrderValidated[]) =>
    reserveStock(database, orders, time())
  );
  const release = together((orders: readonly OrderCancelled[]) =>
    releaseStock(database, orders, time())
  );
  return {
    async "orders.validated"(batch) {
      return { events: await reserve(batch.map(({ event }) => event)) };
    },
    async "orders.outcomes"(batch) {
      const cancelled = batch.flatMap(({ event }) =>
        event.type === "OrderCancelled" ? [event] : []
      );
      if (cancelled.length === 0) return { events: [] };
      return { events: (await release(cancelled)).filter((each) => each !== undefined) };
    },
  };
}
