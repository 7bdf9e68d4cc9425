import "./mends.ts";
import { assertRejects } from "@std/assert";
import type { Consumer } from "kafkajs";
import { commitOffset } from "./partition_writer.ts";

type Listener = (event: { payload: unknown }) => void;

/** A consumer that says what it commits: nothing, when it has stopped. */
function consumerThat(runs: boolean): Consumer {
  let listener: Listener = () => {};
  return {
    events: { COMMIT_OFFSETS: "consumer.commit_offsets" },
    on(_: string, told: Listener) {
      listener = told;
      return () => listener = () => {};
    },
    commitOffsets(offsets: { topic: string; partition: number; offset: string }[]) {
      // As kafkajs has it, an offset is a number of its own class.
      const topics = offsets.map(({ topic, partition, offset }) => ({
        topic,
        partitions: [{ partition, offset: { toString: () => offset } }],
      }));
      if (runs) listener({ payload: { topics } });
      return Promise.resolve();
    },
  } as unknown as Consumer;
}

const next = { topic: "orders.raw", partition: 3, offset: "7" };

Deno.test("commitOffset: a consumer that runs commits it", async () => {
  await commitOffset(consumerThat(true), next);
});

Deno.test("commitOffset: one that has stopped does not say so: it is an error", async () => {
  await assertRejects(
    () => commitOffset(consumerThat(false), next),
    Error,
    "no offset was committed",
  );
});
