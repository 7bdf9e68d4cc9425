import { assert, assertEquals, assertRejects } from "@std/assert";
import { Failure } from "../../runtime/errors.ts";
import { type Campaign, runCampaign, Runner, type WorkerPort } from "./campaign.ts";
import type { Order, Report } from "./messages.ts";
import { addResult, emptyTally, type Tally } from "./tally.ts";

/** Answers in the next turn; the seeds that it was given are kept. */
class FakeWorker implements WorkerPort {
  onmessage: WorkerPort["onmessage"] = null;
  onerror: WorkerPort["onerror"] = null;
  readonly seeds: number[] = [];

  constructor(private readonly answer: (order: Order, seeds: readonly number[]) => Report) {
    queueMicrotask(() => this.onmessage?.({ data: { kind: "ready" } }));
  }

  postMessage(order: Order): void {
    const { first, count } = order.kind === "run" ? order : { first: order.seed, count: 1 };
    const seeds = Array.from({ length: count }, (_, i) => first + i);
    this.seeds.push(...seeds);
    queueMicrotask(() => {
      for (const seed of seeds) this.onmessage?.({ data: { kind: "begun", seed } });
      this.onmessage?.({ data: this.answer(order, seeds) });
    });
  }

  terminate(): void {}
}

function tallyOf(seeds: readonly number[], failing: readonly number[] = []): Report {
  const tally = emptyTally();
  for (const seed of seeds) {
    const violations = failing.includes(seed) ? [{ promise: "G1", what: "lost", orders: [] }] : [];
    addResult(tally, {
      seed,
      violations,
      shape: {} as never,
      faults: [{ kind: "records deleted", atMs: 1 }],
      met: new Map([["EndTxn NOT_COORDINATOR", 2]]),
      endedMs: 1,
      orders: 20,
      trace: [],
    });
  }
  return { kind: "tally", tally };
}

const campaign: Campaign = {
  first: 100,
  schedules: 95,
  limitMs: Infinity,
  untilFailure: false,
  options: { orders: 20 },
  signal: new AbortController().signal,
  onProgress: () => {},
};

Deno.test("runCampaign: runs each seed once, on all workers, and adds up what they found", async () => {
  const workers = [1, 2, 3].map(() => new FakeWorker((_, seeds) => tallyOf(seeds, [193, 104])));
  const told: number[] = [];
  const tally = await runCampaign(workers.map((worker) => new Runner(worker)), {
    ...campaign,
    onProgress: ({ schedules }: Tally) => void told.push(schedules),
  });
  const seeds = workers.flatMap((worker) => worker.seeds).toSorted((a, b) => a - b);
  assertEquals(seeds, Array.from({ length: 95 }, (_, i) => 100 + i));
  assert(workers.every((worker) => worker.seeds.length > 0));
  assertEquals([tally.schedules, tally.orders], [95, 1_900]);
  assertEquals(tally.faults.get("records deleted"), 95);
  assertEquals(tally.met.get("EndTxn NOT_COORDINATOR"), 190);
  assertEquals(tally.failures.map(({ seed }) => seed), [104, 193]);
  assertEquals(told.at(-1), 95);
});

Deno.test("runCampaign: ends when the time is up, at a signal, or at the first failure", async () => {
  const run = async (over: Partial<Campaign>) => {
    const worker = new FakeWorker((_, seeds) => tallyOf(seeds, [105]));
    const tally = await runCampaign([new Runner(worker)], { ...campaign, ...over });
    return tally.schedules;
  };
  assertEquals(await run({ limitMs: 0 }), 0);
  assertEquals(await run({ signal: AbortSignal.abort() }), 0);
  assertEquals(await run({ untilFailure: true, schedules: Infinity }), 10);
});

Deno.test("runCampaign: a worker that fails names its seed", async () => {
  const broken = new FakeWorker(() => ({ kind: "broken", why: "out of memory" }));
  await assertRejects(
    () => runCampaign([new Runner(broken)], campaign),
    Failure,
    "seed 109: the worker failed: out of memory",
  );
});
