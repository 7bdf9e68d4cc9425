import { assert, assertEquals } from "@std/assert";
import { ERRORS } from "../../kafka/client/error_codes.ts";
import type { Api } from "../cluster/requests.ts";
import { REFUSALS, UNSURE } from "./answers.ts";
import type { Effect } from "./network.ts";
import { Schedule } from "./testing.ts";

Deno.test("createSimulatedClient: the real loop moves every order through, once", async () => {
  const schedule = new Schedule(1);
  await schedule.run(async () => {
    const validator = schedule.validator();
    await schedule.place(20);
    assert(await schedule.settle());
    assertEquals(validator.processor.notReady(), undefined);
    await validator.stop();
  });
  assertEquals(schedule.outputs, schedule.inputs);
});

Deno.test("createSimulatedClient: the same seed gives the same trace, another seed another one", async () => {
  const traceOf = async (seed: number) => {
    const schedule = new Schedule(seed, { brokers: 3 });
    await schedule.run(async () => {
      schedule.validator();
      const second = schedule.validator();
      schedule.network.hit({ api: "EndTxn", effect: "answer lost" });
      await schedule.place(6);
      second.process.kill();
      assert(await schedule.settle());
    });
    return schedule.lines.join("\n");
  };
  const trace = await traceOf(1);
  assertEquals(await traceOf(1), trace);
  assert(await traceOf(2) !== trace);
});

Deno.test("createSimulatedClient: a second replica gets its share, and gives it back when it stops", async () => {
  const schedule = new Schedule(1, { brokers: 3 });
  await schedule.run(async () => {
    schedule.validator();
    const isPlaced = schedule.placeInBackground(60, 100);
    await schedule.time.runUntil(() => false, 2_000);
    const second = schedule.validator();
    await schedule.time.runUntil(() => false, 2_000);
    assertEquals(schedule.readers, ["validator 1", "validator 2"]);
    await second.stop();
    await schedule.time.runUntil(() => false, 2_000);
    assertEquals(schedule.readers, ["validator 1"]);
    await schedule.time.runUntil(isPlaced, 60_000);
    assert(await schedule.settle());
  });
  assertEquals(schedule.outputs, schedule.inputs);
});

for (const brokers of [1, 3]) {
  Deno.test(`createSimulatedClient: what a killed replica had in hand is worked off by another, with ${brokers} brokers`, async () => {
    const schedule = new Schedule(brokers, { brokers });
    await schedule.run(async () => {
      const validators = [schedule.validator(), schedule.validator()];
      await schedule.place(2);
      const isPlaced = schedule.placeInBackground(60, 50);
      // In the middle of a transaction.
      const isOpen = () =>
        schedule.lines.at(-1)!.includes("validator 1 → ") &&
        schedule.lines.at(-1)!.includes("TxnOffsetCommit");
      assert(await schedule.time.runUntil(isOpen, 60_000));
      validators[0]!.process.kill();
      await schedule.time.runUntil(isPlaced, 60_000);
      assert(await schedule.settle());
      assertEquals(schedule.readers, ["validator 2"]);
    });
    assertEquals(schedule.outputs, schedule.inputs);
  });
}

Deno.test("createSimulatedClient: a replica that is frozen for longer than its session publishes nothing twice", async () => {
  const schedule = new Schedule(4, { brokers: 3 });
  await schedule.run(async () => {
    const validators = [schedule.validator(), schedule.validator()];
    await schedule.place(2);
    const isPlaced = schedule.placeInBackground(100, 100);
    await schedule.time.runUntil(() => false, 300);
    validators[0]!.process.freeze();
    await schedule.time.runUntil(() => false, 8_000);
    validators[0]!.process.thaw();
    await schedule.time.runUntil(isPlaced, 60_000);
    assert(await schedule.settle());
  });
  assertEquals(schedule.outputs, schedule.inputs);
  assert(schedule.network.met.has("Heartbeat UNKNOWN_MEMBER_ID"));
});

Deno.test("createSimulatedClient: new partitions are read within the metadata's age", async () => {
  const schedule = new Schedule(5, { brokers: 3 });
  await schedule.run(async () => {
    schedule.validator();
    await schedule.place(4);
    assert(await schedule.settle());
    schedule.addPartitions(3);
    await schedule.place(6);
    assert(await schedule.settle(15_000));
  });
  assertEquals(schedule.outputs, schedule.inputs);
});

