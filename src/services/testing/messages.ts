/** For tests: the handlers of each service on databases of the test's, and an order's messages. */
import type { OrderEvent } from "../../events/schemas.ts";
import { catalogTables } from "../../database/catalog.ts";
import type { Place } from "../../database/testing/stores.ts";
import type { EventRecord, Handler } from "../../kafka/processor/handler.ts";
import { placed } from "../../kafka/testing/topics.ts";
import { type Processor, type Topic, topicOf } from "../../topology.ts";
import { eventsOf } from "../analytics/testing/orders.ts";
import { createFulfillmentHandlers } from "../fulfillment/handle.ts";
import { joins } from "../fulfillment/store.ts";
import { createInventoryHandlers } from "../inventory/handle.ts";
import { inventoryTables, stock } from "../inventory/store.ts";
import { createGatewayClient } from "../payment/gateway_client.ts";
import { createPaymentHandlers } from "../payment/handle.ts";
import { charges, refunds } from "../payment/gateway_ledger.ts";
import { createSimulatedGateway } from "../payment/simulated_gateway.ts";
import { payments } from "../payment/store.ts";
import { createCatalogCache } from "../validator/catalog_cache.ts";
import { createValidatorHandler } from "../validator/handle.ts";
import { processedOrders } from "../validator/deduplication.ts";

export type Handlers = { readonly [T in Topic]?: Handler };

const now = () => Date.parse("2026-01-02T03:04:06.000Z");

/** Each service as its main wires it, on databases that `open` opens. */
export const SERVICES: Record<Processor, (open: Place["open"]) => Promise<Handlers>> = {
  async validator(open) {
    const database = await open("validator", [processedOrders]);
    // Nothing stays in the cache, or the catalog would be asked only once.
    const limits = { maxEntries: 1, timeToLiveMs: 0 };
    const catalog = createCatalogCache(await open("catalog", catalogTables), limits, now);
    return { "orders.raw": createValidatorHandler({ database, catalog, now }) as Handler };
  },
  async inventory(open) {
    const database = await open("inventory", inventoryTables);
    const row = { product_id: "p-0001", initial: 1_000, on_hand: 1_000 };
    await database.transaction((tx) => tx.insert(stock, [row]));
    return createInventoryHandlers({ database, now }) as Handlers;
  },
  async payment(open) {
    const database = await open("payment", [payments]);
    const gateway = createSimulatedGateway(await open("gateway", [charges, refunds]), {
      seed: 1,
      declinedShare: 0,
      timeoutShare: 0,
      errorShare: 0,
      latencyMs: 0,
    });
    const limits = { timeoutMs: 60_000, attempts: 1, maxInFlight: 10, breakerOpenMs: 100 };
    const patient = createGatewayClient(gateway, limits);
    return createPaymentHandlers({ database, gateway: patient, now }) as Handlers;
  },
  async fulfillment(open) {
    const database = await open("fulfillment", [joins]);
    return createFulfillmentHandlers({ database, now }) as Handlers;
  },
};

/** An order's message on a topic; the order is cancelled in the end. */
export function messageOf(sequence: number, topic: Topic): EventRecord {
  const events: OrderEvent[] = [
    placed(sequence),
    ...eventsOf({
      sequence,
      placedAtMs: now(),
      latencyMs: 0,
      totalCents: 100,
      currency: "EUR",
      scenario: "card_declined",
    }),
  ];
  const event = events.find(({ type }) => topicOf(type) === topic)!;
  const raw = { offset: sequence, key: null, value: null, headers: {} };
  return { event, topic, partition: 0, raw };
}

/** What a service reads of an order before its message on a topic, for that to have an output. */
export const BEFORE: { readonly [P in Processor]?: { readonly [T in Topic]?: Topic } } = {
  inventory: { "orders.outcomes": "orders.validated" },
  payment: { "orders.outcomes": "orders.validated" },
  fulfillment: {
    "inventory.events": "payment.events",
    "payment.events": "inventory.events",
  },
};
