import { assertEquals, assertRejects } from "@std/assert";
import { ConstantBackoff } from "cockatiel";
import fc from "fast-check";
import type { OrderConfirmed } from "../../events/schemas.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { handleWithRetries, PartitionFailures } from "./failures.ts";
import type { EventRecord, Handler } from "./handler.ts";
import { PausedPartition } from "./assignment.ts";
import { errorOf, ERRORS, ProducerError } from "../client/error_codes.ts";

const never = new AbortController().signal;
const noPause = new ConstantBackoff(0);

function received(orderId: string, offset: number): EventRecord {
  const event: OrderConfirmed = {
    type: "OrderConfirmed",
    version: 1,
    eventId: `${orderId}/OrderConfirmed`,
    orderId,
    occurredAt: "2026-01-02T03:04:05.000Z",
    placedAt: "2026-01-02T03:04:05.000Z",
    totalCents: 1,
    currency: "EUR",
  };
  const raw = { offset, key: null, value: null, headers: {} };
  return { event, topic: "orders.outcomes", partition: 0, raw };
}

const batch = ["a", "b", "c"].map(received);
const echo: Handler = (batch) => Promise.resolve({ events: batch.map(({ event }) => event) });

Deno.test("handleWithRetries: RetryableError is tried again until it works", async () => {
  let calls = 0;
  const handler: Handler = (batch) => {
    if (++calls < 4) throw new RetryableError("the database is away");
    return echo(batch);
  };
  let retries = 0;
  const { events } = await handleWithRetries(handler, batch, never, {
    backoff: noPause,
    onRetry: () => retries++,
  });
  assertEquals([calls, retries, events.length], [4, 3, 3]);
});

Deno.test("handleWithRetries: RetryableError is passed on after some attempts, and skips nothing", async () => {
  let calls = 0;
  const handler: Handler = () => {
    calls++;
    throw new RetryableError("the database is away");
  };
  await assertRejects(
    () => handleWithRetries(handler, batch, never, { backoff: noPause }),
    RetryableError,
    "is away",
  );
  assertEquals(calls, 6);
});

Deno.test("handleWithRetries: gives up between attempts when the partition is revoked", async () => {
  const revocation = new AbortController();
  let calls = 0;
  const handler: Handler = () => {
    calls++;
    revocation.abort();
    throw new RetryableError("the database is away");
  };
  await assertRejects(() =>
    handleWithRetries(handler, batch, revocation.signal, { backoff: new ConstantBackoff(60_000) })
  );
  assertEquals(calls, 1);
});

Deno.test("handleWithRetries: a bug is passed on at once", async () => {
  let calls = 0;
  const handler: Handler = () => {
    calls++;
    throw new TypeError("undefined is not a function");
  };
  await assertRejects(
    () => handleWithRetries(handler, batch, never, { backoff: noPause }),
    TypeError,
  );
  assertEquals(calls, 1);
});

Deno.test("handleWithRetries: exactly the messages that fail alone are dead letters, the others go on", async () => {
  const ids = fc.uniqueArray(fc.nat(99), { maxLength: 20 });
  await fc.assert(fc.asyncProperty(ids, fc.func(fc.boolean()), async (ids, isPoison) => {
    const messages = ids.map((id, offset) => received(String(id), offset));
    const handler: Handler = (batch) => {
      if (batch.some(({ event }) => isPoison(event.orderId))) throw new Error("value out of range");
      return echo(batch);
    };
    const { events, deadLetters = [] } = await handleWithRetries(handler, messages, never, {
      backoff: noPause,
    });
    const poison = messages.filter(({ event }) => isPoison(event.orderId));
    assertEquals(deadLetters.map(({ raw }) => raw.offset), poison.map(({ raw }) => raw.offset));
    assertEquals(deadLetters.every(({ fault }) => fault.reason === "processing_failed"), true);
    assertEquals(
      events.map(({ orderId }) => orderId),
      ids.map(String).filter((id) => !isPoison(id)),
    );
  }));
});

Deno.test("handleWithRetries: a dead letter says how often its message was tried", async () => {
  const tries = new Map<string, number>();
  let away = true;
  const handler: Handler = (batch) => {
    for (const { event } of batch) {
      tries.set(event.orderId, (tries.get(event.orderId) ?? 0) + 1);
    }
    if (away) {
      away = false;
      throw new RetryableError("the database is away");
    }
    if (batch.some(({ event }) => event.orderId === "c")) throw new Error("value out of range");
    const deadLetters = batch.filter(({ event }) => event.orderId === "a").map((message) => ({
      ...message,
      fault: { reason: "duplicate_order" as const, detail: "" },
    }));
    return Promise.resolve({ events: [], deadLetters });
  };
  const { deadLetters = [] } = await handleWithRetries(handler, batch, never, { backoff: noPause });
  // All together twice, then "a" alone; "b" and "c" together, then each alone.
  assertEquals([...tries.values()], [3, 4, 4]);
  assertEquals(deadLetters.map(({ raw, attempts }) => [raw.offset, attempts]), [[0, 3], [2, 4]]);
});

