import { assert, assertEquals, assertRejects } from "@std/assert";
import { pause } from "../../runtime/shutdown.ts";
import { until } from "../../runtime/until.ts";
import { waits } from "../../runtime/waits.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { createGatewayClient, type GatewayLimits } from "./gateway_client.ts";
import {
  type ChargeAnswer,
  GatewayRefusal,
  GatewayTimeout,
  GatewayUnavailable,
  type PaymentGateway,
} from "./gateway.ts";
import { charge, refund } from "./testing/one_call.ts";

const limits: GatewayLimits = {
  timeoutMs: 1_000,
  attempts: 3,
  maxInFlight: 4,
  breakerOpenMs: 100,
};
const charged: ChargeAnswer = { status: "charged", paymentId: "pay-1" };
const request = (idempotencyKey: string) => ({
  idempotencyKey,
  amountCents: 500,
  currency: "EUR",
});

/** A gateway that does what it is told. */
function gatewayThat(charge: PaymentGateway["charge"]): PaymentGateway {
  return { charge, refund: () => Promise.resolve({ refundId: "refund-1" }) };
}

const failures: [string, () => Error][] = [
  ["no answer in time", () => new GatewayTimeout("no answer")],
  ["a 5xx", () => new GatewayUnavailable("503")],
];

for (const [what, failure] of failures) {
  Deno.test(`createGatewayClient: after ${what} it asks again with the same key`, async () => {
    const keys: string[] = [];
    const client = createGatewayClient(
      gatewayThat(({ idempotencyKey }) => {
        keys.push(idempotencyKey);
        return keys.length < 3 ? Promise.reject(failure()) : Promise.resolve(charged);
      }),
      limits,
    );
    assertEquals(await charge(client, request("k")), charged);
    assertEquals(keys, ["k", "k", "k"]);
  });

  Deno.test(`createGatewayClient: ${what} at every attempt is a RetryableError`, async () => {
    let calls = 0;
    const client = createGatewayClient(
      gatewayThat(() => {
        calls++;
        return Promise.reject(failure());
      }),
      limits,
    );
    await assertRejects(() => charge(client, request("k")), RetryableError, failure().message);
    assertEquals(calls, limits.attempts);
  });
}

Deno.test("createGatewayClient: cuts off a call that takes too long, and asks again", async () => {
  let calls = 0;
  const client = createGatewayClient(
    gatewayThat((_request, signal) => {
      if (++calls > 1) return Promise.resolve(charged);
      return new Promise((_, reject) => {
        signal!.addEventListener("abort", () => reject(new GatewayTimeout("cut off")));
      });
    }),
    { ...limits, timeoutMs: 30 },
  );
  assertEquals(await charge(client, request("k")), charged);
  assertEquals(calls, 2);
});

Deno.test("createGatewayClient: a refusal is passed on, and not asked for again", async () => {
  let calls = 0;
  const client = createGatewayClient(
    gatewayThat(() => {
      calls++;
      return Promise.reject(new GatewayRefusal("another amount"));
    }),
    limits,
  );
  await assertRejects(() => charge(client, request("k")), GatewayRefusal, "another amount");
  assertEquals(calls, 1);
});

Deno.test("createGatewayClient: has no more calls in flight than it may, and makes them all", async () => {
  let inFlight = 0;
  let most = 0;
  let calls = 0;
  const client = createGatewayClient(
    gatewayThat(async () => {
      most = Math.max(most, ++inFlight);
      calls++;
      await new Promise((resolve) => setTimeout(resolve, 1));
      inFlight--;
      return charged;
    }),
    limits,
  );
  await Promise.all(Array.from({ length: 40 }, (_, i) => charge(client, request(`k-${i}`))));
  assertEquals([most, calls], [limits.maxInFlight, 40]);
});

