/**
 * Database first, in every service: a handler returns what is committed, and nothing else. Whichever
 * answer of its databases does not come, it says Unavailable, and the same batch again is as good as
 * the first time.
 */
import { assert, assertEquals } from "@std/assert";
import type { OrderEvent } from "../events/schemas.ts";
import { catalogTables } from "../store/catalog.ts";
import { type Database, type Table, type Transaction, Unavailable } from "../store/database.ts";
import { eachStore, type Place } from "../store/testing.ts";
import type { Handler, Received } from "../stream/message.ts";
import { placed } from "../stream/testing.ts";
import { type Processor, PROCESSORS, type Topic, topicOf, topicsReadBy } from "../topology.ts";
import { eventsOf } from "./analytics/testing.ts";
import { createFulfillmentHandlers } from "./fulfillment/handle.ts";
import { joins } from "./fulfillment/store.ts";
import { createInventoryHandlers } from "./inventory/handle.ts";
import { inventoryTables, stock } from "./inventory/store.ts";
import { createGatewayClient } from "./payment/client.ts";
import { createPaymentHandlers } from "./payment/handle.ts";
import { charges, refunds } from "./payment/ledger.ts";
import { createSimulatedGateway } from "./payment/simulated_gateway.ts";
import { payments } from "./payment/store.ts";
import { createCatalogCache } from "./validator/catalog_cache.ts";
import { createValidatorHandler } from "./validator/handle.ts";
import { seenOrders } from "./validator/seen.ts";

/**
 * One answer that does not come. Moments are counted through all databases: each transaction's
 * beginning, each of its steps, its commit (it is rolled back), and the answer to it (it is done).
 */
class Outage {
  #left = Infinity;
  #cameAt: string | undefined;

  /** @param moments how many pass before the one that fails */
  after(moments: number): void {
    this.#left = moments;
    this.#cameAt = undefined;
  }

  /** The moment that failed; undefined while none did. */
  get cameAt(): string | undefined {
    return this.#cameAt;
  }

  #pass(moment: string): void {
    if (this.#left-- > 0) return;
    this.#left = Infinity;
    this.#cameAt = moment;
    throw new Unavailable("no answer");
  }

  /** The same database, unless its moment has come. */
  of(database: Database): Database {
    const step = async <R>(name: string, { name: table }: Table, run: () => Promise<R>) => {
      this.#pass(`${name} ${table}`);
      return await run();
    };
    const stepByStep = (tx: Transaction): Transaction => ({
      select: (table, keys, options) =>
        step("select", table, () => tx.select(table, keys, options)),
      insert: (table, rows) => step("insert", table, () => tx.insert(table, rows)),
      upsert: (table, rows) => step("upsert", table, () => tx.upsert(table, rows)),
    });
    const transaction: Database["transaction"] = async (work) => {
      this.#pass("begin");
      const result = await database.transaction(async (tx) => {
        const result = await work(stepByStep(tx));
        this.#pass("commit");
        return result;
      });
      this.#pass("answer to the commit");
      return result;
    };
    return { ...database, transaction };
  }
}

type Handlers = { readonly [T in Topic]?: Handler };

const now = () => Date.parse("2026-01-02T03:04:06.000Z");

/** Each service as its main wires it, on databases that `open` opens. */
const SERVICES: Record<Processor, (open: Place["open"]) => Promise<Handlers>> = {
  async validator(open) {
    const database = await open("validator", [seenOrders]);
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
function messageOf(sequence: number, topic: Topic): Received {
  const events: OrderEvent[] = [
    placed(sequence),
    ...eventsOf({
      sequence,
      placedAtMs: now(),
      latencyMs: 0,
      totalCents: 100,
      currency: "EUR",
      fate: "card_declined",
    }),
  ];
  const event = events.find(({ type }) => topicOf(type) === topic)!;
  const raw = { offset: sequence, key: null, value: null, headers: {} };
  return { event, topic, partition: 0, raw };
}

/** What a service reads of an order before its message on a topic, for that to have an output. */
const BEFORE: { readonly [P in Processor]?: { readonly [T in Topic]?: Topic } } = {
  inventory: { "orders.outcomes": "orders.validated" },
  payment: { "orders.outcomes": "orders.validated" },
  fulfillment: {
    "inventory.events": "payment.events",
    "payment.events": "inventory.events",
  },
};

for (const service of PROCESSORS) {
  for (const topic of topicsReadBy(service)) {
    eachStore(
      `${service}: ${topic}: whichever answer of a database is missing, Unavailable and no events`,
      async (place) => {
        const outage = new Outage();
        const handlers = await SERVICES[service](async (owner, tables: readonly Table[]) =>
          outage.of(await place.open(owner, tables))
        );
        const handle = (topic: Topic, orders: readonly number[]) =>
          handlers[topic]!(orders.map((sequence) => messageOf(sequence, topic)));
        const failed: string[] = [];
        for (;;) {
          const orders = [2 * failed.length, 2 * failed.length + 1];
          const before = BEFORE[service]?.[topic];
          if (before) await handle(before, orders);
          outage.after(failed.length);
          const result = await handle(topic, orders).catch((error) => error);
          const { cameAt } = outage;
          if (cameAt === undefined) break;
          failed.push(cameAt);
          assert(
            result instanceof Unavailable,
            `no ${cameAt}, and the handler says ${Deno.inspect(result)}`,
          );
          const again = await handle(topic, orders);
          const outcome = again.events.map(({ orderId }) => orderId);
          assertEquals(outcome, orders.map((sequence) => placed(sequence).orderId));
          assertEquals(await handle(topic, orders), again);
        }
        for (const moment of ["begin", "commit", "answer to the commit"]) {
          assert(failed.includes(moment), `no ${moment} among ${failed}`);
        }
      },
    );
  }
}
