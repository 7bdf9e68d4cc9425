/** The inventory: reserves stock for validated orders, and gives back that of cancelled ones. */
import type { OrderValidated } from "../../events/schemas.ts";
import { runProgram } from "../../runtime/program.ts";
import { loginIsWhole, processorSettings, transactionFitsSession } from "../../runtime/settings.ts";
import { openDatabase, whenAvailable } from "../../store/open.ts";
import type { EventOf, Handler } from "../../stream/message.ts";
import { runService } from "../service.ts";
import { inventoryTables, releaseStock, reserveStock } from "./store.ts";

Deno.exit(
  await runProgram({
    name: "inventory",
    settings: processorSettings,
    checks: [loginIsWhole, transactionFitsSession],
    async run({ config, log, signal }) {
      const place = { url: config.databaseUrl, directory: config.dataDir };
      const database = await whenAvailable(
        () => openDatabase({ ...place, owner: "inventory", tables: inventoryTables }),
        signal,
        (reason) => log.warn(reason),
      );
      if (!database) return;
      const now = () => new Date().toISOString();
      const onValidated: Handler<OrderValidated> = async (batch) => ({
        events: await reserveStock(database, batch.map(({ event }) => event), now()),
      });
      const onOutcome: Handler<EventOf<"orders.outcomes">> = async (batch) => {
        const cancelled = batch.flatMap(({ event }) =>
          event.type === "OrderCancelled" ? [event] : []
        );
        return {
          events: cancelled.length === 0 ? [] : await releaseStock(database, cancelled, now()),
        };
      };
      try {
        await runService({
          service: "inventory",
          config,
          handlers: { "orders.validated": onValidated, "orders.outcomes": onOutcome },
          log,
          signal,
        });
      } finally {
        await database.close();
      }
    },
  }),
);
