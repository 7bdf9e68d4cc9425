/** What may happen to an order of a fixture, step by step: each writes its events and rows. */
import { eventId, type OrderEvent, type OrderValidated } from "../../events/schemas.ts";
import type { LogRecord } from "../../kafka/records.ts";
import type { Topic } from "../../topology.ts";
import {
  appendEvent,
  appendRecord,
  type Fixture,
  orderId,
  partitionOf,
  type TestRow,
} from "./fixture.ts";
import { OtherServices } from "./other_services.ts";

const CURRENCIES = ["EUR", "USD"];
export const PRODUCTS = ["p-1", "p-2", "p-3"];

/** The steps of order n of the run; each returns its record. */
export function stepsOf(fixture: Fixture, n: number) {
  const id = orderId(n);
  const partition = partitionOf(n);
  const currency = CURRENCIES[n % 2]!;
  // Two lines of one product, to be added up, and one of another.
  const [first, second] = [PRODUCTS[n % 3]!, PRODUCTS[(n + 1) % 3]!];
  const items = [
    { productId: first, quantity: 1 + n % 4, unitPriceCents: 250 },
    { productId: second, quantity: 2, unitPriceCents: 100 + n },
    { productId: first, quantity: 1, unitPriceCents: 250 },
  ];
  const totalCents = items.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0);
  const at = new Date(fixture.nowMs).toISOString();
  const common = { version: 1 as const, orderId: id, occurredAt: at };
  const after = { ...common, placedAt: at };
  const others = new OtherServices(fixture);
  const append = (event: OrderEvent, headers: Record<string, string> = {}): LogRecord => {
    const record = appendEvent(fixture, event, partition, headers);
    for (const answer of others.answersTo(event)) append(answer);
    return record;
  };
  /** The validator's row. */
  const see = () => fixture.tables.seen_orders.push({ order_id: id });

  const place = (headers: Record<string, string> = {}) =>
    append({
      type: "OrderPlaced",
      eventId: eventId(id, "OrderPlaced"),
      ...common,
      customerId: "c-1",
      currency,
      items,
      totalCents,
    }, headers);
  const validate = () => {
    see();
    return append(
      {
        type: "OrderValidated",
        eventId: eventId(id, "OrderValidated"),
        ...after,
        status: "PENDING",
        processingMs: 1,
        customer: { customerId: "c-1", name: "Ada", country: "GB", tier: "gold" },
        currency,
        items,
        totalCents,
      } satisfies OrderValidated,
    );
  };

  const changes = (sign: 1 | -1) => {
    const pieces = new Map<string, number>();
    for (const { productId, quantity } of items) {
      pieces.set(productId, (pieces.get(productId) ?? 0) + quantity);
    }
    return [...pieces].map(([productId, count]) => {
      const row = fixture.tables.stock.find((row) => row.product_id === productId)!;
      const remaining = Number(row.on_hand) + sign * count;
      row.on_hand = remaining;
      return { productId, delta: sign * count, remaining };
    });
  };
  const join: TestRow = {
    order_id: id,
    outcome: null,
    decided_by_topic: null,
    decided_by_offset: null,
  };
  const halves: LogRecord[] = [];
  /** Fulfillment has read one half of the order. */
  const half = (record: LogRecord) => {
    if (halves.length === 0) fixture.tables.joins.push(join);
    halves.push(record);
    return record;
  };
  /** Which half came last is the one or the other. */
  const decide = (outcome: OrderEvent, last = halves[n % 2]!) => {
    join.outcome = JSON.stringify(outcome);
    join.decided_by_topic = last.topic.slice(fixture.names.prefix.length);
    join.decided_by_offset = last.offset;
    return append(outcome);
  };

  const reservation: TestRow = { order_id: id, state: "reserved", decision: null };
  const reserve = () => {
    const reserved = changes(-1);
    reservation.decision = JSON.stringify({ state: "reserved", changes: reserved });
    fixture.tables.reservations.push(reservation);
    return half(append({
      type: "InventoryUpdated",
      eventId: eventId(id, "InventoryUpdated/reserved"),
      ...after,
      action: "reserved",
      changes: reserved,
    }));
  };
  const refuse = () => {
    reservation.state = "rejected";
    reservation.decision = JSON.stringify({ state: "rejected" });
    fixture.tables.reservations.push(reservation);
    const reason = "out_of_stock" as const;
    return half(append({
      type: "InventoryRejected",
      eventId: eventId(id, "InventoryRejected"),
      ...after,
      reason,
      detail: "",
    }));
  };
  const release = () => {
    reservation.state = "released";
    return append({
      type: "InventoryUpdated",
      eventId: eventId(id, "InventoryUpdated/released"),
      ...after,
      action: "released",
      changes: changes(1),
    });
  };

  const money = { ...after, paymentId: `pay-${id}`, amountCents: totalCents, currency };
  const paid = { payment_id: money.paymentId, amount_cents: totalCents, currency };
  const payment: TestRow = { order_id: id, state: "processed", ...paid };
  const charge: TestRow = { idempotency_key: id, status: "charged", ...paid, refunded_cents: 0 };
  const bookPayment = () => {
    fixture.tables.payments.push(payment);
    fixture.tables.charges.push(charge);
  };
  const pay = () => {
    bookPayment();
    return half(
      append({ type: "PaymentProcessed", eventId: eventId(id, "PaymentProcessed"), ...money }),
    );
  };
  const decline = () => {
    payment.state = "failed";
    charge.status = "declined";
    bookPayment();
    const reason = "card_declined" as const;
    return half(append({
      type: "PaymentFailed",
      eventId: eventId(id, "PaymentFailed"),
      ...money,
      reason,
      detail: "",
    }));
  };
  const refund = () => {
    payment.state = "refunded";
    charge.refunded_cents = totalCents;
    return append({ type: "PaymentRefunded", eventId: eventId(id, "PaymentRefunded"), ...money });
  };

  /** @param last the half that completed it */
  const confirm = (last?: LogRecord) =>
    decide({
      type: "OrderConfirmed",
      eventId: eventId(id, "OrderConfirmed"),
      ...after,
      totalCents,
      currency,
    }, last);
  const cancel = (reason: "out_of_stock" | "card_declined") =>
    decide({
      type: "OrderCancelled",
      eventId: eventId(id, "OrderCancelled"),
      ...after,
      totalCents,
      currency,
      reason,
      detail: "",
    });
  /** A message about the order that is no event. */
  const placeBroken = (headers: Record<string, string> = {}, topic: Topic = "orders.raw") =>
    appendRecord(fixture, topic, partition, id, new TextEncoder().encode('{"type'), headers);
  const reject = () => {
    see();
    return append({
      type: "OrderRejected",
      eventId: eventId(id, "OrderRejected"),
      ...after,
      reason: "unknown_customer",
      detail: "",
    });
  };

  return {
    place,
    placeBroken,
    validate,
    reserve,
    refuse,
    release,
    pay,
    decline,
    refund,
    confirm,
    cancel,
    reject,
  };
}
