/**
 * Whether what was seen of one order fits together. Pure: the order's marks in, what is wrong out.
 *
 * An order with an open or discarded dead letter after the validator (PARKED) may be unfinished: what
 * is missing is accounted for by the dead letter. Nothing excuses what should not be there.
 */
import type { CheckName } from "./findings.ts";
import { Mark } from "./ledger.ts";

const EVENT_NAMES: readonly (readonly [mark: number, name: string])[] = [
  [Mark.VALIDATED, "OrderValidated"],
  [Mark.RESERVED, "InventoryUpdated (reserved)"],
  [Mark.REFUSED, "InventoryRejected"],
  [Mark.PROCESSED, "PaymentProcessed"],
  [Mark.FAILED, "PaymentFailed"],
  [Mark.RELEASED, "InventoryUpdated (released)"],
  [Mark.REFUNDED, "PaymentRefunded"],
  [Mark.CONFIRMED, "OrderConfirmed"],
  [Mark.CANCELLED, "OrderCancelled"],
  [Mark.REJECTED, "OrderRejected"],
  [Mark.OTHER_EVENT, "an event of another service"],
];
const ANY_EVENT = EVENT_NAMES.reduce((all, [mark]) => all | mark, 0);

const OUTCOMES = Mark.CONFIRMED | Mark.CANCELLED | Mark.REJECTED;
const AFTER_VALIDATED = ANY_EVENT & ~(Mark.VALIDATED | Mark.REJECTED | Mark.OTHER_EVENT);
const NOT_WHEN_CONFIRMED = Mark.REFUSED | Mark.FAILED | Mark.RELEASED | Mark.REFUNDED;

const ROW_NAMES: readonly (readonly [mark: number, name: string])[] = [
  [Mark.ROW_RESERVED, "reserved"],
  [Mark.ROW_REJECTED, "rejected"],
  [Mark.ROW_RELEASED, "released"],
  [Mark.ROW_PROCESSED, "processed"],
  [Mark.ROW_FAILED, "failed"],
  [Mark.ROW_REFUNDED, "refunded"],
  [Mark.GATEWAY_CHARGED, "charged"],
  [Mark.GATEWAY_DECLINED, "declined"],
  [Mark.GATEWAY_REFUNDED, "given back"],
  [Mark.ROW_JOINED_BY_STOCK, "completed by the stock's answer"],
  [Mark.ROW_JOINED_BY_PAYMENT, "completed by the payment's answer"],
];
const RESERVATION_ROW = Mark.ROW_RESERVED | Mark.ROW_REJECTED | Mark.ROW_RELEASED;
const PAYMENT_ROW = Mark.ROW_PROCESSED | Mark.ROW_FAILED | Mark.ROW_REFUNDED;
const GATEWAY_ROW = Mark.GATEWAY_CHARGED | Mark.GATEWAY_DECLINED | Mark.GATEWAY_REFUNDED;
const JOIN_ROW = Mark.ROW_JOINED_BY_STOCK | Mark.ROW_JOINED_BY_PAYMENT;
/** Outcomes that end a join. */
const JOINED = Mark.CONFIRMED | Mark.CANCELLED;

/**
 * @param flags the order's marks, see `Mark`
 * @param fail told what is wrong, once for each thing
 */
