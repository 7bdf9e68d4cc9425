import { assertEquals } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import { Registry } from "prom-client";
import { encode } from "../../events/codec.ts";
import { Names } from "../../topology.ts";
import { DEAD_LETTER_HEADERS } from "../dead_letters.ts";
import type { BatchInHand } from "../group/membership.ts";
import type { Tracing } from "../tracing/tracing.ts";
import type { Handler } from "./handler.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { placed } from "../testing/topics.ts";
import { type BatchContext, processBatch, transform } from "./loop.ts";

const validator = {
  service: "validator" as const,
  names: new Names("p."),
  log: getLogger(["nobody"]),
  metrics: createProcessorMetrics(new Registry()),
};

/** The orders, as records of orders.raw with these headers. */
function recordsOf(headers: readonly Record<string, string>[]) {
  return headers.map((header, sequence) => ({
    offset: sequence,
    key: Buffer.from(placed(sequence).orderId),
    value: Buffer.from(encode(placed(sequence))),
    headers: header,
  }));
}

/** What the validator publishes of messages on orders.raw with these headers. */
function publishedOf(handler: Handler, headers: Record<string, string>[]) {
  return transform(
    { ...validator, handlers: { "orders.raw": handler } },
    {
      topic: "orders.raw",
      topicName: "p.orders.raw",
      partition: 0,
      messages: recordsOf(headers),
    },
    new AbortController().signal,
  );
}

/** The orders that the validator is given of messages on orders.raw with these headers. */
async function given(headers: Record<string, string>[]): Promise<string[]> {
  const orderIds: string[] = [];
  await publishedOf((batch) => {
    orderIds.push(...batch.map(({ event }) => event.orderId));
    return Promise.resolve({ events: [] });
  }, headers);
  return orderIds;
}

Deno.test("transform: what says it was replayed for a service that does not read the topic is handled", async () => {
  const ours: Record<string, string>[] = [
    {},
    { "replayed-from": "p.dlq.validator 0@7" },
    // Nobody else reads orders.raw: no replay of theirs can be there.
    { "replayed-from": "p.dlq.payment 0@7" },
    { "replayed-from": "made up" },
  ];
  assertEquals(await given(ours), ours.map((_, sequence) => placed(sequence).orderId));
});

Deno.test("transform: a dead letter's header says how often its message was tried", async () => {
  const handler: Handler = (batch) => {
    const refused = batch.some(({ event }) => event.orderId === placed(1).orderId);
    return refused ? Promise.reject(new Error("out of range")) : Promise.resolve({ events: [] });
  };
  const { outputs: [output] } = await publishedOf(handler, [{}, {}]);
  assertEquals(output!.topic, "p.dlq.validator");
  const letters = output!.messages.map(({ headers }) => [
    headers![DEAD_LETTER_HEADERS.offset],
    headers![DEAD_LETTER_HEADERS.attempts],
  ]);
  assertEquals(letters, [["1", "2"]]);
});

/** What a tracing is told of a batch of two records, one of them a replay for another service. */
async function tracedBatch(
  advance: () => Promise<void>,
  turn: (revocation: AbortController) => void = () => {},
): Promise<string[]> {
  const said: string[] = [];
  const messages = recordsOf([{}, { "replayed-from": "p.dlq.inventory 0@7" }]);
  const inHand = {
    batch: {
      topic: "p.orders.validated",
      partition: 0,
      fetchedOffset: "0",
      messages,
      rawMessages: messages,
      lastOffset: () => "1",
    },
    isRunning: () => true,
    isStale: () => false,
    resolveOffset: () => {},
  };
  const tracing: Partial<Tracing> = {
    begin({ topicName, messages }, isSkipped) {
      const own = messages.filter((record) => !isSkipped(record)).map(({ offset }) => offset);
      said.push(`begin ${topicName} ${own}`);
      return {
        send: (outputs) => said.push(`send ${outputs.map(({ topic }) => topic)}`),
        end: () => said.push("end"),
        fail: (error) => said.push(`fail ${(error as Error).message}`),
      };
    },
  };
  const revocation = new AbortController();
  const refuse: Handler = (batch) =>
    Promise.reject(new RangeError(`no ${batch.map(({ event }) => event.type)}`));
  const context = {
    options: {
      ...validator,
      service: "payment",
      maxBatch: 10,
      handlers: { "orders.validated": refuse },
      tracing,
    },
    topic: "orders.validated",
    task: { position: () => Promise.resolve(0), leaderEpoch: null, advance },
    pacing: { turn: () => Promise.resolve(turn(revocation)) },
    revoked: revocation.signal,
    onProgress: () => said.push("progress"),
  };
  await processBatch(inHand as unknown as BatchInHand, context as unknown as BatchContext)
    .catch((error) => said.push(error.message));
  return said;
}

Deno.test("processBatch: tracing is told of a batch, without others' replays, and of its commit", async () => {
  assertEquals(await tracedBatch(() => Promise.resolve()), [
    "begin p.orders.validated 0",
    "send p.dlq.payment",
    "end",
    "progress",
  ]);
});

Deno.test("processBatch: tracing is told of a commit that failed", async () => {
  assertEquals(await tracedBatch(() => Promise.reject(new Error("fenced"))), [
    "begin p.orders.validated 0",
    "send p.dlq.payment",
    "fail fenced",
    "fenced",
  ]);
});

Deno.test("processBatch: what is revoked while it waits for its turn is not begun", async () => {
  assertEquals(
    await tracedBatch(() => Promise.resolve(), (revocation) => revocation.abort()),
    [],
  );
});
