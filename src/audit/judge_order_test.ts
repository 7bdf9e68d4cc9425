/** Every rule about one order by itself: what is found, and nothing else, when an order is changed. */
import { assertEquals } from "@std/assert";
import { Mark } from "./ledger.ts";
import type { CheckName } from "./findings.ts";
import { judgeOrder } from "./judge_order.ts";

const VALIDATED = Mark.PLACED | Mark.VALIDATED;
const RESERVED = Mark.RESERVED | Mark.ROW_RESERVED;
const REFUSED = Mark.REFUSED | Mark.ROW_REJECTED;
const RELEASED = Mark.RESERVED | Mark.RELEASED | Mark.ROW_RELEASED;
const PAID = Mark.PROCESSED | Mark.ROW_PROCESSED | Mark.GATEWAY_CHARGED;
const DECLINED = Mark.FAILED | Mark.ROW_FAILED | Mark.GATEWAY_DECLINED;
const REFUNDED = Mark.PROCESSED | Mark.REFUNDED | Mark.ROW_REFUNDED | Mark.GATEWAY_CHARGED |
  Mark.GATEWAY_REFUNDED;
const CONFIRMED = Mark.CONFIRMED | Mark.ROW_JOINED_BY_STOCK;
const CANCELLED = Mark.CANCELLED | Mark.ROW_JOINED_BY_PAYMENT;

/** Orders in which all is well. */
const ORDERS = {
  nothing: 0,
  rejected: Mark.PLACED | Mark.REJECTED,
  confirmed: VALIDATED | RESERVED | PAID | CONFIRMED,
  outOfStock: VALIDATED | REFUSED | REFUNDED | CANCELLED,
  declined: VALIDATED | RELEASED | DECLINED | CANCELLED,
  bothRefused: VALIDATED | REFUSED | DECLINED | CANCELLED,
  placedTwice: VALIDATED | RESERVED | PAID | CONFIRMED | Mark.DUPLICATE,
  parked: VALIDATED | PAID | Mark.PARKED,
  releaseParked: VALIDATED | RESERVED | DECLINED | CANCELLED | Mark.PARKED,
  refundParked: VALIDATED | REFUSED | PAID | CANCELLED | Mark.PARKED,
};

function judged(flags: number): [CheckName, string][] {
  const found: [CheckName, string][] = [];
  judgeOrder(flags, (check, what) => found.push([check, what]));
  return found;
}

for (const [name, flags] of Object.entries(ORDERS)) {
  Deno.test(`judgeOrder: finds nothing wrong with an order that was ${name}`, () => {
    assertEquals(judged(flags), []);
  });
}

/** Without these marks. */
const without = (order: number, marks: number) => order & ~marks;

