/** What every PaymentGateway must do: the simulated one in process, and the same behind HTTP. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { PAYMENT_FAILURE_REASONS } from "../../events/reasons.ts";
import type { Database } from "../../database/database.ts";
import { eachStore, type Place } from "../../database/testing/stores.ts";
import { until } from "../../runtime/until.ts";
import { createGatewayClient } from "./gateway_client.ts";
import {
  type ChargeAnswer,
  GatewayRefusal,
  GatewayTimeout,
  GatewayUnavailable,
  type PaymentGateway,
} from "./gateway.ts";
import { charges, refunds } from "./gateway_ledger.ts";
import { type GatewayBehaviour, SimulatedGateway } from "./simulated_gateway.ts";
import { serveGateway } from "./http/testing/serve.ts";

/** Makes a gateway with a ledger, ready to be called. */
type Make = (database: Database, behaviour: GatewayBehaviour) => PaymentGateway & AsyncDisposable;

const IMPLEMENTATIONS: Record<string, Make> = {
  simulated: (database, behaviour) =>
    Object.assign(new SimulatedGateway(database, behaviour), {
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  "over HTTP": (database, behaviour) => serveGateway(new SimulatedGateway(database, behaviour)),
};

const behaved: GatewayBehaviour = {
  seed: 1,
  declinedShare: 0,
  timeoutShare: 0,
  errorShare: 0,
  latencyMs: 1,
};

const request = (idempotencyKey: string, amountCents = 500) => ({
  idempotencyKey,
  amountCents,
  currency: "EUR",
});

const keys = (count: number) => Array.from({ length: count }, (_, i) => `r1-${i}`);

function eachGateway(
  promise: string,
  test: (context: { database: Database; make: (change?: object) => ReturnType<Make> }) => unknown,
): void {
  for (const [name, make] of Object.entries(IMPLEMENTATIONS)) {
    eachStore(`gateway ${name}: ${promise}`, async (place: Place) => {
      const database = await place.open("gateway", [charges, refunds]);
      await test({ database, make: (change) => make(database, { ...behaved, ...change }) });
    });
  }
}

eachGateway("the same key is charged once, and has the same answer", async (context) => {
  await using gateway = context.make({ declinedShare: 0.5 });
  const ask = () => Promise.all(keys(30).map((key) => gateway.charge(request(key))));
  const [first, again] = await Promise.all([ask(), ask()]);
  assertEquals(again, first);
  assertEquals(await ask(), first);
  assertEquals(await context.database.count(charges), 30);
  const isWhole = (answer: ChargeAnswer) =>
    answer.status === "charged" ||
    PAYMENT_FAILURE_REASONS.includes(answer.reason) && answer.detail !== "";
  assert(first.every((answer) => answer.paymentId !== "" && isWhole(answer)));
  assertEquals(new Set(first.map(({ status }) => status)).size, 2);
});

eachGateway("a key that was used for another amount is refused", async (context) => {
  await using gateway = context.make();
  await gateway.charge(request("k", 500));
  await assertRejects(() => gateway.charge(request("k", 600)), GatewayRefusal, "500 EUR");
});

eachGateway("a refund gives back once, and not more than was charged", async (context) => {
  await using gateway = context.make();
  const { paymentId } = await gateway.charge(request("k", 500));
  const refund = (key: string, amountCents: number) =>
    gateway.refund({ ...request(key, amountCents), paymentId });
  const first = await refund("r1", 300);
  assertEquals(await refund("r1", 300), first);
  await assertRejects(() => refund("r2", 201), GatewayRefusal, "200 EUR");
  await assertRejects(
    () => gateway.refund({ ...request("r3"), paymentId: "pay-unknown" }),
    GatewayRefusal,
    "not charged",
  );
});

eachGateway("a failure of its own is told from a refusal", async (context) => {
  await using gateway = context.make({ errorShare: 1 });
  await assertRejects(() => gateway.charge(request("k")), GatewayUnavailable, "503");
  assertEquals(await context.database.count(charges), 0);
});

eachGateway("a call that is given up may have been charged, and says so", async (context) => {
  await using gateway = context.make({ timeoutShare: 1 });
  const waiting = new AbortController();
  const lost = gateway.charge(request("k"), waiting.signal);
  lost.catch(() => {});
  await until("it is booked", async () => await context.database.count(charges) === 1);
  waiting.abort();
  await assertRejects(() => lost, GatewayTimeout, "no answer");
  assertEquals((await gateway.charge(request("k"))).status, "charged");
  assertEquals(await context.database.count(charges), 1);
});

eachGateway("one signal is enough for many calls", async (context) => {
  await using gateway = context.make({ timeoutShare: 0.5 });
  const waiting = new AbortController();
  let answered = 0;
  const calls = keys(20).map((key) =>
    gateway.charge(request(key), waiting.signal).then(() => answered++)
  );
  const all = Promise.allSettled(calls);
  await until("all are booked", async () => await context.database.count(charges) === 20);
  await until("some are answered", () => answered > 0);
  waiting.abort();
  const lost = (await all).flatMap((result) => result.status === "rejected" ? [result.reason] : []);
  assert(lost.length > 0 && lost.length < 20, `${lost.length} lost`);
  assert(lost.every((error) => error instanceof GatewayTimeout), `${lost}`);
});

eachGateway("a caller that gives up before it asks is told so", async (context) => {
  await using gateway = context.make();
  await assertRejects(() => gateway.charge(request("k"), AbortSignal.abort()), GatewayTimeout);
});

eachGateway("with patience every order is charged, once", async (context) => {
  await using gateway = context.make({ timeoutShare: 0.2, errorShare: 0.2 });
  const client = createGatewayClient(gateway, {
    // Far more than a busy machine stalls: calls cut off together would open the breaker.
    timeoutMs: 1_000,
    attempts: 12,
    maxInFlight: 10,
    breakerOpenMs: 100,
  });
  const answers = new Map<number, ChargeAnswer>();
  const failure = await client.charge(keys(40).map((key) => request(key)), (answer, index) => {
    answers.set(index, answer);
  });
  assertEquals([failure, answers.size], [undefined, 40]);
  assertEquals(await context.database.count(charges), 40);
});
