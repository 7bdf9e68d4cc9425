/**
 * What one record of an order topic says: it is marked on its order, added to the sums, and compared
 * with what other records said. Pure: a record in, books out.
 *
 * The order in which topics are read does not matter to what is found wrong.
 */
import { decode, type Fault } from "../events/codec.ts";
import type { OrderEvent } from "../events/schemas.ts";
import { REPLAYED_FROM } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import {
  deadLetterTopicOf,
  type Processor,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
} from "../topology.ts";
import { type Books, count, currencyBook, productBook } from "./books.ts";
import { askOf } from "./duties.ts";
import { hashItems, hashText, namesIn } from "./digests.ts";
import { Mark } from "./ledger.ts";

/** @param topic the topic's name in the topology; the record has its name on the cluster */
export function observe(books: Books, topic: Topic, record: LogRecord): void {
  const { partition, offset, key, value } = record;
  const isReplay = takeReplay(books, record);
  const log = books.logs.get(topic)!.get(partition)!;
  log.messages++;
  const withoutDeadLetter = PROCESSORS_OF.get(topic)!.filter((service) => {
    const hasDeadLetter = books.deadMessages.get(service)!.take(record.topic, partition, offset);
    if (hasDeadLetter) log.lettered.set(service, offset);
    return !hasDeadLetter;
  });
  const decoded = decode(topic, key, value);
  count(books.messages, topic);
  if (decoded.ok) count(books.events, decoded.event.type);

  if (topic === "orders.raw") {
    for (const name of decoded.ok ? [decoded.event.orderId] : namesIn(key, value)) {
      books.ledger.mark(books.ledger.slotOf(name), Mark.NAMED);
    }
    if (withoutDeadLetter.length === 0) {
      books.dead++;
      return;
    }
  } else if (!decoded.ok) books.unreadable++;

  const asked = withoutDeadLetter.filter((service) => !isReplayForAnother(service, topic, record));
  if (decoded.ok) {
    // Behind the validator a replay is of an event that is there already: it only shows it once more.
    const isCopy = isReplay && topic !== "orders.raw";
    observeEvent(books, topic, decoded.event, record, { isCopy, asked });
  } else if (asked.length > 0) {
    findUnaccounted(books, topic, record, decoded.fault, asked);
  }
}

/** A message that is no event, and that some service should have written a dead letter for. */
function findUnaccounted(
  { findings, committed: { before } }: Books,
  topic: Topic,
  record: LogRecord,
  { reason, detail }: Fault,
  services: readonly Processor[],
): void {
  const place = placeOf(record);
  const who = [...namesIn(record.key, record.value)][0] ?? place;
  const what = `${place} is no ${TOPICS[topic].events.join(" or ")} (${reason}: ${detail}), and ` +
    `${services.join(", ")} has no dead letter for it`;
  findings.add(topic === "orders.raw" ? "messages" : "readable", who, what);
  for (const service of services) {
    const committed = before.get(service, topic, record.partition) ?? 0;
    if (record.offset >= committed) continue;
    const skipped = `${service} has committed ${committed}, past ${place}, and did not answer it`;
    findings.add("ahead", who, skipped);
  }
}

/** The services that read a topic and have dead letters. */
const PROCESSORS_OF = new Map<Topic, readonly Processor[]>(
  TOPIC_NAMES.map((topic) => [
    topic,
    PROCESSORS.filter((service) => topicsReadBy(service).includes(topic)),
  ]),
);

/** A replay is for the service whose dead letter it was; the topic's other readers step over it. */
export function isReplayForAnother(service: Processor, topic: Topic, record: LogRecord): boolean {
  const claim = record.headers[REPLAYED_FROM];
  if (claim === undefined) return false;
  const prefix = record.topic.slice(0, record.topic.length - topic.length);
  return PROCESSORS_OF.get(topic)!.some((other) =>
    other !== service && claim.startsWith(`${prefix}${deadLetterTopicOf(other)} `)
  );
}

/** Whether the record is the replay of a dead letter, as it claims. */
function takeReplay({ findings, replayed }: Books, record: LogRecord): boolean {
  const claim = record.headers[REPLAYED_FROM];
  if (claim === undefined) return false;
  const [, deadLetterTopic, partition, offset] = /^(\S+) (\d+)@(\d+)$/.exec(claim) ?? [];
  const isReplay = replayed.take(deadLetterTopic ?? "", Number(partition), Number(offset));
  if (!isReplay) {
    const what = `claims to be dead letter ${claim}, which was not replayed, or has arrived before`;
    findings.add("replays", placeOf(record), what);
  }
  return isReplay;
}

function placeOf({ topic, partition, offset }: LogRecord): string {
  return `${topic} ${partition}@${offset}`;
}

