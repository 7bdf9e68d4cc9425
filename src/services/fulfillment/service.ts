import { defineService } from "../service.ts";
import { createFulfillmentHandlers } from "./handle.ts";
import { joins } from "./store.ts";

/** Fulfillment: joins what stock and payment said of an order; exactly one outcome an order. */
export const service = defineService({
  name: "fulfillment",
  orderTables: [joins],
  handlers: createFulfillmentHandlers,
});
