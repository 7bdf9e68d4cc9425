import { assert, assertEquals, assertRejects } from "@std/assert";
import type { OrderEvent } from "../../events/schemas.ts";
import { type Database } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { eachStore, type Place } from "../../database/testing/stores.ts";
import type { EventRecord } from "../../kafka/processor/handler.ts";
import { topicOf } from "../../topology.ts";
import { placed, validated as validatedOf } from "../testing/orders.ts";
import { GatewayRefusal, type PaymentGateway } from "./gateway.ts";
import { createGatewayClient } from "./gateway_client.ts";
import { createPaymentHandlers } from "./handle.ts";
import { charges, refunds } from "./gateway_ledger.ts";
import { SimulatedGateway } from "./simulated_gateway.ts";
import { payments } from "./store.ts";

const placedAt = placed("").occurredAt;

const validated = (orderId: string) => validatedOf(placed(orderId));

function outcome<T extends "OrderConfirmed" | "OrderCancelled">(type: T, orderId: string) {
  const common = {
    version: 1 as const,
    eventId: `${orderId}/${type}`,
    orderId,
    occurredAt: placedAt,
    placedAt,
    totalCents: 500,
    currency: "EUR",
  };
  return type === "OrderConfirmed"
    ? { type: "OrderConfirmed" as const, ...common }
    : { type: "OrderCancelled" as const, ...common, reason: "out_of_stock" as const, detail: "" };
}

function received<E extends OrderEvent>(...events: E[]): EventRecord<E>[] {
  return events.map((event, offset) => ({
    event,
    topic: topicOf(event.type),
    partition: 0,
    raw: { offset, key: null, value: null, headers: {} },
  }));
}

/** The service on a gateway that declines nothing, whose clock ticks with each reading. */
async function setUp(
  place: Place,
  change: (gateway: PaymentGateway) => Partial<PaymentGateway> = () => ({}),
) {
  const ledger = await place.open("gateway", [charges, refunds]);
  const database = await place.open("payment", [payments]);
  let nowMs = Date.parse("2026-01-02T03:04:06.000Z");
  const simulated = new SimulatedGateway(ledger, {
    seed: 1,
    declinedShare: 0,
    timeoutShare: 0,
    errorShare: 0,
    latencyMs: 1,
  });
  const gateway = createGatewayClient({
    charge: (request) => simulated.charge(request),
    refund: (request) => simulated.refund(request),
    ...change(simulated),
  }, { timeoutMs: 60_000, attempts: 1, maxInFlight: 512, breakerOpenMs: 100 });
  const handlers = createPaymentHandlers({ database, gateway, now: () => nowMs++ });
  return {
    charge: handlers["orders.validated"],
    refund: handlers["orders.outcomes"],
    ledger,
    database,
  };
}

async function refundedCents(ledger: Database): Promise<(number | null)[]> {
  const cents = [];
  for await (const page of ledger.scan(charges)) cents.push(...page.map((r) => r.refunded_cents));
  return cents;
}

eachStore("orders.validated: charges each order, and says so in their order", async (place) => {
  const { charge, ledger } = await setUp(place);
  const { events } = await charge(received(validated("a"), validated("b")));
  assertEquals(
    events.map(({ eventId }) => eventId),
    ["a/PaymentProcessed", "b/PaymentProcessed"],
  );
  assertEquals(await ledger.count(charges), 2);
});

eachStore("orders.validated: the same batch again gives the same events", async (place) => {
  const { charge, ledger } = await setUp(place);
  const first = await charge(received(validated("a"), validated("b")));
  const again = await charge(received(validated("b"), validated("a"), validated("c")));
  assertEquals(again.events.slice(0, 2), first.events.toReversed());
  assertEquals(await ledger.count(charges), 3);
});

eachStore("orders.validated: an order that is twice in a batch is charged once", async (place) => {
  let calls = 0;
  const { charge, ledger } = await setUp(place, (gateway) => ({
    charge(request) {
      calls++;
      return gateway.charge(request);
    },
  }));
  const { events } = await charge(received(validated("a"), validated("a")));
  assertEquals(events.map(({ eventId }) => eventId), ["a/PaymentProcessed"]);
  assertEquals([calls, await ledger.count(charges)], [1, 1]);
});

