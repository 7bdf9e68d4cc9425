import { assertEquals } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import { Registry } from "prom-client";
import { encode } from "../../events/codec.ts";
import { Names } from "../../topology.ts";
import { DEAD_LETTER_HEADERS } from "../dead_letters.ts";
import type { Handler } from "./handler.ts";
import { createProcessorMetrics } from "../metrics.ts";
import { placed } from "../testing/topics.ts";
import { transform } from "./loop.ts";

/** What the validator publishes of messages on orders.raw with these headers. */
function publishedOf(handler: Handler, headers: Record<string, string>[]) {
  return transform(
    {
      service: "validator",
      names: new Names("p."),
      handlers: { "orders.raw": handler },
      log: getLogger(["nobody"]),
      metrics: createProcessorMetrics(new Registry()),
    },
    {
      topic: "orders.raw",
      topicName: "p.orders.raw",
      partition: 0,
      messages: headers.map((header, sequence) => ({
        offset: sequence,
        key: Buffer.from(placed(sequence).orderId),
        value: Buffer.from(encode(placed(sequence))),
        headers: header,
      })),
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
