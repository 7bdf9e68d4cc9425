import { catalogDatabase, catalogReady } from "../../database/catalog.ts";
import { defineService } from "../service.ts";
import { createCatalogCache } from "./catalog_cache.ts";
import { createValidatorHandlers } from "./handle.ts";
import { settings } from "./settings.ts";
import { processedOrders } from "./store.ts";

/** The validator: checks every order against the catalog, and sends it on or refuses it. */
export const service = defineService({
  name: "validator",
  settings,
  orderTables: [processedOrders],
  databases: { catalog: catalogDatabase },
  ready: ({ databases }, signal, onWait) => catalogReady(databases.catalog, signal, onWait),
  handlers({ database, databases, config, now }) {
    const limits = {
      maxEntries: config.catalogCacheEntries,
      timeToLiveMs: config.catalogCacheTtlMs,
    };
    const catalog = createCatalogCache(databases.catalog, limits, now);
    return createValidatorHandlers({ database, catalog, now });
  },
});
