import { defineService } from "../service.ts";
import { createInventoryHandlers } from "./handle.ts";
import { inventoryDatabase, reservations, stock } from "./store.ts";

/** The inventory: reserves stock for validated orders, and gives back that of cancelled ones. */
export const service = defineService({
  name: "inventory",
  orderTables: [reservations],
  tables: [stock],
  migrations: inventoryDatabase.migrations,
  handlers: createInventoryHandlers,
});
