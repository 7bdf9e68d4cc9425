import { assertEquals, assertRejects } from "@std/assert";
import { Lane } from "./lane.ts";
import type { PartitionWriter } from "./partition_writer.ts";

/**
 * A lane over writers that note what is asked of them; `start` is the group's committed offset.
 *
 * @param broker.gone while it is true, commits fail
 */
function laneWith(start: number | undefined, broker = { gone: false }) {
  const calls: string[] = [];
  const open = () => {
    calls.push("open");
    const writer: PartitionWriter = {
      start,
      commit: (outputs, nextOffset) => {
        calls.push(`commit ${outputs.length} ${nextOffset}`);
        return broker.gone ? Promise.reject(new Error("the broker is gone")) : Promise.resolve();
      },
      close: () => {
        calls.push("close");
        return Promise.resolve();
      },
    };
    return Promise.resolve(writer);
  };
  const lane = new Lane(open, (offset) => calls.push(`go back to ${offset}`));
  return { lane, calls };
}

const output = [{ topic: "orders.validated", messages: [] }];

Deno.test("Lane: starts where the group committed, or where the consumer is", async () => {
  assertEquals(await laneWith(7).lane.position(3), 7);
  assertEquals(await laneWith(undefined).lane.position(3), 3);
});

Deno.test("Lane: follows a consumer that stepped over control records", async () => {
  const { lane, calls } = laneWith(7);
  assertEquals(await lane.position(8), 7);
  assertEquals(await lane.position(8), 8);
  assertEquals(await lane.position(6), 8);
  await lane.advance(output, 12);
  assertEquals(await lane.position(13), 13);
  assertEquals(calls, ["open", "commit 1 12"]);
});

Deno.test("Lane: commits outputs at once, offsets without output when flushed", async () => {
  const { lane, calls } = laneWith(0);
  await lane.position(0);
  await lane.advance(output, 5);
  await lane.advance([], 8);
  await lane.flush({ force: false });
  assertEquals(calls, ["open", "commit 1 5"]);
  await lane.flush({ force: true });
  await lane.flush({ force: true });
  assertEquals(calls, ["open", "commit 1 5", "commit 0 8"]);
  assertEquals(await lane.position(8), 8);
});

Deno.test("Lane: an offset that waits goes with the next output", async () => {
  const { lane, calls } = laneWith(0);
  await lane.position(0);
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
  const { lane, calls } = laneWith(0, { gone: true });
  await lane.position(0);
  const advancing = lane.exclusive(() => lane.advance(output, 5));
  const flushing = lane.exclusive(() => lane.flush({ force: true }));
  await assertRejects(() => advancing, Error, "the broker is gone");
  await flushing;
  assertEquals(calls, ["open", "commit 1 5", "close"]);
  assertEquals(await lane.position(3), 0);
});

Deno.test("Lane: an offset that could not be flushed is read again from the last committed one", async () => {
  const broker = { gone: false };
  const { lane, calls } = laneWith(2, broker);
  await lane.position(2);
  await lane.advance(output, 5);
  await lane.advance([], 8);
  broker.gone = true;
  await assertRejects(() => lane.flush({ force: true }), Error, "the broker is gone");
  assertEquals(calls, ["open", "commit 1 5", "commit 0 8", "close", "go back to 5"]);
});
