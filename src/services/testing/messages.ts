/** For tests: the handlers of each service on databases of the test's, and an order's messages. */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Database } from "../../database/database.ts";
import type { Place } from "../../database/testing/stores.ts";
import type { EventRecord } from "../../kafka/processor/handler.ts";
import { placed } from "../../kafka/testing/topics.ts";
import { readConfig } from "../../runtime/config.ts";
import { type Processor, type Topic, topicOf } from "../../topology.ts";
import { eventsOf, type Scenario } from "../analytics/testing/orders.ts";
import { serviceDefinitions } from "../definitions.ts";
import { stock } from "../inventory/store.ts";
import { databasesOf, type DefinedService, type ServiceContext } from "../service.ts";

const now = () => Date.parse("2026-01-02T03:04:06.000Z");

/** What is set otherwise than by default, so that a test is quick and asks each database each time. */
const CONFIG = {
  catalogCacheEntries: 1,
  catalogCacheTtlMs: 0,
  declinedShare: 0,
  timeoutShare: 0,
  errorShare: 0,
  latencyMs: 0,
  timeoutMs: 60_000,
  attempts: 1,
  breakerOpenMs: 100,
};

/** What must be in a service's tables before its handlers have any work to do. */
const PREPARE: { readonly [P in Processor]?: (database: Database) => Promise<unknown> } = {
  inventory: (database) => {
    const row = { product_id: "p-0001", initial: 1_000, on_hand: 1_000 };
    return database.transaction((tx) => tx.insert(stock, [row]));
  },
};

/** A service's handlers as its definition makes them, on databases that `open` opens. */
export async function handlersOf(
  service: Processor,
  open: Place["open"],
): Promise<ReturnType<DefinedService["handlers"]>> {
  const defined = (await serviceDefinitions()).find(({ name }) => name === service)!;
  const databases: Record<string, Database> = {};
  for (const { owner, tables } of databasesOf(defined)) {
    databases[owner] = await open(owner, tables);
  }
  const database = databases[service]!;
  await PREPARE[service]?.(database);
  const sources = { args: [], env: () => undefined, readFile: () => "" };
  const config = { ...readConfig(defined.settings, { sources }).config, ...CONFIG };
  const log = { info() {}, warn() {} } as unknown as ServiceContext["log"];
  return defined.handlers({ database, databases, config, now, log });
}

/** An order's message on a topic, by default of one that is cancelled in the end. */
export function messageOf(
  sequence: number,
  topic: Topic,
  scenario: Scenario = "card_declined",
): EventRecord {
  const events: OrderEvent[] = [
    placed(sequence),
    ...eventsOf({
      sequence,
      placedAtMs: now(),
      latencyMs: 0,
      totalCents: 100,
      currency: "EUR",
      scenario,
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

/** Of which orders a service makes events from their messages on a topic: found by trying. */
export async function scenarioWithEvents(
  handlers: Awaited<ReturnType<typeof handlersOf>>,
  service: Processor,
  topic: Topic,
): Promise<Scenario> {
  const scenarios: readonly Scenario[] = ["card_declined", "confirmed"];
  for (const [index, scenario] of scenarios.entries()) {
    const sequence = 900_000 + index;
    const before = BEFORE[service]?.[topic];
    if (before) await handlers[before]!([messageOf(sequence, before, scenario)]);
    const { events } = await handlers[topic]!([messageOf(sequence, topic, scenario)]);
    if (events.length > 0) return scenario;
  }
  throw new Error(`${service} makes no event of any message on ${topic}: see BEFORE`);
}
