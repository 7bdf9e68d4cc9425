import { assertEquals } from "@std/assert";
import { batchOf, type TestBatch } from "../testing/cluster.ts";
import { PartitionLog } from "./partition_log.ts";

type Step =
  | TestBatch & { readonly id: number; readonly epoch?: number; readonly seq?: number }
  | {
    readonly marker: "commit" | "abort";
    readonly id: number;
    readonly epoch?: number;
    readonly coordinator?: number;
  }
  | { readonly replicated: number }
  | { readonly deleted: number };

/** @returns the codes of the steps that append */
function play(log: PartitionLog, steps: readonly Step[]): number[] {
  const codes: number[] = [];
  for (const step of steps) {
    if ("replicated" in step) log.advance(step.replicated);
    else if ("deleted" in step) log.deleteBefore(step.deleted);
    else if ("marker" in step) {
      codes.push(
        log.appendMarker({
          producerId: BigInt(step.id),
          producerEpoch: step.epoch ?? 0,
          coordinatorEpoch: step.coordinator ?? 0,
          commit: step.marker === "commit",
        }, 0).code,
      );
    } else {
      const { id, epoch = 0, seq = 0, transactional = false, values } = step;
      const batch = { producerEpoch: epoch, firstSequence: seq, transactional };
      codes.push(
        log.append(batchOf({ producerId: BigInt(id), ...batch, ...values && { values } })).code,
      );
    }
  }
  return codes;
}

const t = true;
const APPENDS: Record<string, { steps: Step[]; codes: number[]; end: number }> = {
  "sequences that follow each other": {
    steps: [{ id: 1, values: ["a", "b"] }, { id: 1, seq: 2 }, { id: 1, seq: 3 }],
    codes: [0, 0, 0],
    end: 4,
  },
  "a gap": { steps: [{ id: 1 }, { id: 1, seq: 2 }], codes: [0, 45], end: 1 },
  "a sequence that is not a copy": {
    steps: [{ id: 1, values: ["a", "b"] }, { id: 1, seq: 1 }],
    codes: [0, 45],
    end: 2,
  },
  "copies of the last five batches": {
    steps: [0, 1, 2, 3, 4, 1, 4].map((seq) => ({ id: 1, seq })),
    codes: [0, 0, 0, 0, 0, 0, 0],
    end: 5,
  },
  "a copy of the sixth last": {
    steps: [0, 1, 2, 3, 4, 5, 0].map((seq) => ({ id: 1, seq })),
    codes: [0, 0, 0, 0, 0, 0, 45],
    end: 6,
  },
  "sequences across 2³¹": {
    steps: [{ id: 1, seq: 0x7fffffff }, { id: 1, seq: 0 }, { id: 1, seq: 1 }],
    codes: [0, 0, 0],
    end: 3,
  },
  "a producer of which nothing is known": { steps: [{ id: 1, seq: 7 }], codes: [0], end: 1 },
  "a new epoch that begins at 0": {
    steps: [{ id: 1 }, { id: 1, epoch: 1 }],
    codes: [0, 0],
    end: 2,
  },
  "a new epoch that does not": {
    steps: [{ id: 1 }, { id: 1, epoch: 1, seq: 1 }],
    codes: [0, 45],
    end: 1,
  },
  "an old epoch": { steps: [{ id: 1, epoch: 1 }, { id: 1 }], codes: [0, 47], end: 1 },
  "an old epoch after the marker of a fence": {
    steps: [{ id: 1, transactional: t }, { marker: "abort", id: 1, epoch: 1 }, { id: 1, seq: 1 }],
    codes: [0, 0, 47],
    end: 2,
  },
  "sequences go on after a marker of the same epoch": {
    steps: [{ id: 1, transactional: t }, { marker: "commit", id: 1 }, {
      id: 1,
      seq: 1,
      transactional: t,
    }],
    codes: [0, 0, 0],
    end: 3,
  },
  "without a transaction while one is open": {
    steps: [{ id: 1, transactional: t }, { id: 1, seq: 1 }],
    codes: [0, 48],
    end: 1,
  },
  "a marker of an old epoch": {
    steps: [{ id: 1, epoch: 1 }, { marker: "commit", id: 1 }],
    codes: [0, 47],
    end: 1,
  },
  "a marker of a coordinator that was replaced": {
    steps: [
      { marker: "abort", id: 1, coordinator: 2 },
      { id: 1, transactional: t },
      { marker: "commit", id: 1, coordinator: 1 },
    ],
    codes: [0, 0, 52],
    end: 2,
  },
  "a producer whose records were deleted": {
    steps: [{ id: 1 }, { id: 1, seq: 1 }, { replicated: 2 }, { deleted: 2 }, { id: 1, seq: 1 }, {
      id: 1,
      seq: 3,
    }],
    codes: [0, 0, 0, 45],
    end: 2,
  },
};

for (const [name, { steps, codes, end }] of Object.entries(APPENDS)) {
  Deno.test(`PartitionLog: ${name}, before and after another leader has taken over`, () => {
    const log = new PartitionLog(0).begin();
    assertEquals(play(log, steps), codes);
    assertEquals(log.end, end);
    const half = steps.length - 1;
    const first = new PartitionLog(0).begin();
    const before = play(first, steps.slice(0, half));
    const second = first.handedOver(1, first.end, first.end);
    assertEquals([...before, ...play(second, steps.slice(half))], codes);
    assertEquals(second.end, end);
  });
}

