/**
 * What happened to one order, as `deno task trace` shows it, but from the log alone and without the
 * customer: the page may be on a projector. Read-only.
 */
import { decode } from "../../../events/codec.ts";
import type { OrderEvent } from "../../../events/schemas.ts";
import { findRecords, type Found } from "../../../order_history/find.ts";
import { describeEvent } from "../../../order_history/summary.ts";
import { buildTimeline, type Timeline } from "../../../order_history/timeline.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { withLogReader } from "../../../kafka/readers/log_reader.ts";
import { type Names, type Topic, TOPICS } from "../../../topology.ts";

/** Replaces whatever would identify the customer. */
const CUSTOMER = "(a customer)";

/** @returns undefined when the order is not in the log */
export async function findOrder(
  cluster: { access: KafkaAccess; clientId: string; names: Names },
  orderId: string,
  signal: AbortSignal,
): Promise<Omit<Timeline, "rows"> | undefined> {
  const kafka = createClient(cluster.access, cluster.clientId);
  const search = await withLogReader(kafka, async (reader) => {
    const log = { kafka, reader, names: cluster.names };
    const find = (allPartitions: boolean) => findRecords(log, orderId, { allPartitions, signal });
    const near = await find(false);
    // An order from before partitions were added is where its key belonged then.
    return near.found.some(({ topic }) => topic in TOPICS) ? near : await find(true);
  });
  const timeline = buildTimeline(orderId, search, [], sayWithoutCustomer);
  return timeline && withoutCustomer(timeline, search.found);
}

export function sayWithoutCustomer(event: OrderEvent): string {
  if (event.type === "OrderValidated") return `accepted within ${event.processingMs} ms`;
  return describeEvent(event);
}

/** The timeline without the customer, whom refusals quote, too. */
export function withoutCustomer(
  timeline: Timeline,
  found: readonly Found[],
): Omit<Timeline, "rows"> {
  const names = found.flatMap(({ topic, record }) =>
    topic in TOPICS ? namesIn(topic as Topic, record.key, record.value) : []
  );
  const clean = (text: string) =>
    names.reduce((rest, name) => rest.replaceAll(name, CUSTOMER), text);
  const { orderId, placedAt, steps, conclusion } = timeline;
  return {
    orderId,
    placedAt,
    steps: steps.map((step) => ({
      ...step,
      // Of what is not an event only the reason is shown: the rest may quote any of its content.
      text: ["dead letter", "unreadable"].includes(step.event)
        ? step.text.split(":")[0]!
        : clean(step.text),
    })),
    conclusion: clean(conclusion),
  };
}

function namesIn(topic: Topic, key: Uint8Array | null, value: Uint8Array | null): string[] {
  const decoded = decode(topic, key, value);
  if (!decoded.ok) return [];
  const { event } = decoded;
  switch (event.type) {
    case "OrderPlaced":
      return [`customer ${event.customerId}`, event.customerId];
    case "OrderValidated":
      return [event.customer.name, event.customer.customerId];
    default:
      return [];
  }
}