const denied = new Error("Not authorized to access topics");

Deno.test("PartitionFailures: what fails once or twice is no news; what goes on is told, and pauses longer", () => {
  const failures = new PartitionFailures();
  const pauses = Array.from({ length: 7 }, () => [failures.add("raw/1", denied), failures.why]);
  const why = "raw/1 is failing: Not authorized to access topics";
  assertEquals(pauses, [
    [100, undefined],
    [200, undefined],
    [400, undefined],
    [800, undefined],
    [1_600, why],
    [3_000, why],
    [3_000, why],
  ]);
});

Deno.test("PartitionFailures: what only a person can cure is told at once", () => {
  const failures = new PartitionFailures();
  const error = errorOf(ERRORS.TOPIC_AUTHORIZATION_FAILED.code, "writing to orders.outcomes/1");
  assertEquals(failures.add("raw/1", error), 3_000);
  assertEquals(
    failures.why,
    "raw/1 is failing: writing to orders.outcomes/1: TOPIC_AUTHORIZATION_FAILED (no right to " +
      "write to the topic)",
  );
});

Deno.test("PartitionFailures: what was repeated until its time was over is told at once", () => {
  const failures = new PartitionFailures();
  const error = new ProducerError(
    "DELIVERY_TIMEOUT",
    "fence",
    "not done within 10000 ms",
  );
  assertEquals(failures.add("raw/1", error), 100);
  assertEquals(failures.why, "raw/1 is failing: not done within 10000 ms");
});

Deno.test("PartitionFailures: a late commit is told as long as it is, behind what is failing", () => {
  const failures = new PartitionFailures();
  const error = new ProducerError("DELIVERY_TIMEOUT", "fence", "not done within 10000 ms");
  assertEquals([failures.late(undefined), failures.why], [false, undefined]);
  assertEquals(failures.late(error), true);
  const late = "waiting for a commit: not done within 10000 ms";
  failures.clear("raw/1");
  assertEquals(failures.why, late);
  for (let i = 0; i < 5; i++) failures.add("raw/2", denied);
  assertEquals(failures.why, "raw/2 is failing: Not authorized to access topics");
  failures.clear("raw/2");
  assertEquals(failures.why, late);
  assertEquals([failures.late(undefined), failures.why], [true, undefined]);
});

Deno.test("PartitionFailures: a partition that works does not hide one that does not", () => {
  const failures = new PartitionFailures();
  for (let i = 0; i < 5; i++) failures.add("raw/1", denied);
  failures.add("raw/2", denied);
  failures.clear("raw/2");
  assertEquals(failures.why, "raw/1 is failing: Not authorized to access topics");
  failures.clear("raw/1");
  assertEquals(failures.why, undefined);
  assertEquals(failures.add("raw/1", denied), 100, "counted anew");
});

Deno.test("PartitionFailures: a handler that goes on throwing RetryableError is told at once", () => {
  const failures = new PartitionFailures();
  assertEquals(failures.add("raw/1", new RetryableError("the database is away")), 3_000);
  assertEquals(failures.why, "the database is away");
});

Deno.test("PartitionFailures: one that is paused says why at once, until it is assigned", () => {
  const failures = new PartitionFailures();
  const pauseMs = failures.add(
    "orders.raw/3",
    new PausedPartition("orders.raw/3 is not worked on"),
  );
  assertEquals([failures.why, pauseMs], ["orders.raw/3 is not worked on", 3_000]);
  failures.assigned("orders.raw/3");
  assertEquals(failures.why, undefined);
});

Deno.test("PartitionFailures: an assignment ends the failures of assignments, not those of batches", () => {
  const failures = new PartitionFailures();
  const failure = new ProducerError("NO_ANSWER", "fence", "no answer");
  const fail = (during: "batch" | "assignment") => {
    for (let count = 0; count <= 4; count++) failures.add("orders.raw/3", failure, during);
    assertEquals(failures.why, "orders.raw/3 is failing: no answer");
    failures.assigned("orders.raw/3");
    return failures.why === undefined;
  };
  assertEquals([fail("assignment"), fail("batch")], [true, false]);
});
