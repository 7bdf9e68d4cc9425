import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { PartitionTask } from "./partition_task.ts";
import type { AssignedPartition } from "./assignment.ts";

/** A lane over writers that note what is asked of them; `start` is the group's committed offset. */
function laneWith(start: number) {
  const calls: string[] = [];
  const lane = new PartitionTask(() => {
    calls.push("open");
    const writer: AssignedPartition = {
      start,
      leaderEpoch: null,
      topicId: null,
      commit: (outputs, nextOffset) => {
        calls.push(`commit ${outputs.length} ${nextOffset}`);
        return Promise.resolve();
      },
      close: () => {
        calls.push("close");
        return Promise.resolve();
      },
    };
    return Promise.resolve(writer);
  });
  return { lane, calls };
}

const output = [{ topic: "orders.validated", messages: [] }];

Deno.test("Lane: starts where it was taken over", async () => {
  const { lane, calls } = laneWith(7);
  assertEquals(await lane.position(), 7);
  assertEquals(await lane.position(), 7);
  assertEquals(calls, ["open"]);
});

Deno.test("Lane: steps over control records, and over nothing that was not looked at", async () => {
  const { lane, calls } = laneWith(7);
  lane.stepOver(7, 8);
  assertEquals(await lane.position(), 7);
  lane.stepOver(7, 8);
  assertEquals(await lane.position(), 8);
  lane.stepOver(9, 12);
  lane.stepOver(5, 6);
  assertEquals(await lane.position(), 8);
  await lane.advance(output, 12);
  lane.stepOver(12, 13);
  assertEquals(await lane.position(), 13);
  assertEquals(calls, ["open", "commit 1 12"]);
});

Deno.test("Lane: tells which leader's epoch a commit ends in, while it knows", async () => {
  const epochs: (number | null)[] = [];
  const lane = new PartitionTask(() =>
    Promise.resolve<AssignedPartition>({
      start: 0,
      leaderEpoch: 2,
      topicId: null,
      commit: (_, __, epoch) => Promise.resolve(void epochs.push(epoch)),
      close: () => Promise.resolve(),
    })
  );
  await lane.position();
  assertEquals(lane.leaderEpoch, 2);
  await lane.advance(output, 5, 3);
  await lane.advance([], 8, 4);
  assertEquals(lane.leaderEpoch, 4);
  await lane.flush({ force: true });
  await lane.advance([], 9, 4);
  lane.stepOver(9, 10);
  await lane.flush({ force: true });
  await lane.advance([], 11, 4);
  lane.stepOver(11, 12, 6);
  await lane.flush({ force: true });
  assertEquals(epochs, [3, 4, null, 6]);
  await lane.advance(output, 13, 5);
  await lane.close();
  assertEquals(lane.leaderEpoch, null);
});

Deno.test("Lane: commits outputs at once, offsets without output when flushed", async () => {
  const { lane, calls } = laneWith(0);
  await lane.position();
  await lane.advance(output, 5);
  await lane.advance([], 8);
  await lane.flush({ force: false });
  assertEquals(calls, ["open", "commit 1 5"]);
  await lane.flush({ force: true });
  await lane.flush({ force: true });
  assertEquals(calls, ["open", "commit 1 5", "commit 0 8"]);
  assertEquals(await lane.position(), 8);
});

Deno.test("Lane: an offset that waits goes with the next output", async () => {
  const { lane, calls } = laneWith(0);
  await lane.position();
  await lane.advance([], 3);
  await lane.advance(output, 5);
  await lane.flush({ force: true });
  assertEquals(calls, ["open", "commit 1 5"]);
});

Deno.test("Lane: does one thing at a time, also after a failure", async () => {
  const { lane } = laneWith(0);
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lane.exclusive(async () => {
    order.push("first starts");
    await gate.promise;
    order.push("first ends");
    throw new Error("first failed");
  });
  const second = lane.exclusive(() => {
    order.push("second");
    return Promise.resolve("done");
  });
  gate.resolve();
  await assertRejects(() => first, Error, "first failed");
  assertEquals(await second, "done");
  assertEquals(order, ["first starts", "first ends", "second"]);
});

Deno.test("Lane: after a failed commit nothing that waited commits its offset", async () => {
  const calls: string[] = [];
  const lane = new PartitionTask(() => {
    calls.push("open");
    return Promise.resolve<AssignedPartition>({
      start: 0,
      leaderEpoch: null,
      topicId: null,
      commit: (_, nextOffset) => {
        calls.push(`commit ${nextOffset}`);
        return Promise.reject(new Error("the broker is gone"));
      },
      close: () => Promise.resolve(),
    });
  });
  await lane.position();
  const advancing = lane.exclusive(() => lane.advance(output, 5));
  const flushing = lane.exclusive(() => lane.flush({ force: true }));
  await assertRejects(() => advancing, Error, "the broker is gone");
  await flushing;
  assertEquals(calls, ["open", "commit 5"]);
  assertEquals(await lane.position(), 0);
});

Deno.test("Lane: whichever commits fail, before or after they took effect, each message has its output once", async () => {
  const ends = fc.array(fc.constantFrom("done", "failed", "done, but nobody knows"), {
    maxLength: 12,
  });
  const silent = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
  await fc.assert(fc.asyncProperty(ends, silent, async (ends, silent) => {
    let group = 0;
    const published: number[] = [];
    const lane = new PartitionTask(() =>
      Promise.resolve<AssignedPartition>({
        start: group,
        leaderEpoch: null,
        topicId: null,
        commit: (outputs, nextOffset) => {
          const end = ends.shift() ?? "done";
          if (end !== "failed") {
            group = nextOffset;
            published.push(...outputs.flatMap((o) => o.messages.map(({ value }) => Number(value))));
          }
          return end === "done" ? Promise.resolve() : Promise.reject(new Error("no answer"));
        },
        close: () => Promise.resolve(),
      })
    );
    // A consumer that goes on only behind what was done, in batches of two.
    let fetched = 0;
    while (fetched < silent.length) {
      fetched = await lane.position();
      const batch = [fetched, fetched + 1].filter((offset) => silent[offset] === false);
      const outputs = batch.map((offset) => ({
        topic: "orders.validated",
        messages: [{ value: String(offset) }],
      }));
      await lane.advance(outputs, fetched + 2).then(() => fetched += 2, () => {});
    }
    assertEquals(published, [...silent.keys()].filter((offset) => !silent[offset]));
  }));
});

Deno.test("Lane.committed: where the group is, through a failed flush and the next takeover", async () => {
  let away = false;
  const lane = new PartitionTask(() =>
    Promise.resolve<AssignedPartition>({
      start: 4,
      leaderEpoch: null,
      topicId: null,
      commit: () => away ? Promise.reject(new Error("the broker is gone")) : Promise.resolve(),
      close: () => Promise.resolve(),
    })
  );
  assertEquals(lane.committed, undefined);
  await lane.position();
  assertEquals(lane.committed, 4);
  await lane.advance(output, 6);
  await lane.advance([], 9);
  assertEquals(lane.committed, 6);
  away = true;
  await assertRejects(() => lane.flush({ force: true }), Error, "the broker is gone");
  assertEquals(lane.committed, 6);
  await lane.position();
  assertEquals(lane.committed, 4);
});
