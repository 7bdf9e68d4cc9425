/** `deno task seed`: loads the part of the catalog and of the stock that is not there yet. */
import { integer, jsonSettings } from "../../runtime/setting.ts";
import { runProgram } from "../../program.ts";
import { Failure } from "../../runtime/errors.ts";
import { logSettings } from "../../runtime/log.ts";
import { placeOf, storeSettings } from "../../database/settings.ts";
import { inventoryDatabase } from "../../services/inventory/store.ts";
import { openCatalog } from "../../database/catalog.ts";
import { openDatabase, withTwoDatabases } from "../../database/open.ts";
import { makeCatalog, seed } from "./seed.ts";

export const settings = {
  seed: integer({
    env: "SEED_CATALOG",
    option: "seed",
    fallback: "1",
    min: 0,
    max: 4_294_967_295,
    help: "the same seed makes the same catalog",
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
  ...jsonSettings,
  ...storeSettings,
  ...logSettings,
};

if (import.meta.main) {
  Deno.exit(
    await runProgram({
      name: "seed",
      settings,
      examples: [
        ["", "10,000 customers and 500 products with their stock"],
        ["--products 20 --stock 100", "few products that soon run out"],
      ],
      async run({ config, log, signal }) {
        const place = { ...placeOf(config), note: (line: string) => log.info(line) };
        const done = await withTwoDatabases(
          () => openCatalog(place),
          () => openDatabase({ ...place, ...inventoryDatabase }),
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
              config.json
                ? JSON.stringify({ added }, null, 2)
                : `added ${added.customers} customers, ${added.products} products and ` +
                  `the stock of ${added.stock} products; what was there was kept`,
            );
          },
        );
        if (!done) throw new Failure("stopped before the database answered");
      },
    }),
  );
}