const MUTATED: readonly [flags: number, ...found: [CheckName, string][]][] = [
  // One outcome.
  [Mark.PLACED, ["outcome", "no outcome; seen: nothing"]],
  [VALIDATED | Mark.DUPLICATE, ["outcome", "no outcome; seen: OrderValidated"]],
  [
    without(ORDERS.confirmed, CONFIRMED),
    ["outcome", "no outcome; seen: OrderValidated, InventoryUpdated (reserved), PaymentProcessed"],
  ],
  [
    ORDERS.bothRefused | Mark.REJECTED,
    ["outcome", "OrderCancelled, OrderRejected"],
    ["validated", "OrderValidated, OrderRejected"],
  ],
  [
    ORDERS.confirmed | CANCELLED | Mark.PARKED,
    ["outcome", "OrderConfirmed, OrderCancelled"],
    [
      "cancelled",
      "OrderCancelled, but nobody refused: OrderValidated, InventoryUpdated " +
      "(reserved), PaymentProcessed, OrderConfirmed, OrderCancelled",
    ],
  ],
  // Nothing comes from nowhere.
  [Mark.REJECTED, ["orderless", "OrderRejected, but orders.raw does not place it"]],
  [
    without(ORDERS.parked, Mark.PLACED),
    ["orderless", "OrderValidated, PaymentProcessed, but orders.raw does not place it"],
  ],
  [
    Mark.DUPLICATE,
    ["messages", "all its messages are dead letters, one of them for a duplicate_order"],
  ],
  // Validated, or rejected.
  [
    without(ORDERS.bothRefused, Mark.VALIDATED),
    ["validated", "InventoryRejected, PaymentFailed, OrderCancelled without OrderValidated"],
  ],
  [
    without(ORDERS.parked, Mark.VALIDATED),
    ["validated", "PaymentProcessed without OrderValidated"],
  ],
  [ORDERS.parked | Mark.REJECTED, ["validated", "OrderValidated, OrderRejected"]],
  // Yes or no.
  [
    ORDERS.declined | Mark.REFUSED,
    ["answers", "InventoryUpdated (reserved), InventoryRejected"],
  ],
  [
    ORDERS.outOfStock | Mark.FAILED | Mark.GATEWAY_DECLINED,
    ["answers", "PaymentProcessed, PaymentFailed"],
  ],
  // Confirmed.
  [
    without(ORDERS.confirmed, RESERVED),
    ["confirmed", "OrderConfirmed without InventoryUpdated (reserved)"],
  ],
  [
    without(ORDERS.confirmed, PAID),
    ["confirmed", "OrderConfirmed without PaymentProcessed"],
  ],
  [
    without(ORDERS.confirmed, RESERVED | PAID),
    ["confirmed", "OrderConfirmed without InventoryUpdated (reserved), PaymentProcessed"],
  ],
  [
    without(ORDERS.confirmed, RESERVED) | REFUSED,
    ["confirmed", "OrderConfirmed without InventoryUpdated (reserved)"],
    ["confirmed", "OrderConfirmed, but InventoryRejected"],
  ],
  [
    without(ORDERS.confirmed, PAID) | DECLINED,
    ["confirmed", "OrderConfirmed without PaymentProcessed"],
    ["confirmed", "OrderConfirmed, but PaymentFailed"],
  ],
  [
    without(ORDERS.confirmed, RESERVED) | RELEASED,
    ["confirmed", "OrderConfirmed, but InventoryUpdated (released)"],
    ["released", "InventoryUpdated (released) without OrderCancelled"],
  ],
  [
    without(ORDERS.confirmed, PAID) | REFUNDED,
    ["confirmed", "OrderConfirmed, but PaymentRefunded"],
    ["refunded", "PaymentRefunded without OrderCancelled"],
  ],
  // Cancelled.
  [
    VALIDATED | RELEASED | REFUNDED | CANCELLED,
    [
      "cancelled",
      "OrderCancelled, but nobody refused: OrderValidated, InventoryUpdated " +
      "(reserved), PaymentProcessed, InventoryUpdated (released), PaymentRefunded, OrderCancelled",
    ],
  ],
  [
    without(ORDERS.bothRefused, REFUSED),
    ["cancelled", "OrderCancelled before stock answered"],
  ],
  [
    without(ORDERS.bothRefused, DECLINED),
    ["cancelled", "OrderCancelled before payment answered"],
  ],
  // Given back when it was cancelled, and only then.
  [
    without(ORDERS.releaseParked, Mark.PARKED),
    ["released", "OrderCancelled, InventoryUpdated (reserved), but no InventoryUpdated (released)"],
  ],
  [
    without(ORDERS.refundParked, Mark.PARKED),
    ["refunded", "OrderCancelled, PaymentProcessed, but no PaymentRefunded"],
  ],
  [
    without(ORDERS.bothRefused, Mark.ROW_REJECTED) | Mark.RELEASED | Mark.ROW_RELEASED,
    ["released", "InventoryUpdated (released) without InventoryUpdated (reserved)"],
  ],
  [
    without(ORDERS.bothRefused, Mark.ROW_FAILED) | Mark.REFUNDED | Mark.ROW_REFUNDED |
    Mark.GATEWAY_REFUNDED,
    ["refunded", "PaymentRefunded without PaymentProcessed"],
  ],
  // The tables.
  [
    without(ORDERS.confirmed, Mark.ROW_RESERVED),
    ["reservations", "its row: none; its events say: reserved"],
  ],
  [
    ORDERS.rejected | Mark.ROW_RESERVED,
    ["reservations", "its row: reserved; its events say: none"],
  ],
  [
    without(ORDERS.declined, Mark.ROW_RELEASED) | Mark.ROW_RESERVED,
    ["reservations", "its row: reserved; its events say: released"],
  ],
  [
    without(ORDERS.bothRefused, Mark.ROW_REJECTED) | Mark.ROW_RESERVED,
    ["reservations", "its row: reserved; its events say: rejected"],
  ],
  [
    without(ORDERS.confirmed, Mark.ROW_PROCESSED),
    ["payments", "its row: none; its events say: processed"],
  ],
  [ORDERS.rejected | Mark.ROW_FAILED, ["payments", "its row: failed; its events say: none"]],
  [
    without(ORDERS.outOfStock, Mark.ROW_REFUNDED) | Mark.ROW_PROCESSED,
    ["payments", "its row: processed; its events say: refunded"],
  ],
  [
    without(ORDERS.bothRefused, Mark.ROW_FAILED) | Mark.ROW_PROCESSED,
    ["payments", "its row: processed; its events say: failed"],
  ],
  [
    without(ORDERS.confirmed, Mark.GATEWAY_CHARGED),
    ["gateway", "its row: none; its events say: charged"],
  ],
  [
    ORDERS.rejected | Mark.GATEWAY_CHARGED,
    ["gateway", "its row: charged; its events say: none"],
  ],
  [
    ORDERS.confirmed | Mark.GATEWAY_REFUNDED,
    ["gateway", "its row: charged, given back; its events say: charged"],
  ],
  [
    without(ORDERS.outOfStock, Mark.GATEWAY_REFUNDED),
    ["gateway", "its row: charged; its events say: charged, given back"],
  ],
  [
    without(ORDERS.bothRefused, Mark.GATEWAY_DECLINED) | Mark.GATEWAY_CHARGED,
    ["gateway", "its row: charged; its events say: declined"],
  ],
  [
    without(ORDERS.confirmed, Mark.ROW_JOINED_BY_STOCK),
    ["joins", "its row: none; its events: OrderConfirmed"],
  ],
  [
    without(ORDERS.outOfStock, Mark.ROW_JOINED_BY_PAYMENT),
    ["joins", "its row: none; its events: OrderCancelled"],
  ],
  [
    ORDERS.rejected | Mark.ROW_JOINED_BY_PAYMENT,
    ["joins", "its row: completed by the payment's answer; its events: OrderRejected"],
  ],
  [
    ORDERS.parked | Mark.ROW_JOINED_BY_STOCK,
    ["joins", "its row: completed by the stock's answer; its events: nothing"],
  ],
];

for (const [flags, ...found] of MUTATED) {
  const name = found.map(([check, what]) => `${check}: ${what}`).join("; ");
  Deno.test(`judgeOrder: finds ${name}`, () => assertEquals(judged(flags), found));
}
