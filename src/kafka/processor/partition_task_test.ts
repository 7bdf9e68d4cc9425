import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { PartitionTask } from "./partition_task.ts";
import type { AssignedPartition } from "./assignment.ts";

/** A task over writers that note what is asked of them; `start` is the group's committed offset. */
function taskWith(start: number) {
  const calls: string[] = [];
  const task = new PartitionTask(() => {
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
  return { task, calls };
}

const output = [{ topic: "orders.validated", messages: [] }];

Deno.test("PartitionTask: starts where it was assigned", async () => {
  const { task, calls } = taskWith(7);
  assertEquals(await task.position(), 7);
  assertEquals(await task.position(), 7);
  assertEquals(calls, ["open"]);
});

Deno.test("PartitionTask: steps over control records, and over nothing that was not looked at", async () => {
  const { task, calls } = taskWith(7);
  task.stepOver(7, 8);
  assertEquals(await task.position(), 7);
  task.stepOver(7, 8);
  assertEquals(await task.position(), 8);
  task.stepOver(9, 12);
  task.stepOver(5, 6);
  assertEquals(await task.position(), 8);
  await task.advance(output, 12);
  task.stepOver(12, 13);
  assertEquals(await task.position(), 13);
  assertEquals(calls, ["open", "commit 1 12"]);
});

Deno.test("PartitionTask: tells which leader's epoch a commit ends in, while it knows", async () => {
  const epochs: (number | null)[] = [];
  const task = new PartitionTask(() =>
    Promise.resolve<AssignedPartition>({
      start: 0,
      leaderEpoch: 2,
      topicId: null,
      commit: (_, __, epoch) => Promise.resolve(void epochs.push(epoch)),
      close: () => Promise.resolve(),
    })
  );
  await task.position();
  assertEquals(task.leaderEpoch, 2);
  await task.advance(output, 5, 3);
  await task.advance([], 8, 4);
  assertEquals(task.leaderEpoch, 4);
  await task.flush({ force: true });
  await task.advance([], 9, 4);
  task.stepOver(9, 10);
  await task.flush({ force: true });
  await task.advance([], 11, 4);
  task.stepOver(11, 12, 6);
  await task.flush({ force: true });
  assertEquals(epochs, [3, 4, null, 6]);
  await task.advance(output, 13, 5);
  await task.close();
  assertEquals(task.leaderEpoch, null);
});

Deno.test("PartitionTask: commits outputs at once, offsets without output when flushed", async () => {
  const { task, calls } = taskWith(0);
  await task.position();
  await task.advance(output, 5);
  await task.advance([], 8);
  await task.flush({ force: false });
  assertEquals([task.isDue, calls], [false, ["open", "commit 1 5"]]);
  await task.flush({ force: true });
  await task.flush({ force: true });
  assertEquals(calls, ["open", "commit 1 5", "commit 0 8"]);
  assertEquals(await task.position(), 8);
});

Deno.test("PartitionTask: an offset that waits goes with the next output", async () => {
  const { task, calls } = taskWith(0);
  await task.position();
  await task.advance([], 3);
  await task.advance(output, 5);
  await task.flush({ force: true });
  assertEquals(calls, ["open", "commit 1 5"]);
});

Deno.test("PartitionTask: does one thing at a time, also after a failure", async () => {
  const { task } = taskWith(0);
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = task.exclusive(async () => {
    order.push("first starts");
    await gate.promise;
    order.push("first ends");
    throw new Error("first failed");
  });
  const second = task.exclusive(() => {
    order.push("second");
    return Promise.resolve("done");
  });
  gate.resolve();
  await assertRejects(() => first, Error, "first failed");
  assertEquals(await second, "done");
  assertEquals(order, ["first starts", "first ends", "second"]);
});

Deno.test("PartitionTask: after a failed commit nothing that waited commits its offset", async () => {
  const calls: string[] = [];
  const task = new PartitionTask(() => {
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
  await task.position();
  const advancing = task.exclusive(() => task.advance(output, 5));
  const flushing = task.exclusive(() => task.flush({ force: true }));
  await assertRejects(() => advancing, Error, "the broker is gone");
  await flushing;
  assertEquals(calls, ["open", "commit 5"]);
  assertEquals(await task.position(), 0);
});

Deno.test("PartitionTask: whichever commits fail, before or after they took effect, each message has its output once", async () => {
  const ends = fc.array(fc.constantFrom("done", "failed", "done, but unacknowledged"), {
    maxLength: 12,
  });
  const silent = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
  await fc.assert(fc.asyncProperty(ends, silent, async (ends, silent) => {
    let group = 0;
    const published: number[] = [];
    const task = new PartitionTask(() =>
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
      fetched = await task.position();
      const batch = [fetched, fetched + 1].filter((offset) => silent[offset] === false);
      const outputs = batch.map((offset) => ({
        topic: "orders.validated",
        messages: [{ value: String(offset) }],
      }));
      await task.advance(outputs, fetched + 2).then(() => fetched += 2, () => {});
    }
    assertEquals(published, [...silent.keys()].filter((offset) => !silent[offset]));
  }));
});

Deno.test("PartitionTask.committed: where the group is, through a failed flush and the next assignment", async () => {
  let away = false;
  const task = new PartitionTask(() =>
    Promise.resolve<AssignedPartition>({
      start: 4,
      leaderEpoch: null,
      topicId: null,
      commit: () => away ? Promise.reject(new Error("the broker is gone")) : Promise.resolve(),
      close: () => Promise.resolve(),
    })
  );
  assertEquals(task.committed, undefined);
  await task.position();
  assertEquals(task.committed, 4);
  await task.advance(output, 6);
  await task.advance([], 9);
  assertEquals(task.committed, 6);
  away = true;
  await assertRejects(() => task.flush({ force: true }), Error, "the broker is gone");
  assertEquals(task.committed, 6);
  await task.position();
  assertEquals(task.committed, 4);
});
