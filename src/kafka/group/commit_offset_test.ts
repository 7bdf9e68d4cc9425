import "../patches/patches.ts";
import { assertEquals, assertRejects } from "@std/assert";
import type { Consumer } from "kafkajs";
import { commitOffset } from "./commit_offset.ts";

type Listener = (event: { payload: unknown }) => void;

/** A consumer that says what it commits: nothing, when it has stopped. */
function consumerThat(runs: boolean) {
  const listeners = new Set<Listener>();
  const most = { listeners: 0 };
  const consumer = {
    events: { COMMIT_OFFSETS: "consumer.commit_offsets" },
    on(_: string, told: Listener) {
      listeners.add(told);
      most.listeners = Math.max(most.listeners, listeners.size);
      return () => listeners.delete(told);
    },
    async commitOffsets(offsets: { topic: string; partition: number; offset: string }[]) {
      await Promise.resolve();
      // As kafkajs has it, an offset is a number of its own class.
      const topics = offsets.map(({ topic, partition, offset }) => ({
        topic,
        partitions: [{ partition, offset: { toString: () => offset } }],
      }));
      if (runs) { for (const listener of listeners) listener({ payload: { topics } }); }
    },
  } as unknown as Consumer;
  return { consumer, most };
}

const next = { topic: "orders.raw", partition: 3, offset: "7" };

Deno.test("commitOffset: a consumer that runs commits it", async () => {
  await commitOffset(consumerThat(true).consumer, next);
});

Deno.test("commitOffset: one that has stopped does not say so: it is an error", async () => {
  await assertRejects(
    () => commitOffset(consumerThat(false).consumer, next),
    Error,
    "no offset was committed",
  );
});

Deno.test("commitOffset: many partitions at once, and one after another, with one listener", async () => {
  const { consumer, most } = consumerThat(true);
  const all = Array.from({ length: 24 }, (_, partition) => ({ ...next, partition }));
  await Promise.all(all.map((each) => commitOffset(consumer, each)));
  await commitOffset(consumer, { ...next, offset: "8" });
  assertEquals(most.listeners, 1);
});
