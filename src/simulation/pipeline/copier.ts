/**
 * The copier: a service without tables, on the real loop. It copies each order that it reads, and knows
 * where it is by its group's offset alone. In the other services a position in the tables, which has an
 * owner, catches what Kafka's fences let through; here nothing does.
 */
import type { OrderPlaced, OrderRejected, OrderValidated } from "../../events/schemas.ts";
import type { EventRecord, Handler } from "../../kafka/processor/handler.ts";
import type { ProcessorOptions } from "../../kafka/processor/options.ts";
import { type DeadLetterTopic, deadLetterTopicOf, Names, type Topic } from "../../topology.ts";
import { placeOf } from "../promises/evidence.ts";
import { COPIED, COPIER, COPY_TOPICS } from "../services.ts";

export const COPIER_DEAD_LETTERS = `dlq.${COPIER}`;

const OWN_TOPICS = new Map<string, string>([
  ["orders.validated", COPY_TOPICS[0]],
  ["orders.outcomes", COPY_TOPICS[1]],
  [deadLetterTopicOf(COPIED), COPIER_DEAD_LETTERS],
]);

/** The names of the service in whose place it is, but for what is its own. */
export class CopierNames extends Names {
  override topic(topic: Topic | DeadLetterTopic): string {
    return OWN_TOPICS.get(topic) ?? super.topic(topic);
  }

  override group(): string {
    return COPIER;
  }

  override memberTransactionalId(): string {
    return `${COPIER}-${crypto.randomUUID()}`;
  }

  override transactionalId(_service: unknown, topic: Topic, partition: number): string {
    return `${COPIER}-${topic}-${partition}`;
  }
}

/** As short as the setting allows: shorter than most transactions may last. */
const SESSION_TIMEOUT_MS = 6_000;

export const COPIER_OPTIONS: Pick<ProcessorOptions, "service" | "sessionTimeoutMs" | "handlers"> = {
  service: COPIED,
  sessionTimeoutMs: SESSION_TIMEOUT_MS,
  handlers: { "orders.raw": copy },
};

function copy(batch: readonly EventRecord<OrderPlaced>[]): ReturnType<Handler> {
  const events = batch.flatMap(({ event, topic, partition, raw }) => {
    const { orderId, occurredAt, customerId, currency, items, totalCents } = event;
    const both = {
      version: 1,
      eventId: placeOf(topic, { partition, offset: raw.offset }),
      orderId,
      occurredAt,
      placedAt: occurredAt,
    } as const;
    const customer = { customerId, name: "", country: "XX", tier: "standard" } as const;
    const order = { status: "PENDING", processingMs: 0, customer, currency, items, totalCents };
    return [
      { ...both, type: "OrderValidated", ...order } as OrderValidated,
      { ...both, type: "OrderRejected", reason: "unknown_customer", detail: "" } as OrderRejected,
    ];
  });
  return Promise.resolve({ events });
}