const open = (id: number, seq = 0): Step => ({ id, seq, transactional: t });
/** What is left out: aborted transactions by their producers. */
const STABLE: Record<string, { steps: Step[]; stable: number; read: number[]; left?: string }> = {
  "an open transaction holds readers up": {
    steps: [{ id: 1 }, open(2), { id: 3 }, { replicated: 3 }],
    stable: 1,
    read: [0],
  },
  "of two, the first one": {
    steps: [open(1), open(2), { marker: "commit", id: 2 }, { replicated: 3 }],
    stable: 0,
    read: [],
  },
  "a marker that is not replicated decides nothing": {
    steps: [open(1), { marker: "commit", id: 1 }, { replicated: 1 }],
    stable: 0,
    read: [],
  },
  "an aborted transaction is left out": {
    steps: [open(1), open(2), { marker: "abort", id: 1 }, open(1, 1), { marker: "commit", id: 2 }, {
      marker: "commit",
      id: 1,
    }, { replicated: 6 }],
    stable: 6,
    read: [1, 3],
    left: "1",
  },
  "two aborted ones that overlap": {
    steps: [open(1), open(2), open(1, 1), { marker: "abort", id: 2 }, { marker: "abort", id: 1 }, {
      id: 3,
    }, {
      replicated: 6,
    }],
    stable: 6,
    read: [5],
    left: "21",
  },
  "an open transaction whose beginning was deleted": {
    steps: [open(1), { id: 2 }, { replicated: 2 }, { deleted: 2 }],
    stable: 2,
    read: [],
  },
};

for (const [name, { steps, stable, read, left = "" }] of Object.entries(STABLE)) {
  Deno.test(`PartitionLog: ${name}`, () => {
    const first = new PartitionLog(0).begin();
    play(first, steps);
    for (const log of [first, first.handedOver(1, first.end, first.highWatermark)]) {
      assertEquals(log.lastStableOffset, stable);
      const { aborted } = log.fetch(log.start, 10_000, "topic", 0);
      assertEquals(aborted.map(({ producerId }) => producerId), [...left]);
      const committed = log.committed().flatMap(({ records }) => records);
      assertEquals(committed.map(({ offset }) => offset), read);
    }
  });
}

Deno.test("PartitionLog: a fetch below the start or beyond the end is out of range; a batch is given whole, and the first whatever its size", () => {
  const log = new PartitionLog(0).begin();
  play(log, [
    { id: 1, values: ["a", "b"] },
    { id: 1, seq: 2, values: ["c", "d"] },
    { replicated: 4 },
  ]);
  const firsts = [1, 10_000].map((maxBytes) =>
    log.fetch(1, maxBytes, "topic", 0).batches.map(({ firstOffset }) => firstOffset)
  );
  assertEquals(firsts, [[0], [0, 2]]);
  log.deleteBefore(2);
  assertEquals([0, 1, 2, 4, 5].map((offset) => log.fetch(offset, 1, "topic", 0).code), [
    1,
    1,
    0,
    0,
    1,
  ]);
  assertEquals(log.fetch(3, 1, "topic", 0).batches.map(({ firstOffset }) => firstOffset), [2]);
});

Deno.test("PartitionLog: a fetch lists the aborted transactions of what it gives, and no others", () => {
  const log = new PartitionLog(0).begin();
  play(log, [open(1), { marker: "abort", id: 1 }, open(2), { marker: "abort", id: 2 }, {
    replicated: 4,
  }]);
  const abortedOf = (offset: number, maxBytes: number) =>
    log.fetch(offset, maxBytes, "topic", 0).aborted.map(({ producerId, firstOffset }) =>
      `${producerId} from ${firstOffset}`
    );
  assertEquals(abortedOf(0, 10_000), ["1 from 0", "2 from 2"]);
  assertEquals(abortedOf(0, 1), ["1 from 0"]);
  assertEquals(abortedOf(2, 10_000), ["2 from 2"]);
});

Deno.test("PartitionLog: where an epoch ends is where the next begins, and the newest one at the log's end", () => {
  let log = new PartitionLog(0).begin();
  play(log, [{ id: 1 }, { id: 1, seq: 1 }]);
  // Two of the next leaders write nothing; what the last one lacks is gone.
  log = log.handedOver(2, 2, 2).handedOver(3, 2, 2).handedOver(5, 1, 1);
  play(log, [{ id: 1, seq: 1 }, { id: 1, seq: 2 }]);
  assertEquals([-1, 0, 1, 2, 3, 4, 5, 6].map((epoch) => log.endOfEpoch(epoch)), [
    -1,
    1,
    1,
    1,
    1,
    1,
    3,
    -1,
  ]);
  assertEquals(log.batches.map(({ leaderEpoch }) => leaderEpoch), [0, 5, 5]);
});

Deno.test("PartitionLog: a batch that is damaged, and a control batch of a client, are refused", () => {
  const damaged = batchOf({ values: ["a"] });
  damaged[damaged.length - 1]! ^= 1;
  const cut = batchOf({ values: ["a"] }).subarray(0, -1);
  assertEquals([damaged, cut].map((bytes) => new PartitionLog(0).begin().append(bytes).code), [
    2,
    2,
  ]);
});
