import { assertEquals } from "@std/assert";
import { eachStore } from "../../database/testing/stores.ts";
import type { Payment, RefundedPayment } from "./charge.ts";
import { findPayments, payments, recordPayments, recordRefunds } from "./store.ts";

const common = {
  paymentId: "pay-1",
  amountCents: 500,
  currency: "EUR",
  placedAt: "2026-01-02T03:04:05.678Z",
  occurredAt: "2026-01-02T03:04:06.000Z",
};
const processed = (orderId: string): Payment => ({ ...common, orderId, state: "processed" });
const failed = (orderId: string): Payment => ({
  ...common,
  orderId,
  state: "failed",
  reason: "expired_card",
  detail: "the card has expired",
});
const refunded = (orderId: string, refundedAt: string): RefundedPayment => ({
  ...common,
  orderId,
  state: "refunded",
  refundedAt,
});
const later = "2026-01-02T03:05:00.000Z";
const evenLater = "2026-01-02T03:06:00.000Z";

eachStore("findPayments: returns what was recorded, and leaves out what was not", async (place) => {
  const database = await place.open("payment", [payments]);
  assertEquals(await findPayments(database, ["a", "b"]), new Map());
  const batch = [processed("a"), failed("b"), refunded("c", later)];
  const byOrder = new Map(batch.map((payment) => [payment.orderId, payment]));
  assertEquals(await recordPayments(database, batch), byOrder);
  assertEquals(await findPayments(database, ["a", "b", "c", "d"]), byOrder);
});

eachStore("recordPayments: what was recorded first stays, and is returned", async (place) => {
  const database = await place.open("payment", [payments]);
  const other = await place.open("payment", [payments]);
  await recordPayments(database, [processed("a")]);
  const again: Payment = { ...processed("a"), occurredAt: later, paymentId: "pay-2" };
  assertEquals(await recordPayments(other, [again]), new Map([["a", processed("a")]]));
  assertEquals(await database.count(payments), 1);
});

eachStore(
  "recordPayments: of an order that comes twice, the first is recorded and returned",
  async (place) => {
    const database = await place.open("payment", [payments]);
    const batch = [processed("a"), { ...processed("a"), occurredAt: later }, processed("b")];
    const first = new Map([["a", processed("a")], ["b", processed("b")]]);
    assertEquals(await recordPayments(database, batch), first);
    assertEquals(await findPayments(database, ["a", "b"]), first);
  },
);

eachStore("recordRefunds: refunds what was processed, once", async (place) => {
  const database = await place.open("payment", [payments]);
  await recordPayments(database, [processed("a"), failed("b")]);
  const first = await recordRefunds(database, [refunded("a", later), refunded("b", later)]);
  assertEquals(first, new Map([["a", refunded("a", later)], ["b", failed("b")]]));
  const second = await recordRefunds(database, [refunded("a", evenLater)]);
  assertEquals(second, new Map([["a", refunded("a", later)]]));
});
