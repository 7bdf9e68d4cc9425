import { assert, assertEquals, assertRejects } from "@std/assert";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Database } from "../../database/database.ts";
import { toDeadLetterMessage } from "../dead_letters.ts";
import type { ConsumerRecord } from "../records.ts";
import { createTracing } from "./spans.ts";
import { type RecordedSpan, recordSpans } from "./testing/recorder.ts";

const spans = recordSpans();
const [UNSET, ERROR] = [SpanStatusCode.UNSET, SpanStatusCode.ERROR];

const client = { clientId: "validator-1", group: "p.validator", deadLetters: "p.dlq.validator" };
const traceId = (n: number) => String(n).padStart(32, "a");
const SENDER = "b7ad6b7169203331";

/** Order `n` at offset `n`. */
function record(n: number, flags = "01"): ConsumerRecord {
  return {
    offset: n,
    key: new TextEncoder().encode(`r1-${n}`),
    value: null,
    headers: { traceparent: `00-${traceId(n)}-${SENDER}-${flags}`, other: "kept" },
  };
}

const batchOf = (...messages: ConsumerRecord[]) => ({
  topicName: "p.orders.raw",
  partition: 3,
  messages,
});

/** An output of order `n`, as outputsOf makes it. */
const output = (n: number) => ({
  key: `r1-${n}`,
  value: "{}",
  partition: 3,
  headers: { ...record(n).headers },
});

function tracing() {
  spans.length = 0;
  return createTracing(client);
}

const none = () => false;
const named = (name: string) => spans.filter((span) => span.name === name);
const idOf = ({ ids }: RecordedSpan) => ids.spanId;

Deno.test("tracing: a batch without a sampled record has no spans", () => {
  const { begin } = tracing();
  const without = { ...record(4), headers: {} };
  const invalid = { ...record(5), headers: { traceparent: "00-1" } };
  assertEquals(begin(batchOf(record(1, "00"), record(2, "02"), without, invalid), none), undefined);
  assertEquals(begin(batchOf(record(1)), ({ offset }) => offset === 1), undefined);
  assertEquals(spans.length, 0);
});

Deno.test("tracing: each sampled record is processed as a child of its sender's span", () => {
  tracing().begin(batchOf(record(1), record(2, "00"), record(3)), none);
  assertEquals(spans.map(({ name }) => name), ["process p.orders.raw", "process p.orders.raw"]);
  assertEquals(spans.map(({ ids }) => ids.traceId), [traceId(1), traceId(3)]);
  for (const { parent } of spans) assertEquals(parent?.spanId, SENDER);
  assertEquals(spans[1]!.attributes, {
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "p.orders.raw",
    "messaging.destination.partition.id": "3",
    "messaging.client.id": "validator-1",
    "messaging.consumer.group.name": "p.validator",
    // A BigInt: see `int`.
    "kafka.offset": 3n as unknown as number,
    "kafka.message.key": "r1-3",
  });
});

Deno.test("tracing: outputs of sampled orders go on with a span of their own, others as they are", () => {
  const batch = tracing().begin(batchOf(record(1), record(2, "00"), record(3)), none)!;
  const [first, second, third] = [output(1), output(2), output(3)];
  const unsampled = { ...record(2, "00").headers };
  second.headers = unsampled;
  batch.send([{ topic: "p.orders.validated", messages: [first, second] }, {
    topic: "p.orders.outcomes",
    messages: [third],
  }]);
  const [one, three] = named("process p.orders.raw");
  const [sent] = named("send p.orders.validated");
  const [outcome] = named("send p.orders.outcomes");
  const [commit] = named("commit p.orders.raw");
  assertEquals(spans.length, 5);
  assertEquals(first.headers, {
    traceparent: `00-${traceId(1)}-${idOf(sent!)}-01`,
    other: "kept",
  });
  assert(second.headers === unsampled, "the header of an order that is not sampled was touched");
  assertEquals(third.headers.traceparent, `00-${traceId(3)}-${idOf(outcome!)}-01`);
  assertEquals(sent!.parent, one!.ids);
  assertEquals(outcome!.parent, three!.ids);
  // The others of a batch are linked with what was done for all.
  assertEquals(commit!.parent, one!.ids);
  assertEquals(commit!.links.map((link) => link.context), [three!.ids]);
  assertEquals(three!.links.map((link) => link.context), [commit!.ids]);
  assertEquals(spans.map(({ ended }) => ended), [1, 1, 0, 0, 0]);
  batch.end();
  assertEquals(spans.map(({ ended, status }) => [ended, status.code]), Array(5).fill([1, UNSET]));
});

Deno.test("tracing: a batch without outputs has no commit", () => {
  const batch = tracing().begin(batchOf(record(1)), none)!;
  batch.send([]);
  batch.end();
  assertEquals(spans.map(({ name, ended }) => [name, ended]), [["process p.orders.raw", 1]]);
});

