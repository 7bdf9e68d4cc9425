import { assertEquals, assertRejects } from "@std/assert";
import { createWorkerQueue } from "./workers.ts";
import { require } from "./replace_module.ts";

const createWorker = require("kafkajs/src/consumer/worker.js");

/** Workers of kafkajs, as many as 20; `woken` counts how often one was asked to work. */
function queueOf(handler: (batch: unknown) => Promise<void>) {
  const counts = { woken: 0 };
  const workers = Array.from({ length: 20 }, (_, workerId) => {
    const { run } = createWorker({ handler, workerId });
    return { run: (source: unknown) => (counts.woken++, run(source)) };
  });
  return { counts, queue: createWorkerQueue({ workers }) };
}

Deno.test("createWorkerQueue: each batch has a worker at once, and no more are woken", async () => {
  const gates = new Map<unknown, PromiseWithResolvers<void>>();
  const { counts, queue } = queueOf((batch) => {
    const gate = Promise.withResolvers<void>();
    gates.set(batch, gate);
    return gate.promise;
  });
  const first = queue.push("a", "b", "c");
  assertEquals([[...gates.keys()].join(), counts.woken], ["a,b,c", 3]);
  // Another broker's, while these are at work.
  const second = queue.push("d");
  assertEquals([[...gates.keys()].join(), counts.woken], ["a,b,c,d", 7]);
  for (const { resolve } of gates.values()) resolve();
  await Promise.all([first, second]);
});

Deno.test("createWorkerQueue: of more batches than workers, all are worked on", async () => {
  const done: unknown[] = [];
  const { queue } = queueOf(async (batch) => {
    await Promise.resolve();
    done.push(batch);
  });
  const batches = Array.from({ length: 50 }, (_, i) => i);
  await queue.push(...batches);
  assertEquals(done.toSorted((a, b) => Number(a) - Number(b)), batches);
  await queue.push();
});

Deno.test("createWorkerQueue: fails with the first failure, when all have ended", async () => {
  let ended = 0;
  const { queue } = queueOf(async (batch) => {
    await Promise.resolve();
    ended++;
    if (batch !== "good") throw new Error(`${batch} failed`);
  });
  await assertRejects(() => queue.push("good", "one", "other", "good"), Error, "one failed");
  assertEquals(ended, 4);
});

Deno.test("createWorkerQueue: what comes just when a worker has found nothing more is worked on", async () => {
  for (let turns = 0; turns < 12; turns++) {
    let done = 0;
    const handler = () => Promise.resolve(void done++);
    const queue = createWorkerQueue({ workers: [createWorker({ handler, workerId: 0 })] });
    const first = queue.push("a");
    for (let i = 0; i < turns; i++) await null;
    await Promise.all([first, queue.push("b")]);
    assertEquals(done, 2);
  }
});

Deno.test("patchWorkers: kafkajs has this queue in place of its own", async () => {
  await import("./kafkajs.ts");
  const createFetchManager = require("kafkajs/src/consumer/fetchManager.js");
  const logger = { namespace: () => logger, debug() {} };
  const manager = createFetchManager({
    logger,
    getNodeIds: () => [1],
    fetch: () => Promise.reject(new Error("no broker")),
    handler: () => Promise.resolve(),
  });
  const running = manager.start();
  const own = createWorkerQueue({ workers: [] });
  assertEquals(String(manager.getFetchers()[0].getWorkerQueue().push), String(own.push));
  await assertRejects(() => running, Error, "no broker");
});
