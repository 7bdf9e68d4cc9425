import { assertEquals } from "@std/assert";
import { cloudEventHeaders, cloudEventSourceOf } from "./cloud_events.ts";
import { eventId, type PaymentFailed } from "./schemas.ts";

const failed: PaymentFailed = {
  type: "PaymentFailed",
  version: 1,
  eventId: eventId("r1-000001", "PaymentFailed"),
  orderId: "r1-000001",
  occurredAt: "2026-01-02T03:04:05.678Z",
  placedAt: "2026-01-02T03:04:05.000Z",
  paymentId: "pay-1",
  amountCents: 500,
  currency: "EUR",
  reason: "card_declined",
  detail: "declined",
};

Deno.test("cloudEventHeaders: what CloudEvents 1.0 asks for, made of the event alone", () => {
  const source = cloudEventSourceOf("payment", { cloudEvents: true, topicPrefix: "eu." })!;
  assertEquals(cloudEventHeaders(failed, source), {
    ce_specversion: "1.0",
    ce_id: "r1-000001/PaymentFailed",
    ce_source: "/orderflow/eu.payment",
    ce_type: "orderflow.PaymentFailed.v1",
    ce_time: "2026-01-02T03:04:05.678Z",
    ce_subject: "r1-000001",
    "content-type": "application/json",
  });
  assertEquals(cloudEventHeaders({ ...failed }, source), cloudEventHeaders(failed, source));
});

Deno.test("cloudEventSourceOf: no source, and so no headers, unless the setting says so", () => {
  assertEquals(
    cloudEventSourceOf("payment", { cloudEvents: false, topicPrefix: "" }),
    undefined,
  );
});
