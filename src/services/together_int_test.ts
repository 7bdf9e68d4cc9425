/**
 * What several partitions have at once goes together into a service's store. Each of them gets what it
 * gets alone: the events of its own orders, in their order.
 */
import { assertEquals } from "@std/assert";
import { eachStore } from "../database/testing/stores.ts";
import type { HandlerResult } from "../kafka/processor/handler.ts";
import { placed } from "../kafka/testing/topics.ts";
import { PROCESSORS, type Topic, topicsReadBy } from "../topology.ts";
import type { Scenario } from "./analytics/testing/orders.ts";
import { BEFORE, handlersOf, messageOf, scenarioWithEvents } from "./testing/messages.ts";

/** The orders of each partition. */
const PARTITIONS = [[1], [2, 3], [4, 5, 6, 7, 8], [9, 10]];
/** Order 23 comes twice, order 24 in two partitions. */
const REPEATED = [[21], [22, 23, 23], [24], [25, 24]];

const ordersOf = ({ events }: HandlerResult) => events.map(({ orderId }) => orderId);
const idsOf = (sequences: readonly number[]) => sequences.map((each) => placed(each).orderId);

const batchesOf = (
  partitions: readonly (readonly number[])[],
  topic: Topic,
  scenario: Scenario,
) =>
  partitions.map((sequences, partition) =>
    sequences.map((sequence) => ({ ...messageOf(sequence, topic, scenario), partition }))
  );

for (const service of PROCESSORS) {
  for (const topic of topicsReadBy(service)) {
    eachStore(
      `${service}: ${topic}: partitions at once get what each gets alone`,
      async (place) => {
        const handlers = await handlersOf(service, place.open);
        const scenario = await scenarioWithEvents(handlers, service, topic);
        for (const partitions of [REPEATED, PARTITIONS]) {
          const before = BEFORE[service]?.[topic];
          if (before) {
            await Promise.all(batchesOf(partitions, before, scenario).map(handlers[before]!));
          }
          const batches = batchesOf(partitions, topic, scenario);
          const atOnce = await Promise.all(batches.map(handlers[topic]!));
          // The same batches again give the same events.
          for (const [i, batch] of batches.entries()) {
            assertEquals(atOnce[i], await handlers[topic]!(batch), `partition ${i}`);
          }
          if (partitions === PARTITIONS) assertEquals(atOnce.map(ordersOf), partitions.map(idsOf));
        }
      },
    );
  }
}

eachStore("fulfillment: both halves at once: each order has one outcome", async (place) => {
  const handlers = await handlersOf("fulfillment", place.open);
  const batches = (["inventory.events", "payment.events"] as const).flatMap((topic) =>
    batchesOf(PARTITIONS, topic, "card_declined").map((batch) => ({ topic, batch }))
  );
  const results = await Promise.all(batches.map(({ topic, batch }) => handlers[topic]!(batch)));
  assertEquals(results.flatMap(ordersOf).toSorted(), idsOf(PARTITIONS.flat()).toSorted());
});
