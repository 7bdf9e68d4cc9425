import { assertEquals } from "@std/assert";
import kafkajs, { type Consumer } from "kafkajs";
import type { Logger } from "../../runtime/log.ts";
import { until } from "../../runtime/until.ts";
import { createPositions } from "./positions.ts";
import { LogGuard } from "./log_guard.ts";
import type { LogStates } from "../log_watch/log_states.ts";

const TOPIC = "orders.raw";

/** As a consumer that has stopped. */
function refuse(): never {
  throw new kafkajs.KafkaJSNonRetriableError("Consumer group was not initialized");
}

/** A guard of a member that has partition 0, and had partition 1; `answers` are the ids told, in turn. */
function setUp(answers: string[]) {
  const positions = createPositions();
  for (const partition of [0, 1]) positions.advance(TOPIC, partition, 200);
  const listeners = new Map<string, (event: unknown) => void>();
  const sought: number[] = [];
  const consumer = {
    events: { GROUP_JOIN: "join", END_BATCH_PROCESS: "end", FETCH_START: "fetch" },
    on: (event: string, listener: (event: unknown) => void) => void listeners.set(event, listener),
    seek: ({ partition }: { partition: number }) => void sought.push(partition),
    pause: refuse,
    resume: refuse,
  } as unknown as Consumer;
  const logs = {
    topicIds: () => Promise.resolve(new Map([[TOPIC, answers.shift() ?? "?"]])),
    of: () => Promise.resolve({ log: { first: 0, end: 10 } }),
  } as unknown as LogStates;
  const warned: string[] = [];
  const guard = new LogGuard({
    consumer,
    logs,
    topics: new Map([[TOPIC, TOPIC]]),
    ids: new Map([[TOPIC, "old"]]),
    positions,
    log: { debug() {}, warn: (line: string) => void warned.push(line) } as unknown as Logger,
    metrics: undefined,
    confirmMs: 1,
  });
  listeners.get("join")!({ payload: { memberAssignment: { [TOPIC]: [0] } } });
  const outOfRange = (partition: number, offset: number) =>
    listeners.get("consumer.offset_out_of_range")!({
      payload: { topic: TOPIC, partition, offset },
    });
  return { guard, positions, sought, warned, outOfRange };
}

Deno.test("LogGuard: of a topic created anew nothing counts as read, of partitions of others neither", async () => {
  const { guard, positions, sought, warned } = setUp(["new", "new"]);
  assertEquals(await guard.checkTopics(), true);
  assertEquals([0, 1].map((partition) => positions.next(TOPIC, partition)), [0, 0]);
  assertEquals([sought, warned.length], [[0], 1]);
  guard.close();
});

Deno.test("LogGuard: a changed id that is told once is not believed", async () => {
  const { guard, positions, sought, warned } = setUp(["stale", "old"]);
  assertEquals(await guard.checkTopics(), true);
  assertEquals([0, 1].map((partition) => positions.next(TOPIC, partition)), [200, 200]);
  assertEquals([sought, warned], [[], []]);
  guard.close();
});

Deno.test("LogGuard: an offset that is out of range of a consumer that has stopped is nobody's failure", async () => {
  const failures: unknown[] = [];
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    failures.push(event.reason);
  };
  addEventListener("unhandledrejection", onRejection);
  const { guard, outOfRange, warned } = setUp(["old", "old"]);
  try {
    outOfRange(0, 200);
    await until("it has looked", () => warned.length > 0 || failures.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(failures, []);
  } finally {
    removeEventListener("unhandledrejection", onRejection);
    guard.close();
  }
});