Deno.test("createGatewayClient: spares a gateway that fails, and finds out when it is back", async () => {
  const breakerOpenMs = 500;
  const startedAtMs = Date.now();
  let up = false;
  let calls = 0;
  const changes: (string | undefined)[] = [];
  const client = createGatewayClient(
    gatewayThat(() => {
      calls++;
      return up ? Promise.resolve(charged) : Promise.reject(new GatewayUnavailable("503"));
    }),
    { ...limits, attempts: 1, maxInFlight: 100, breakerOpenMs },
    (failure) => changes.push(failure),
  );
  const all = () =>
    Promise.allSettled(Array.from({ length: 100 }, (_, i) => charge(client, request(`k-${i}`))));
  const allSayWhy = async () => {
    for (const result of await all()) {
      const { reason } = result as PromiseRejectedResult;
      assert(reason instanceof RetryableError);
      assertEquals(reason.message, "the payment gateway: 503");
    }
  };
  await allSayWhy();
  assertEquals(changes, ["the payment gateway: 503"]);

  const callsWhenOpen = calls;
  // Also those that the open breaker keeps back.
  await allSayWhy();
  // None, unless the machine stalled: each time that the breaker has been open for so long, it asks.
  const due = Math.floor((Date.now() - startedAtMs) / breakerOpenMs);
  const asked = calls - callsWhenOpen;
  assert(asked <= due, `an open breaker asked ${asked} times, where ${due} were due`);

  up = true;
  const giveUpAt = performance.now() + 30_000;
  while (!changes.includes(undefined)) {
    assert(performance.now() < giveUpAt, "the breaker never closed");
    await charge(client, request("again")).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(changes, ["the payment gateway: 503", undefined]);
  assertEquals(await charge(client, request("k")), charged);
});

Deno.test("createGatewayClient: a clock that is set back does not keep a gateway spared", async () => {
  let isUp = false;
  let calls = 0;
  const client = createGatewayClient(
    gatewayThat(() => {
      calls++;
      return isUp ? Promise.resolve(charged) : Promise.reject(new GatewayUnavailable("503"));
    }),
    limits,
  );
  const isCharged = () => charge(client, request("k")).then(() => true, () => false);
  const { now } = Date;
  try {
    await until("it is spared", async () => {
      const before = calls;
      return !await isCharged() && calls === before;
    });
    Date.now = () => now() - 3_600_000;
    isUp = true;
    await until("it is found out that it is back", isCharged);
  } finally {
    Date.now = now;
  }
});

Deno.test("createGatewayClient: refunds are as patient as charges", async () => {
  let calls = 0;
  const client = createGatewayClient({
    charge: () => Promise.resolve(charged),
    refund() {
      return ++calls < 2
        ? Promise.reject(new GatewayTimeout("no answer"))
        : Promise.resolve({ refundId: "refund-1" });
    },
  }, limits);
  const answer = await refund(client, { ...request("refund-k"), paymentId: "pay-1" });
  assertEquals([answer.refundId, calls], ["refund-1", 2]);
});

Deno.test("createGatewayClient: a provider that answers nothing is waited for, through all attempts", async () => {
  let answers = false;
  const client = createGatewayClient(
    gatewayThat((_request, signal) =>
      answers ? Promise.resolve(charged) : new Promise((_, reject) => {
        const giveUp = () => reject(new GatewayTimeout("no answer"));
        signal!.addEventListener("abort", giveUp, { once: true });
      })
    ),
    { ...limits, timeoutMs: 300 },
  );
  const waitedFor = () => waits.silent().map(({ peer }) => peer.name);
  const deadline = performance.now() + 60_000;
  while (waitedFor().length === 0) {
    assert(performance.now() < deadline, "no silence is noted");
    await charge(client, request("order-1")).catch(() => {});
    // An open breaker lets nothing through.
    await pause(limits.breakerOpenMs);
  }
  assertEquals(waitedFor(), ["the payment gateway"]);
  answers = true;
  await charge(client, request("order-1"));
  assertEquals(waitedFor(), []);
});

Deno.test("createGatewayClient: a batch has an answer for each request, also where one fails", async () => {
  const asked = new Map<string, number>();
  const client = createGatewayClient(
    gatewayThat(({ idempotencyKey }) => {
      const times = (asked.get(idempotencyKey) ?? 0) + 1;
      asked.set(idempotencyKey, times);
      if (idempotencyKey === "refused") return Promise.reject(new GatewayRefusal("no"));
      if (idempotencyKey === "down") return Promise.reject(new GatewayUnavailable("503"));
      return idempotencyKey === "late" && times === 1
        ? Promise.reject(new GatewayTimeout("no answer"))
        : Promise.resolve({ status: "charged", paymentId: `pay-${idempotencyKey}` });
    }),
    limits,
  );
  const keys = ["a", "refused", "late", "b", "down", "c"];
  const answers: string[] = [];
  const failure = await client.charge(keys.map(request), ({ paymentId }, index) => {
    answers.push(`${index} ${paymentId}`);
  });
  assertEquals(answers.toSorted(), ["0 pay-a", "2 pay-late", "3 pay-b", "5 pay-c"]);
  assert(failure instanceof RetryableError, "that one does not answer outranks a refusal");
  assertEquals(keys.map((key) => asked.get(key)), [1, 1, 2, 1, limits.attempts, 1]);
});

Deno.test("createGatewayClient: an answer that its caller cannot take fails the batch, and no other call", async () => {
  const client = createGatewayClient(gatewayThat(() => Promise.resolve(charged)), limits);
  const wrong = new Error("cannot be taken");
  const taken: number[] = [];
  const failure = await client.charge(["a", "b", "c"].map(request), (_answer, index) => {
    if (index === 1) throw wrong;
    taken.push(index);
  });
  assertEquals([failure, taken], [wrong, [0, 2]]);
  assertEquals(await client.charge([], () => {}), undefined);
});

Deno.test("createGatewayClient: calls that begin together share a signal, which aborts for those left", async () => {
  const signals = new Set<AbortSignal>();
  let calls = 0;
  const client = createGatewayClient(
    gatewayThat(({ idempotencyKey }, signal) => {
      signals.add(signal!);
      if (idempotencyKey !== "b" || ++calls > 1) return Promise.resolve(charged);
      return new Promise((_, reject) => {
        signal!.addEventListener("abort", () => reject(new GatewayTimeout("cut off")));
      });
    }),
    { ...limits, timeoutMs: 30 },
  );
  let answers = 0;
  const { now } = performance;
  const presentMs = now.call(performance);
  performance.now = () => presentMs;
  const charging = client.charge(["a", "b", "c"].map(request), () => answers++);
  performance.now = now;
  assertEquals([await charging, answers, calls], [undefined, 3, 2]);
  assertEquals([...signals].map(({ aborted }) => aborted), [true, false]);
});

Deno.test("createGatewayClient: a refusal of the call that tries closes the breaker: it is an answer", async () => {
  let answers = () => Promise.reject<ChargeAnswer>(new GatewayUnavailable("503"));
  const changes: (string | undefined)[] = [];
  const client = createGatewayClient(
    gatewayThat(() => answers()),
    { ...limits, attempts: 1 },
    (failure) => changes.push(failure),
  );
  await client.charge(Array.from({ length: 40 }, (_, i) => request(`k-${i}`)), () => {});
  assertEquals(changes, ["the payment gateway: 503"]);
  answers = () => Promise.reject(new GatewayRefusal("another amount"));
  await until("it is asked again", async () => {
    const failure = await client.charge([request("k")], () => {});
    return failure instanceof GatewayRefusal;
  });
  assertEquals(changes, ["the payment gateway: 503", undefined]);
});
