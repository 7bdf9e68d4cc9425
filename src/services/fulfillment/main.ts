/** Fulfillment: joins what stock and payment said of an order; exactly one outcome an order. */
import { runProgram } from "../../program.ts";
import { accessChecks } from "../../kafka/access.ts";
import { processorSettings, transactionFitsSession } from "../settings.ts";
import { placeOf } from "../../database/settings.ts";
import { openDatabase, whenAvailable } from "../../database/open.ts";
import { positions } from "../../database/positions.ts";
import { runService } from "../service.ts";
import { createFulfillmentHandlers } from "./handle.ts";
import { joins } from "./store.ts";

Deno.exit(
  await runProgram({
    name: "fulfillment",
    settings: processorSettings,
    checks: [...accessChecks, transactionFitsSession],
    async run({ config, log, signal }) {
      const place = placeOf(config);
      const database = await whenAvailable(
        () => openDatabase({ ...place, owner: "fulfillment", tables: [joins, positions] }),
        signal,
        (reason) => log.warn(reason),
      );
      if (!database) return;
      const handlers = createFulfillmentHandlers({ database, now: Date.now });
      const tables = { database, work: [joins] };
      try {
        await runService({ service: "fulfillment", config, handlers, tables, log, signal });
      } finally {
        await database.close();
      }
    },
  }),
);
