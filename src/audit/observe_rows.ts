/** What the rows of the services' tables say, marked beside what the events say. Pure. */
import type { Row } from "../database/database.ts";
import type { charges, joins, payments, reservations, stock } from "../services/tables.ts";
import { type Books, currencyBook, messageOf, productBook } from "./books.ts";
import { DUTIES } from "./duties.ts";
import { hashText } from "./digests.ts";
import { Mark } from "./ledger.ts";

export function observeStock(books: Books, row: Row<typeof stock.table>): void {
  const { product_id: productId, initial, on_hand: onHand } = row;
  if (initial === null || onHand === null) {
    return books.findings.add("stock", productId, "its row does not say initial and on_hand");
  }
  productBook(books, productId).row = { initial, onHand };
}

const RESERVATION_STATES = new Map<string | null, number>([
  ["reserved", Mark.ROW_RESERVED],
  ["rejected", Mark.ROW_REJECTED],
  ["released", Mark.ROW_RELEASED],
]);

export function observeReservation(books: Books, row: Row<typeof reservations.table>): void {
  const mark = RESERVATION_STATES.get(row.state);
  if (mark !== undefined) books.ledger.mark(books.ledger.slotOf(row.order_id), mark);
  else books.findings.add("reservations", row.order_id, `its row's state is ${row.state}`);
}

const PAYMENT_STATES = new Map<string | null, number>([
  ["processed", Mark.ROW_PROCESSED],
  ["failed", Mark.ROW_FAILED],
  ["refunded", Mark.ROW_REFUNDED],
]);

export function observePayment(books: Books, row: Row<typeof payments.table>): void {
  const { ledger, findings } = books;
  const { order_id: orderId, state, payment_id: paymentId, amount_cents: cents, currency } = row;
  const slot = ledger.slotOf(orderId);
  const mark = PAYMENT_STATES.get(state);
  if (mark !== undefined) ledger.mark(slot, mark);
  else findings.add("payments", orderId, `its row's state is ${state}`);
  if (!ledger.agreeOnAmount(slot, cents ?? NaN, currency ?? "")) {
    findings.add("payments", orderId, `its row says ${cents} ${currency} cents, its events do not`);
  }
  if (!ledger.agreeOnPayment(slot, hashText(paymentId ?? ""))) {
    findings.add("payments", orderId, `its row is about payment ${paymentId}, its events are not`);
  }
}

export function observeCharge(books: Books, row: Row<typeof charges.table>): void {
  const { ledger, findings } = books;
  const { idempotency_key: orderId, payment_id: paymentId, amount_cents: cents } = row;
  const currency = row.currency ?? "";
  const slot = ledger.slotOf(orderId);
  if (!ledger.agreeOnAmount(slot, cents ?? NaN, currency)) {
    const what = `the gateway's ledger says ${cents} ${currency} cents, its events do not`;
    findings.add("gateway", orderId, what);
  }
  if (!ledger.agreeOnPayment(slot, hashText(paymentId ?? ""))) {
    const what = `the gateway calls the payment ${paymentId}, its events do not`;
    findings.add("gateway", orderId, what);
  }
  const refunded = row.refunded_cents ?? 0;
  if (refunded !== 0) ledger.mark(slot, Mark.GATEWAY_REFUNDED);
  if (refunded !== 0 && refunded !== cents) {
    findings.add("gateway", orderId, `the gateway gave back ${refunded} of ${cents} cents`);
  }
  const book = currencyBook(books, currency);
  book.gaveBack += BigInt(refunded);
  switch (row.status) {
    case "charged":
      ledger.mark(slot, Mark.GATEWAY_CHARGED);
      book.charged += BigInt(cents ?? 0);
      break;
    case "declined":
      ledger.mark(slot, Mark.GATEWAY_DECLINED);
      break;
    default:
      findings.add("gateway", orderId, `the gateway's ledger has it as ${row.status}`);
  }
}

const HALVES = DUTIES.filter(({ service }) => service === "fulfillment").flatMap(({ asks }) =>
  asks
);

/** Which of its halves an order waited for: that message is what its outcome answers. */
export function observeJoin(books: Books, row: Row<typeof joins.table>): void {
  const { order_id: orderId, outcome, decided_by_topic: topic, decided_by_offset: offset } = row;
  if (outcome === null) return;
  const slot = books.ledger.slotOf(orderId);
  const half = HALVES.find((ask) => ask.topic === topic);
  if (half?.last && messageOf(books, half, slot)?.offset === offset) {
    books.ledger.mark(slot, half.last);
  } else {
    const what = `its row says that ${topic} @${offset} completed it, where no half of it is`;
    books.findings.add("joins", orderId, what);
  }
}
