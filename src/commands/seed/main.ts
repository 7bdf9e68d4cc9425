/** `deno task seed`: loads the catalog and the stock that it does not find. */
import { integer } from "../../runtime/setting.ts";
import { runProgram } from "../../program.ts";
import { Failure } from "../../runtime/errors.ts";
import { logSettings } from "../../runtime/log.ts";
import { placeOf, storeSettings } from "../../database/settings.ts";
import { inventoryTables } from "../../services/inventory/store.ts";
import { openCatalog } from "../../database/catalog.ts";
import { openDatabase, withTwoDatabases } from "../../database/open.ts";
import { makeCatalog } from "./catalog_data.ts";
import { seed } from "./seed.ts";

export const settings = {
  ...storeSettings,
  ...logSettings,
  seed: integer({
    env: "SEED_CATALOG",
    option: "seed",
    fallback: "1",
    min: 0,
    max: 4_294_967_295,
    help: "which catalog is made: the same seed makes the same one",
  }),
  customers: integer({
    env: "SEED_CUSTOMERS",
    option: "customers",
    fallback: "10000",
    min: 1,
    max: 1_000_000,
    help: "how many customers",
  }),
  products: integer({
    env: "SEED_PRODUCTS",
    option: "products",
    fallback: "500",
    min: 1,
    max: 100_000,
    help: "how many products",
  }),
  stock: integer({
    env: "SEED_STOCK",
    option: "stock",
    fallback: "20000",
    min: 0,
    max: 1_000_000_000,
    help: "pieces of each product, give or take a quarter",
  }),
};

if (import.meta.main) {
  const code = await runProgram({
    name: "seed",
    settings,
    async run({ config, log, signal }) {
      const place = placeOf(config);
      const done = await withTwoDatabases(
        () => openCatalog(place),
        () => openDatabase({ ...place, owner: "inventory", tables: inventoryTables }),
        { signal, onWait: (reason) => log.warn(reason) },
        async (catalog, inventory) => {
          const data = makeCatalog({
            seed: config.seed,
            customers: config.customers,
            products: config.products,
            initialStock: config.stock,
          });
          const added = await seed({ catalog, inventory, data });
          console.log(
            `added ${added.customers} customers, ${added.products} products and ` +
              `the stock of ${added.stock} products; what was there is as it was`,
          );
        },
      );
      if (!done) throw new Failure("stopped before the database answered");
    },
  });
  Deno.exit(code);
}
