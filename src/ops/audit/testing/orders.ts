/** Orders as the services would let them live, event by event and row by row, whatever their fate. */
import { eventId, type OrderEvent, type OrderValidated } from "../../../events/schemas.ts";
import { Names } from "../../../topology.ts";
import {
  appendCopy,
  appendEvent,
  appendRecord,
  AT,
  bury,
  judge,
  orderId,
  partitionOf,
  RUN,
  type TestRow,
  type World,
} from "./world.ts";

/** What becomes of an order. */
export const FATES = [
  "confirmed",
  "out_of_stock",
  "card_declined",
  "both_refused",
  "rejected",
  "placed_twice",
  "broken",
  "broken_discarded",
  "broken_replayed",
  "failed_then_replayed",
  "parked",
  "parked_then_replayed",
] as const;
export type Fate = typeof FATES[number];

const CURRENCIES = ["EUR", "USD"];
const PRODUCTS = ["p-1", "p-2", "p-3"];
const INITIAL = 1_000_000;

/**
 * A world in which order n of the run has the n-th fate, and all is well.
 *
 * @param prefix of the topics' names
 */
export function createWorld(fates: readonly Fate[], prefix = "t."): World {
  const world: World = {
    names: new Names(prefix),
    records: [],
    tables: {
      runs: [{ run_id: RUN, acknowledged: fates.length, finished_at: "2026-01-01T00:00:00.000Z" }],
      placements: [{ run_id: RUN, placed: fates.length }],
      stock: PRODUCTS.map((product_id) => ({ product_id, initial: INITIAL, on_hand: INITIAL })),
      reservations: [],
      payments: [],
      charges: [],
    },
  };
  for (const [n, fate] of fates.entries()) live(world, n, fate);
  return world;
}

/** Lets an order live. */
function live(world: World, n: number, fate: Fate): void {
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
  const common = { version: 1 as const, orderId: id, occurredAt: AT };
  const after = { ...common, placedAt: AT };
  const append = (event: OrderEvent, headers: Record<string, string> = {}) =>
    appendEvent(world, event, partition, headers);

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
  const validate = () =>
    append(
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

  const changes = (sign: 1 | -1) => {
    const pieces = new Map<string, number>();
    for (const { productId, quantity } of items) {
      pieces.set(productId, (pieces.get(productId) ?? 0) + quantity);
    }
    return [...pieces].map(([productId, count]) => {
      const row = world.tables.stock.find((row) => row.product_id === productId)!;
      const remaining = Number(row.on_hand) + sign * count;
      row.on_hand = remaining;
      return { productId, delta: sign * count, remaining };
    });
  };
  const reservation: TestRow = { order_id: id, state: "reserved" };
  const reserve = () => {
    world.tables.reservations.push(reservation);
    append({
      type: "InventoryUpdated",
      eventId: eventId(id, "InventoryUpdated/reserved"),
      ...after,
      action: "reserved",
      changes: changes(-1),
    });
  };
  const refuse = () => {
    reservation.state = "rejected";
    world.tables.reservations.push(reservation);
    const reason = "out_of_stock" as const;
    append({
      type: "InventoryRejected",
      eventId: eventId(id, "InventoryRejected"),
      ...after,
      reason,
      detail: "",
    });
  };
  const release = () => {
    reservation.state = "released";
    append({
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
    world.tables.payments.push(payment);
    world.tables.charges.push(charge);
  };
  const pay = () => {
    bookPayment();
    append({ type: "PaymentProcessed", eventId: eventId(id, "PaymentProcessed"), ...money });
  };
  const decline = () => {
    payment.state = "failed";
    charge.status = "declined";
    bookPayment();
    const reason = "card_declined" as const;
    append({
      type: "PaymentFailed",
      eventId: eventId(id, "PaymentFailed"),
      ...money,
      reason,
      detail: "",
    });
  };
  const refund = () => {
    payment.state = "refunded";
    charge.refunded_cents = totalCents;
    append({ type: "PaymentRefunded", eventId: eventId(id, "PaymentRefunded"), ...money });
  };

  const confirm = () =>
    append({
      type: "OrderConfirmed",
      eventId: eventId(id, "OrderConfirmed"),
      ...after,
      totalCents,
      currency,
    });
  const cancel = (reason: "out_of_stock" | "card_declined") =>
    append({
      type: "OrderCancelled",
      eventId: eventId(id, "OrderCancelled"),
      ...after,
      totalCents,
      currency,
      reason,
      detail: "",
    });
  const succeed = () => {
    validate();
    reserve();
    pay();
    confirm();
  };
  const placeBroken = (headers: Record<string, string> = {}) =>
    appendRecord(world, "orders.raw", partition, id, new TextEncoder().encode('{"type'), headers);

  switch (fate) {
    case "confirmed":
      place();
      succeed();
      break;
    case "out_of_stock":
      place();
      validate();
      refuse();
      pay();
      cancel("out_of_stock");
      refund();
      break;
    case "card_declined":
      place();
      validate();
      reserve();
      decline();
      cancel("card_declined");
      release();
      break;
    case "both_refused":
      place();
      validate();
      refuse();
      decline();
      cancel("out_of_stock");
      break;
    case "rejected":
      place();
      append({
        type: "OrderRejected",
        eventId: eventId(id, "OrderRejected"),
        ...after,
        reason: "unknown_customer",
        detail: "",
      });
      break;
    case "placed_twice":
      place();
      succeed();
      bury(world, "validator", place(), "duplicate_order");
      break;
    case "broken":
      bury(world, "validator", placeBroken(), "invalid_json");
      break;
    case "broken_discarded":
      judge(world, bury(world, "validator", placeBroken(), "invalid_json"), "discarded");
      break;
    case "broken_replayed": {
      const letter = bury(world, "validator", placeBroken(), "invalid_json");
      const headers = judge(world, letter, "replayed");
      bury(world, "validator", placeBroken(headers), "invalid_json");
      break;
    }
    case "failed_then_replayed": {
      const letter = bury(world, "validator", place(), "processing_failed");
      place(judge(world, letter, "replayed"));
      succeed();
      break;
    }
    case "parked": {
      place();
      const validated = validate();
      pay();
      bury(world, "inventory", validated, "processing_failed");
      break;
    }
    case "parked_then_replayed": {
      place();
      const validated = validate();
      pay();
      const letter = bury(world, "inventory", validated, "processing_failed");
      appendCopy(world, { ...validated, headers: judge(world, letter, "replayed") });
      reserve();
      confirm();
      break;
    }
    default:
      fate satisfies never;
  }
}