function observeEvent(
  books: Books,
  topic: Topic,
  event: OrderEvent,
  record: LogRecord,
  { isCopy, asked }: { isCopy: boolean; asked: readonly Processor[] },
): void {
  const { ledger, findings } = books;
  const { orderId, type } = event;
  const slot = ledger.slotOf(orderId);
  if (isCopy) {
    // The original is before it in the same partition.
    const mark = markOf(event);
    if (mark ? (ledger.flags[slot]! & mark) === 0 : !ledger.hasType(slot, type)) {
      const what = `${placeOf(record)} is a replay of ${labelOf(event)}, which was never there`;
      findings.add("replays", orderId, what);
    }
  } else if (!markEvent(books, slot, event)) {
    if (type === "OrderPlaced") {
      const what = `is placed again by ${placeOf(record)}, which is no dead letter`;
      findings.add("messages", orderId, what);
    } else {
      findings.add("twice", orderId, `${labelOf(event)} again, at ${placeOf(record)}`);
    }
  }
  if (!ledger.agreeOnPartition(slot, record.partition)) {
    const what = `${labelOf(event)} is at ${placeOf(record)}, its other events are elsewhere`;
    findings.add("partition", orderId, what);
  } else {
    const { first } = books.logs.get(topic)!.get(record.partition)!;
    for (const ask of asked.flatMap((service) => askOf(service, topic) ?? [])) {
      if (ask.events & markOf(event)) books.asked.note(ask, slot, record.offset - first);
    }
  }
  compareContents(books, slot, event);
  if (!isCopy) addUp(books, event);
}

/** Whether an event says the same of its order's pieces and money as the order's other events. */
function compareContents({ ledger, findings }: Books, slot: number, event: OrderEvent): void {
  const { orderId, type } = event;
  const amountIs = (cents: number, currency: string) => {
    if (ledger.agreeOnAmount(slot, cents, currency)) return;
    const other = ledger.amountOf(slot);
    findings.add(
      "amounts",
      orderId,
      `${type} says ${cents} ${currency} cents, another event ${other.cents} ${other.currency}`,
    );
  };
  const itemsAre = (hash: number) => {
    if (ledger.agreeOnItems(slot, hash)) return;
    findings.add(
      "items",
      orderId,
      `${labelOf(event)} has other pieces than the order's other events`,
    );
  };
  const paymentIs = (paymentId: string) => {
    if (ledger.agreeOnPayment(slot, hashText(paymentId))) return;
    findings.add("amounts", orderId, `${type} is of another payment, ${paymentId}`);
  };

  switch (event.type) {
    case "OrderPlaced":
    case "OrderValidated":
      itemsAre(hashItems(event.items, (item) => item.productId, (item) => item.quantity));
      amountIs(event.totalCents, event.currency);
      break;
    case "InventoryUpdated": {
      const sign = event.action === "reserved" ? -1 : 1;
      itemsAre(hashItems(event.changes, (c) => c.productId, (c) => sign * c.delta));
      break;
    }
    case "PaymentProcessed":
    case "PaymentFailed":
    case "PaymentRefunded":
      amountIs(event.amountCents, event.currency);
      paymentIs(event.paymentId);
      break;
    case "OrderConfirmed":
    case "OrderCancelled":
      amountIs(event.totalCents, event.currency);
      break;
  }
}

/** Adds an event to the sums, however often it is there: a second one must not go unnoticed. */
function addUp(books: Books, event: OrderEvent): void {
  switch (event.type) {
    case "InventoryUpdated":
      for (const { productId, delta } of event.changes) {
        productBook(books, productId).changed += delta;
      }
      break;
    case "PaymentProcessed":
      currencyBook(books, event.currency).processed += BigInt(event.amountCents);
      break;
    case "PaymentRefunded":
      currencyBook(books, event.currency).refunded += BigInt(event.amountCents);
      break;
    case "OrderConfirmed":
      currencyBook(books, event.currency).confirmed += BigInt(event.totalCents);
      break;
  }
}

/** @returns false when the order had such an event before */
function markEvent({ ledger }: Books, slot: number, event: OrderEvent): boolean {
  const mark = markOf(event);
  return mark ? ledger.mark(slot, mark) : ledger.markType(slot, event.type);
}

/** The bit of `Mark` that stands for an event; 0 where its type has none. */
export function markOf(event: OrderEvent): number {
  switch (event.type) {
    case "OrderPlaced":
      return Mark.PLACED;
    case "OrderValidated":
      return Mark.VALIDATED;
    case "OrderRejected":
      return Mark.REJECTED;
    case "InventoryUpdated":
      return event.action === "reserved" ? Mark.RESERVED : Mark.RELEASED;
    case "InventoryRejected":
      return Mark.REFUSED;
    case "PaymentProcessed":
      return Mark.PROCESSED;
    case "PaymentFailed":
      return Mark.FAILED;
    case "PaymentRefunded":
      return Mark.REFUNDED;
    case "OrderConfirmed":
      return Mark.CONFIRMED;
    case "OrderCancelled":
      return Mark.CANCELLED;
    default:
      return 0;
  }
}

/** The event's type, with the action where one type stands for two. */
function labelOf(event: OrderEvent): string {
  return event.type === "InventoryUpdated" ? `${event.type} (${event.action})` : event.type;
}