Deno.test("tracing: a dead letter is a failure of its record, and keeps the sender's header", () => {
  const batch = tracing().begin(batchOf(record(1), record(2)), none)!;
  const fault = { reason: "invalid_json" as const, detail: "no JSON" };
  const letter = toDeadLetterMessage(
    { topic: "orders.raw", partition: 3, raw: record(2), fault },
    { topic: "p.orders.raw", group: "p.validator", attempts: 1, time: "" },
  );
  batch.send([{ topic: "p.dlq.validator", messages: [letter] }]);
  batch.end();
  const [good, dead] = named("process p.orders.raw");
  assertEquals([good!.ended, dead!.ended], [1, 1]);
  assertEquals([good!.status.code, dead!.status.code], [UNSET, ERROR]);
  assertEquals(dead!.attributes["error.type"], "invalid_json");
  assertEquals(letter.headers!.traceparent, record(2).headers.traceparent);
  assertEquals(named("send p.dlq.validator"), []);
});

Deno.test("tracing: what fails says so, and the next attempt says which it is", () => {
  const { begin } = tracing();
  const failure = Object.assign(new Error("fenced"), { type: "PRODUCER_FENCED" });
  const attempts = () =>
    named("process p.orders.raw").map((s) => s.attributes["orderflow.attempt"]);

  begin(batchOf(record(1)), none)!.fail(failure);
  assertEquals(spans.map(({ status }) => status), [{ code: ERROR, message: "fenced" }]);
  assertEquals(spans[0]!.attributes["error.type"], "PRODUCER_FENCED");

  const second = begin(batchOf(record(1)), none)!;
  second.send([{ topic: "p.orders.validated", messages: [output(1)] }]);
  second.fail(failure);
  // It was processed, but not committed.
  const failed = spans.slice(1).filter(({ status }) => status.code === ERROR);
  assertEquals(failed.map(({ name }) => name), ["commit p.orders.raw", "send p.orders.validated"]);

  const third = begin(batchOf(record(1)), none)!;
  third.send([]);
  // It was not due to be committed until now.
  third.fail(failure);
  const fourth = begin(batchOf(record(1)), none)!;
  fourth.send([]);
  fourth.end();
  begin(batchOf(record(2)), none);
  assertEquals(attempts(), [undefined, 2n, 3n, 4n, undefined] as unknown[]);
  assertEquals(spans.slice(0, -1).map(({ ended }) => ended), Array(spans.length - 1).fill(1));
});

Deno.test("tracing: a handler works in the context of the first sampled record", async () => {
  const service = tracing();
  const records = [record(1, "00"), record(2), record(3)];
  service.begin(batchOf(...records), none);
  const spanNow = () => trace.getSpanContext(context.active())?.spanId;
  const { handle } = service.handlers({
    handle: async (batch: readonly { raw: ConsumerRecord }[]) => {
      await Promise.resolve();
      return [batch.length, spanNow()];
    },
  });
  const given = records.map((raw) => ({ raw }));
  assertEquals(await handle(given), [3, idOf(spans[0]!)]);
  assertEquals(await handle(given.slice(2)), [1, idOf(spans[1]!)]);
  assertEquals(await handle(given.slice(0, 1)), [1, undefined]);
});

Deno.test("tracing: what is done for an order is in its trace while it is processed, and in no other", () => {
  const service = tracing();
  const batch = service.begin(batchOf(record(1), record(2)), none)!;
  const contextOf = (id: string) =>
    service.within(id, () => trace.getSpanContext(context.active())!);
  // Also where another order's call has just ended.
  assertEquals(service.within("r1-1", () => contextOf("r1-2")), spans[1]!.ids);
  assertEquals(service.within("r1-1", () => contextOf("r1-9")).traceFlags, 0);
  batch.send([]);
  assertEquals(contextOf("r1-2").traceFlags, 0);
});

Deno.test("tracing: a transaction within a handler is a span, and no other is", async () => {
  const service = tracing();
  const records = [record(1)];
  service.begin(batchOf(...records), none);
  const inner = { transaction: (work: () => unknown) => work() } as unknown as Database;
  const database = service.database(inner, "validator", { url: "" });
  const refuse = () => Promise.reject(new RangeError("refused"));
  assertEquals(await database.transaction(() => Promise.resolve(7)), 7);
  assertEquals(spans.length, 1);
  const { handle } = service.handlers({
    handle: async (_: readonly { raw: ConsumerRecord }[]) => {
      await database.transaction(() => Promise.resolve());
      await assertRejects(() => database.transaction(refuse), RangeError);
    },
  });
  await handle(records.map((raw) => ({ raw })));
  const [, done, refused] = spans;
  assertEquals([done!.name, refused!.name], Array(2).fill("transaction validator"));
  assertEquals([done!.parent, refused!.parent], [spans[0]!.ids, spans[0]!.ids]);
  assertEquals([done!.status.code, refused!.status.code], [UNSET, ERROR]);
  assertEquals([done!.ended, refused!.ended], [1, 1]);
});
