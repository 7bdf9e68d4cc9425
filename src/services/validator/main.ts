/** The validator: checks every order against the catalog, and sends it on or refuses it. */
import { runProgram } from "../../runtime/program.ts";
import { loginIsWhole, transactionFitsSession } from "../../runtime/settings.ts";
import { catalogReady, openCatalog } from "../../store/catalog.ts";
import { openDatabase, withBoth } from "../../store/open.ts";
import { positions } from "../../store/positions.ts";
import { runService } from "../service.ts";
import { createCatalogCache } from "./catalog_cache.ts";
import { settings } from "./config.ts";
import { createValidatorHandler } from "./handle.ts";
import { seenOrders } from "./seen.ts";

Deno.exit(
  await runProgram({
    name: "validator",
    settings,
    checks: [loginIsWhole, transactionFitsSession],
    async run({ config, log, signal }) {
      const place = { url: config.databaseUrl, directory: config.dataDir };
      const onWait = (reason: string) => log.warn(reason);
      await withBoth(
        () => openDatabase({ ...place, owner: "validator", tables: [seenOrders, positions] }),
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
            tables: { database, work: [seenOrders] },
            log,
            signal,
          });
        },
      );
    },
  }),
);