eachStore(
  "orders.validated: charged but not recorded before a crash is charged once",
  async (place) => {
    const { charge, ledger } = await setUp(place);
    await new SimulatedGateway(ledger, {
      seed: 1,
      declinedShare: 0,
      timeoutShare: 0,
      errorShare: 0,
      latencyMs: 1,
    }).charge({ idempotencyKey: "a", amountCents: 500, currency: "EUR" });
    const { events } = await charge(received(validated("a")));
    assertEquals(events.map(({ type }) => type), ["PaymentProcessed"]);
    assertEquals(await ledger.count(charges), 1);
  },
);

for (
  const [what, failure] of [
    ["RetryableError", new RetryableError("down")],
    ["a refusal", new GatewayRefusal("wrong")],
  ] as const
) {
  eachStore(
    `orders.validated: after ${what} for one, the others are not charged again`,
    async (place) => {
      let down = true;
      const calls: string[] = [];
      const { charge } = await setUp(place, (gateway) => ({
        charge(request) {
          calls.push(request.idempotencyKey);
          return down && request.idempotencyKey === "b"
            ? Promise.reject(failure)
            : gateway.charge(request);
        },
      }));
      const batch = received(validated("a"), validated("b"), validated("c"));
      assert(await assertRejects(() => charge(batch)) === failure);
      down = false;
      const { events } = await charge(batch);
      assertEquals(events.map(({ orderId }) => orderId), ["a", "b", "c"]);
      assertEquals(calls, ["a", "b", "c", "b"]);
    },
  );
}

eachStore(
  "orders.outcomes: a cancelled order is refunded once, a confirmed one never",
  async (place) => {
    let calls = 0;
    const { charge, refund, ledger } = await setUp(place, (gateway) => ({
      refund(request) {
        calls++;
        return gateway.refund(request);
      },
    }));
    await charge(received(validated("a"), validated("b")));
    const batch = received(
      outcome("OrderCancelled", "a"),
      outcome("OrderConfirmed", "b"),
      outcome("OrderCancelled", "a"),
    );
    const first = await refund(batch);
    assertEquals(first.events.map(({ eventId }) => eventId), ["a/PaymentRefunded"]);
    assertEquals(await refund(batch), first);
    assertEquals(await refundedCents(ledger), [500, 0]);
    assertEquals(calls, 1);
  },
);

eachStore("orders.outcomes: what was not charged is not refunded", async (place) => {
  const { charge, refund } = await setUp(place, () => ({
    charge: ({ idempotencyKey }) =>
      Promise.resolve({
        status: "declined",
        paymentId: `pay-${idempotencyKey}`,
        reason: "card_declined",
        detail: "the bank said no",
      }),
  }));
  await charge(received(validated("declined")));
  const cancelled = ["declined", "unknown"].map((id) => outcome("OrderCancelled", id));
  assertEquals(await refund(received(...cancelled)), { events: [] });
});

eachStore("orders.outcomes: a charge reads the same after its refund", async (place) => {
  const { charge, refund } = await setUp(place);
  const batch = received(validated("a"));
  const first = await charge(batch);
  await refund(received(outcome("OrderCancelled", "a")));
  assertEquals(await charge(batch), first);
});

eachStore(
  "orders.outcomes: refunded but not recorded before a crash is refunded once",
  async (place) => {
    let lose = true;
    const { charge, refund, ledger } = await setUp(place, (gateway) => ({
      async refund(request) {
        const answer = await gateway.refund(request);
        if (lose) throw new RetryableError("the answer got lost");
        return answer;
      },
    }));
    await charge(received(validated("a")));
    const batch = received(outcome("OrderCancelled", "a"));
    await assertRejects(() => refund(batch), RetryableError);
    lose = false;
    assertEquals((await refund(batch)).events.map(({ type }) => type), ["PaymentRefunded"]);
    assertEquals(await refundedCents(ledger), [500]);
  },
);
