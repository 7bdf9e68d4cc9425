/** The inventory: reserves stock for validated orders, and gives back that of cancelled ones. */
import { runProgram } from "../../program.ts";
import { accessChecks } from "../../kafka/access.ts";
import { processorSettings, transactionFitsSession } from "../settings.ts";
import { placeOf } from "../../database/settings.ts";
import { openDatabase, whenAvailable } from "../../database/open.ts";
import { positions } from "../../database/positions.ts";
import { runService } from "../service.ts";
import { createInventoryHandlers } from "./handle.ts";
import { inventoryTables, reservations } from "./store.ts";

Deno.exit(
  await runProgram({
    name: "inventory",
    settings: processorSettings,
    checks: [...accessChecks, transactionFitsSession],
    async run({ config, log, signal }) {
      const place = placeOf(config);
      const database = await whenAvailable(
        () =>
          openDatabase({ ...place, owner: "inventory", tables: [...inventoryTables, positions] }),
        signal,
        (reason) => log.warn(reason),
      );
      if (!database) return;
      const handlers = createInventoryHandlers({ database, now: Date.now });
      const tables = { database, work: [reservations] };
      try {
        await runService({ service: "inventory", config, handlers, tables, log, signal });
      } finally {
        await database.close();
      }
    },
  }),
);
