/** The validator's own settings, beside those of every service. */
import { integer } from "../../runtime/setting.ts";

export const settings = {
  catalogCacheEntries: integer({
    env: "CATALOG_CACHE_ENTRIES",
    fallback: "20000",
    min: 100,
    max: 1_000_000,
    help: "how many customers, and how many products, the validator remembers",
  }),
  catalogCacheTtlMs: integer({
    env: "CATALOG_CACHE_TTL_MS",
    fallback: "30000",
    min: 100,
    max: 3_600_000,
    help: "after how long a change in the catalog is seen at the latest",
  }),
};