export function judgeOrder(flags: number, fail: (check: CheckName, what: string) => void): void {
  const has = (marks: number) => (flags & marks) !== 0;
  const parked = has(Mark.PARKED);

  // G1: every order ends once, and nothing comes from nowhere.
  if (has(Mark.PLACED)) {
    const outcomes = flags & OUTCOMES;
    if (outcomes === 0 && !parked) fail("outcome", `no outcome; seen: ${eventsIn(flags)}`);
    // More than one bit.
    if ((outcomes & (outcomes - 1)) !== 0) fail("outcome", eventsIn(outcomes));
  } else {
    if (has(ANY_EVENT)) fail("orderless", `${eventsIn(flags)}, but orders.raw does not place it`);
    if (has(Mark.DUPLICATE)) {
      fail("messages", "all its messages are dead letters, one of them for a duplicate_order");
    }
  }

  // G2: the events agree.
  if (has(Mark.VALIDATED) && has(Mark.REJECTED)) fail("validated", "OrderValidated, OrderRejected");
  if (has(AFTER_VALIDATED) && !has(Mark.VALIDATED)) {
    fail("validated", `${eventsIn(flags & AFTER_VALIDATED)} without OrderValidated`);
  }
  for (const sides of [Mark.RESERVED | Mark.REFUSED, Mark.PROCESSED | Mark.FAILED]) {
    if ((flags & sides) === sides) fail("answers", eventsIn(sides));
  }
  if (has(Mark.CONFIRMED)) {
    const missing = (Mark.RESERVED | Mark.PROCESSED) & ~flags;
    if (missing) fail("confirmed", `OrderConfirmed without ${eventsIn(missing)}`);
    const wrong = flags & NOT_WHEN_CONFIRMED;
    if (wrong) fail("confirmed", `OrderConfirmed, but ${eventsIn(wrong)}`);
  }
  if (has(Mark.CANCELLED)) {
    if (!has(Mark.REFUSED | Mark.FAILED)) {
      fail("cancelled", `OrderCancelled, but nobody refused: ${eventsIn(flags)}`);
    }
    if (!has(Mark.RESERVED | Mark.REFUSED)) {
      fail("cancelled", "OrderCancelled before stock answered");
    }
    if (!has(Mark.PROCESSED | Mark.FAILED)) {
      fail("cancelled", "OrderCancelled before payment answered");
    }
  }

  // G3 and G4: what was taken is given back exactly when the order was cancelled.
  givenBack("released", Mark.RESERVED, Mark.RELEASED);
  givenBack("refunded", Mark.PROCESSED, Mark.REFUNDED);

  function givenBack(check: CheckName, taken: number, back: number): void {
    const due = has(taken) && has(Mark.CANCELLED);
    if (due && !has(back) && !parked) {
      fail(check, `OrderCancelled, ${eventsIn(taken)}, but no ${eventsIn(back)}`);
    }
    if (has(back) && !due) {
      const missing = (taken | Mark.CANCELLED) & ~flags;
      fail(check, `${eventsIn(back)} without ${eventsIn(missing)}`);
    }
  }

  judgeRows(flags, fail);
}

/** Whether the order's rows in the tables say the same as its events. */
function judgeRows(flags: number, fail: (check: CheckName, what: string) => void): void {
  const has = (marks: number) => (flags & marks) !== 0;
  rowIs("reservations", flags & RESERVATION_ROW, reservationRow(has));
  rowIs("payments", flags & PAYMENT_ROW, paymentRow(has));
  rowIs("gateway", flags & GATEWAY_ROW, gatewayRow(has));

  function rowIs(check: CheckName, found: number, expected: number): void {
    if (found !== expected) {
      fail(check, `its row: ${rowText(found)}; its events say: ${rowText(expected)}`);
    }
  }

  if (has(JOIN_ROW) !== has(JOINED)) {
    const [row, events] = [rowText(flags & JOIN_ROW), eventsIn(flags & OUTCOMES)];
    fail("joins", `its row: ${row}; its events: ${events}`);
  }
}

type Has = (marks: number) => boolean;

function reservationRow(has: Has): number {
  if (has(Mark.RELEASED)) return Mark.ROW_RELEASED;
  if (has(Mark.RESERVED)) return Mark.ROW_RESERVED;
  return has(Mark.REFUSED) ? Mark.ROW_REJECTED : 0;
}

function paymentRow(has: Has): number {
  if (has(Mark.REFUNDED)) return Mark.ROW_REFUNDED;
  if (has(Mark.PROCESSED)) return Mark.ROW_PROCESSED;
  return has(Mark.FAILED) ? Mark.ROW_FAILED : 0;
}

function gatewayRow(has: Has): number {
  const charged = has(Mark.PROCESSED) ? Mark.GATEWAY_CHARGED : 0;
  const refunded = has(Mark.REFUNDED) ? Mark.GATEWAY_REFUNDED : 0;
  const declined = has(Mark.FAILED) ? Mark.GATEWAY_DECLINED : 0;
  return charged | refunded | declined;
}

function eventsIn(flags: number): string {
  return EVENT_NAMES.filter(([mark]) => (flags & mark) !== 0).map(([, name]) => name).join(", ") ||
    "nothing";
}

function rowText(flags: number): string {
  return ROW_NAMES.filter(([mark]) => (flags & mark) !== 0).map(([, name]) => name).join(", ") ||
    "none";
}
