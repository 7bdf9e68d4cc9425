import { assertEquals } from "@std/assert";
import { encodeRecordBatch } from "../protocol/encode.ts";
import { decodeBatches } from "../protocol/decode.ts";
import type { Compression } from "../access.ts";
import { compressed, learn } from "./fetch_limits.ts";

const MIB = 1024 * 1024;

/** A fetch of two partitions of each topic: 3 MiB in all, and 0.5 of each. */
function request(...topics: string[]) {
  const partitions = [{ maxBytes: MIB / 2 }, { maxBytes: MIB / 2 }];
  return { maxBytes: 3 * MIB, topics: topics.map((topic) => ({ topic, partitions })) };
}

const CASES: {
  what: string;
  ratios: Record<string, number>;
  topics: string[];
  divided: { all: number; partitions: number[] };
}[] = [
  {
    what: "nothing known: as if it were compressed",
    ratios: {},
    topics: ["a"],
    divided: { all: 4, partitions: [4 / 1.5] },
  },
  {
    what: "not compressed: as asked",
    ratios: { a: 1 },
    topics: ["a"],
    divided: { all: 1, partitions: [1] },
  },
  {
    what: "less than the margin: a partition's limit never grows",
    ratios: { a: 1.2 },
    topics: ["a"],
    divided: { all: 1.2, partitions: [1] },
  },
  {
    what: "two topics: in all by the one that grows most",
    ratios: { a: 1, b: 6, c: 30 },
    topics: ["a", "b"],
    divided: { all: 6, partitions: [1, 4] },
  },
];
for (const { what, ratios, topics, divided } of CASES) {
  Deno.test(`fetch limits: ${what}`, () => {
    const asked = compressed(request(...topics), new Map(Object.entries(ratios)));
    assertEquals(asked.maxBytes, Math.ceil(3 * MIB / divided.all));
    assertEquals(
      asked.topics.map(({ partitions }) => partitions[1]!.maxBytes),
      divided.partitions.map((by) => Math.ceil(MIB / 2 / by)),
    );
  });
}

/** Of a partition, 100 batches of `count` equal records. */
function fetched(compression: Compression, count: number) {
  const records = Array.from({ length: count }, () => ({ value: "x".repeat(1_000) }));
  const batch = encodeRecordBatch({
    records,
    firstTimestamp: 0,
    maxTimestamp: 0,
    producerId: 1,
    producerEpoch: 0,
    firstSequence: 0,
    transactional: false,
    compression,
  });
  const messages = decodeBatches(Buffer.concat(Array.from({ length: 100 }, () => batch)));
  const decompressed = count * (1_000 + 10);
  return { messages, ratio: decompressed / batch.length };
}

function assertNear(actual: number | undefined, expected: number): void {
  const off = Math.abs((actual ?? NaN) / expected - 1);
  assertEquals(off < 0.02, true, `${actual} instead of ${expected}`);
}

Deno.test("fetch limits: the ratio of what came last, whichever entries of an answer it is in", () => {
  const ratios = new Map<string, number>();
  const small = fetched("zstd", 1);
  const large = fetched("zstd", 100);
  const answer = (...all: { messages: typeof small.messages }[]) => ({
    responses: all.map(({ messages }) => ({ topicName: "a", partitions: [{ messages }] })),
  });
  learn(ratios, answer(large));
  assertNear(ratios.get("a"), large.ratio);
  learn(ratios, answer({ messages: [] }));
  assertNear(ratios.get("a"), large.ratio);
  learn(ratios, answer(large, { messages: [] }, small));
  const both = 101 / (100 / large.ratio + 1 / small.ratio);
  assertNear(ratios.get("a"), both);
  learn(ratios, answer(fetched("none", 1)));
  assertEquals(ratios.get("a"), 1);
});

Deno.test("fetch limits: what cannot be read says nothing", () => {
  const { messages } = fetched("zstd", 10);
  const unreadable = messages.map((message) => ({
    ...message,
    batchContext: { producerId: "-1", inTransaction: false },
  }));
  const ratios = new Map([["a", 3]]);
  learn(ratios, { responses: [{ topicName: "a", partitions: [{ messages: unreadable }] }] });
  assertEquals(ratios.get("a"), 3);
});
