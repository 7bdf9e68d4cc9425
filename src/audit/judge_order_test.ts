/** Every rule about one order by itself: what is found, and nothing else, when a story is mutated. */
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

/** Stories in which all is well. */
const STORY = {
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

for (const [name, flags] of Object.entries(STORY)) {
  Deno.test(`judgeOrder: finds nothing wrong with an order that was ${name}`, () => {
    assertEquals(judged(flags), []);
  });
}

/** Without these marks. */
const without = (story: number, marks: number) => story & ~marks;

const MUTATED: readonly [flags: number, ...found: [CheckName, string][]][] = [
  // One outcome.
  [Mark.PLACED, ["outcome", "no outcome; seen: nothing"]],
  [VALIDATED | Mark.DUPLICATE, ["outcome", "no outcome; seen: OrderValidated"]],
  [
    without(STORY.confirmed, CONFIRMED),
    ["outcome", "no outcome; seen: OrderValidated, InventoryUpdated (reserved), PaymentProcessed"],
  ],
  [
    STORY.bothRefused | Mark.REJECTED,
    ["outcome", "OrderCancelled, OrderRejected"],
    ["validated", "OrderValidated, OrderRejected"],
  ],
  [
    STORY.confirmed | CANCELLED | Mark.PARKED,
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
    without(STORY.parked, Mark.PLACED),
    ["orderless", "OrderValidated, PaymentProcessed, but orders.raw does not place it"],
  ],
  [
    Mark.DUPLICATE,
    ["messages", "all its messages are dead letters, one of them for a duplicate_order"],
  ],
  // Validated, or rejected.
  [
    without(STORY.bothRefused, Mark.VALIDATED),
    ["validated", "InventoryRejected, PaymentFailed, OrderCancelled without OrderValidated"],
  ],
  [
    without(STORY.parked, Mark.VALIDATED),
    ["validated", "PaymentProcessed without OrderValidated"],
  ],
  [STORY.parked | Mark.REJECTED, ["validated", "OrderValidated, OrderRejected"]],
  // Yes or no.
  [
    STORY.declined | Mark.REFUSED,
    ["answers", "InventoryUpdated (reserved), InventoryRejected"],
  ],
  [
    STORY.outOfStock | Mark.FAILED | Mark.GATEWAY_DECLINED,
    ["answers", "PaymentProcessed, PaymentFailed"],
  ],
  // Confirmed.
  [
    without(STORY.confirmed, RESERVED),
    ["confirmed", "OrderConfirmed without InventoryUpdated (reserved)"],
  ],
  [
    without(STORY.confirmed, PAID),
    ["confirmed", "OrderConfirmed without PaymentProcessed"],
  ],
  [
    without(STORY.confirmed, RESERVED | PAID),
    ["confirmed", "OrderConfirmed without InventoryUpdated (reserved), PaymentProcessed"],
  ],
  [
    without(STORY.confirmed, RESERVED) | REFUSED,
    ["confirmed", "OrderConfirmed without InventoryUpdated (reserved)"],
    ["confirmed", "OrderConfirmed, but InventoryRejected"],
  ],
  [
    without(STORY.confirmed, PAID) | DECLINED,
    ["confirmed", "OrderConfirmed without PaymentProcessed"],
    ["confirmed", "OrderConfirmed, but PaymentFailed"],
  ],
  [
    without(STORY.confirmed, RESERVED) | RELEASED,
    ["confirmed", "OrderConfirmed, but InventoryUpdated (released)"],
    ["released", "InventoryUpdated (released) without OrderCancelled"],
  ],
  [
    without(STORY.confirmed, PAID) | REFUNDED,
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
    without(STORY.bothRefused, REFUSED),
    ["cancelled", "OrderCancelled before stock answered"],
  ],
  [
    without(STORY.bothRefused, DECLINED),
    ["cancelled", "OrderCancelled before payment answered"],
  ],
  // Given back when it was cancelled, and only then.
  [
    without(STORY.releaseParked, Mark.PARKED),
    ["released", "OrderCancelled, InventoryUpdated (reserved), but no InventoryUpdated (released)"],
  ],
  [
    without(STORY.refundParked, Mark.PARKED),
    ["refunded", "OrderCancelled, PaymentProcessed, but no PaymentRefunded"],
  ],
  [
    without(STORY.bothRefused, Mark.ROW_REJECTED) | Mark.RELEASED | Mark.ROW_RELEASED,
    ["released", "InventoryUpdated (released) without InventoryUpdated (reserved)"],
  ],
  [
    without(STORY.bothRefused, Mark.ROW_FAILED) | Mark.REFUNDED | Mark.ROW_REFUNDED |
    Mark.GATEWAY_REFUNDED,
    ["refunded", "PaymentRefunded without PaymentProcessed"],
  ],
  // The tables.
  [
    without(STORY.confirmed, Mark.ROW_RESERVED),
    ["reservations", "its row: none; its events say: reserved"],
  ],
  [
    STORY.rejected | Mark.ROW_RESERVED,
    ["reservations", "its row: reserved; its events say: none"],
  ],
  [
    without(STORY.declined, Mark.ROW_RELEASED) | Mark.ROW_RESERVED,
    ["reservations", "its row: reserved; its events say: released"],
  ],
  [
    without(STORY.bothRefused, Mark.ROW_REJECTED) | Mark.ROW_RESERVED,
    ["reservations", "its row: reserved; its events say: rejected"],
  ],
  [
    without(STORY.confirmed, Mark.ROW_PROCESSED),
    ["payments", "its row: none; its events say: processed"],
  ],
  [STORY.rejected | Mark.ROW_FAILED, ["payments", "its row: failed; its events say: none"]],
  [
    without(STORY.outOfStock, Mark.ROW_REFUNDED) | Mark.ROW_PROCESSED,
    ["payments", "its row: processed; its events say: refunded"],
  ],
  [
    without(STORY.bothRefused, Mark.ROW_FAILED) | Mark.ROW_PROCESSED,
    ["payments", "its row: processed; its events say: failed"],
  ],
  [
    without(STORY.confirmed, Mark.GATEWAY_CHARGED),
    ["gateway", "its row: none; its events say: charged"],
  ],
  [
    STORY.rejected | Mark.GATEWAY_CHARGED,
    ["gateway", "its row: charged; its events say: none"],
  ],
  [
    STORY.confirmed | Mark.GATEWAY_REFUNDED,
    ["gateway", "its row: charged, given back; its events say: charged"],
  ],
  [
    without(STORY.outOfStock, Mark.GATEWAY_REFUNDED),
    ["gateway", "its row: charged; its events say: charged, given back"],
  ],
  [
    without(STORY.bothRefused, Mark.GATEWAY_DECLINED) | Mark.GATEWAY_CHARGED,
    ["gateway", "its row: charged; its events say: declined"],
  ],
  [
    without(STORY.confirmed, Mark.ROW_JOINED_BY_STOCK),
    ["joins", "its row: none; its events: OrderConfirmed"],
  ],
  [
    without(STORY.outOfStock, Mark.ROW_JOINED_BY_PAYMENT),
    ["joins", "its row: none; its events: OrderCancelled"],
  ],
  [
    STORY.rejected | Mark.ROW_JOINED_BY_PAYMENT,
    ["joins", "its row: completed by the payment's answer; its events: OrderRejected"],
  ],
  [
    STORY.parked | Mark.ROW_JOINED_BY_STOCK,
    ["joins", "its row: completed by the stock's answer; its events: nothing"],
  ],
];

for (const [flags, ...found] of MUTATED) {
  const name = found.map(([check, what]) => `${check}: ${what}`).join("; ");
  Deno.test(`judgeOrder: finds ${name}`, () => assertEquals(judged(flags), found));
}
