import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../events/codec.ts";
import { PAYMENT_FAILURE_REASONS } from "../../events/reasons.ts";
import { topicOf } from "../../topology.ts";
import { placed, validated } from "../testing/orders.ts";
import { chargeEvent, type Payment, refundEvent, toPayment } from "./charge.ts";
import type { ChargeAnswer } from "./gateway.ts";

const order = validated(placed("r1-000001"));
const answeredAt = "2026-01-02T03:04:06.000Z";

const answers: [ChargeAnswer, ReturnType<typeof chargeEvent>["type"]][] = [
  [{ status: "charged", paymentId: "pay-1" }, "PaymentProcessed"],
  ...PAYMENT_FAILURE_REASONS.map((reason): [ChargeAnswer, "PaymentFailed"] => [
    { status: "declined", paymentId: "pay-1", reason, detail: "the bank said no" },
    "PaymentFailed",
  ]),
];

for (const [answer, type] of answers) {
  const why = answer.status === "declined" ? `, ${answer.reason}` : "";
  Deno.test(`chargeEvent: ${answer.status}${why} is ${type} of the order's amount`, () => {
    const event = chargeEvent(toPayment(order, answer, answeredAt));
    assertEquals(
      event,
      {
        type,
        version: 1,
        eventId: `r1-000001/${type}`,
        orderId: "r1-000001",
        occurredAt: answeredAt,
        placedAt: order.placedAt,
        paymentId: "pay-1",
        amountCents: 500,
        currency: "EUR",
        ...(answer.status === "declined" && { reason: answer.reason, detail: answer.detail }),
      } as typeof event,
    );
  });
}

const anyPayment: fc.Arbitrary<Payment> = fc.record({
  totalCents: fc.maxSafeNat(),
  currency: fc.constantFrom("EUR", "USD"),
  answer: fc.constantFrom(...answers.map(([answer]) => answer)),
}).map(({ answer, ...change }) => toPayment({ ...order, ...change }, answer, answeredAt));

const key = new TextEncoder().encode(order.orderId);

Deno.test("chargeEvent: is an event of its topic, whatever the answer", () => {
  fc.assert(fc.property(anyPayment, (payment) => {
    const event = chargeEvent(payment);
    assertEquals(decode(topicOf(event.type), key, encode(event)), { ok: true, event });
  }));
});

Deno.test("refundEvent: gives back what was charged, and leaves the charge's event as it was", () => {
  fc.assert(fc.property(anyPayment, (payment) => {
    if (payment.state !== "processed") return;
    const refunded = { ...payment, state: "refunded" as const, refundedAt: answeredAt };
    const event = refundEvent(refunded);
    const { paymentId, amountCents, currency } = chargeEvent(payment);
    assertEquals(
      [event.paymentId, event.amountCents, event.currency],
      [paymentId, amountCents, currency],
    );
    assertEquals(decode(topicOf(event.type), key, encode(event)), { ok: true, event });
    assertEquals(chargeEvent(refunded), chargeEvent(payment));
  }));
});
