/** The validator: checks every order against the catalog, and sends it on or refuses it. */
import { runProgram } from "../../program.ts";
import { accessChecks } from "../../kafka/access.ts";
import { transactionFitsSession } from "../settings.ts";
import { placeOf } from "../../database/settings.ts";
import { catalogReady, openCatalog } from "../../database/catalog.ts";
import { openDatabase, withTwoDatabases } from "../../database/open.ts";
import { positions } from "../../database/positions.ts";
import { runService } from "../service.ts";
import { createCatalogCache } from "./catalog_cache.ts";
import { settings } from "./settings.ts";
import { createValidatorHandler } from "./handle.ts";
import { processedOrders } from "./deduplication.ts";

Deno.exit(
  await runProgram({
    name: "validator",
    settings,
    checks: [...accessChecks, transactionFitsSession],
    async run({ config, log, signal }) {
      const place = placeOf(config);
      const onWait = (reason: string) => log.warn(reason);
      await withTwoDatabases(
        () => openDatabase({ ...place, owner: "validator", tables: [processedOrders, positions] }),
        () => openCatalog(place),
        { signal, onWait },
        async (database, catalog) => {
          await catalogReady(catalog, signal, onWait);
          const limits = {
            maxEntries: config.catalogCacheEntries,
            timeToLiveMs: config.catalogCacheTtlMs,
          };
          const cache = createCatalogCache(catalog, limits, Date.now);
          const handler = createValidatorHandler({ database, catalog: cache, now: Date.now });
          await runService({
            service: "validator",
            config,
            handlers: { "orders.raw": handler },
            tables: { database, work: [processedOrders] },
            log,
            signal,
          });
        },
      );
    },
  }),
);