Deno.test("createSimulatedClient: at least once, offsets are committed with the generation", async () => {
  const schedule = new Schedule(6, { brokers: 3 });
  await schedule.run(async () => {
    const validator = schedule.validator({ guarantee: "at_least_once" });
    await schedule.place(10);
    assert(await schedule.settle());
    await validator.stop();
  });
  assertEquals(schedule.outputs, schedule.inputs);
  assertEquals(schedule.committed, [5, 5]);
});

const effects: Record<string, Effect> = {
  "a lost request": "request lost",
  "a lost answer": "answer lost",
  "a closed connection": "connection closed",
  "a late answer": { lateMs: 8_000 },
};
const apis: readonly Api[] = [
  "Metadata",
  "FindCoordinator",
  "JoinGroup",
  "SyncGroup",
  "Heartbeat",
  "OffsetFetch",
  "Fetch",
  "ListOffsets",
  "InitProducerId",
  "AddPartitionsToTxn",
  "Produce",
  "AddOffsetsToTxn",
  "TxnOffsetCommit",
  "EndTxn",
];

/** The first request of an API meets an effect, and every order has its output all the same. */
async function meets(api: Api, effect: Effect, seed: number): Promise<void> {
  const what = `${api}: ${JSON.stringify(effect)}`;
  const schedule = new Schedule(seed, { brokers: 3 });
  await schedule.run(async () => {
    const { process } = schedule.validator();
    schedule.network.hit({ api, from: process.name, effect });
    await schedule.place(4);
    assert(await schedule.settle(), what);
    await schedule.time.runUntil(() => schedule.network.pendingHits === 0, 10_000);
  });
  assertEquals(schedule.outputs, schedule.inputs, what);
  assertEquals(schedule.network.pendingHits, 0, what);
}

for (const [name, effect] of Object.entries(effects)) {
  Deno.test(`createSimulatedClient: ${name} of any API costs time, and no order`, async () => {
    for (const [seed, api] of apis.entries()) await meets(api, effect, seed);
  });
}

Deno.test("createSimulatedClient: a commit that was done, and not said to be, leaves no partition failing", async () => {
  const schedule = new Schedule(1);
  const { code } = ERRORS.COORDINATOR_NOT_AVAILABLE;
  await schedule.run(async () => {
    const { processor } = schedule.validator();
    await schedule.place(2);
    assert(await schedule.settle());
    for (let i = 0; i < 1_000; i++) {
      schedule.network.hit({ api: "EndTxn", effect: { code, carriedOut: true } });
    }
    await schedule.place(2);
    const isFailing = () => /is failing: .*EndTxn/.test(processor.notReady() ?? "");
    assert(await schedule.time.runUntil(isFailing, 20_000));
    schedule.network.heal();
    // Nothing comes behind it that would be worked on.
    assert(await schedule.time.runUntil(() => processor.notReady() === undefined, 20_000));
  });
  assertEquals(schedule.outputs, schedule.inputs);
});

/** Longer than its sender waits. */
const LATE: Effect = { lateMs: 12_000 };

Deno.test("createSimulatedClient: at least once, an OffsetCommit without an answer ends the membership", async () => {
  for (const effect of ["request lost", "answer lost", "connection closed", LATE] as const) {
    // A claim is the first; then it is a batch's.
    for (const before of [0, 2, 4, 6]) {
      const what = `${JSON.stringify(effect)} after ${before} orders`;
      const schedule = new Schedule(before, { brokers: 3 });
      await schedule.run(async () => {
        const { process, processor } = schedule.validator({
          guarantee: "at_least_once",
          maxBatch: 1,
        });
        await schedule.place(before);
        if (before > 0) assert(await schedule.settle());
        schedule.network.hit({ api: "OffsetCommit", from: process.name, effect });
        await schedule.place(12 - before);
        assert(await schedule.settle(), what);
        await schedule.time.runUntil(() => false, 20_000);
        assertEquals(processor.notReady(), undefined);
      });
      assertEquals([...new Set(schedule.outputs)], schedule.inputs, what);
      assertEquals(schedule.committed, [6, 6], what);
      const joins = schedule.lines.filter((line) =>
        line.includes("→") && line.includes("JoinGroup")
      );
      assert(joins.length > 1, what);
    }
  }
});

Deno.test("createSimulatedClient: any refusal of any API costs time, and no order", async () => {
  for (const [seed, api] of apis.entries()) {
    for (const code of REFUSALS[api]) await meets(api, { code }, seed);
    for (const code of UNSURE[api] ?? []) {
      await meets(api, { code }, seed);
      await meets(api, { code, carriedOut: true }, seed);
    }
  }
});
