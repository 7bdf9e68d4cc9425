import { catalogDatabase, catalogReady } from "../../database/catalog.ts";
import { defineService } from "../service.ts";
import { createCatalogCache } from "./catalog_cache.ts";
import { createValidatorHandlers } from "./handle.ts";
import { processedOrders } from "./store.ts";
import { integer } from "../../runtime/setting.ts";

export const settings = {
  catalogCacheEntries: integer({
    env: "CATALOG_CACHE_ENTRIES",
    fallback: "20000",
    min: 100,
    max: 1_000_000,
    help: "the most customers, and the most products, that the validator caches",
  }),
  catalogCacheTtlMs: integer({
    env: "CATALOG_CACHE_TTL_MS",
    fallback: "30000",
    min: 100,
    max: 3_600_000,
    help: "how old a cached customer or product may be",
  }),
};

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
