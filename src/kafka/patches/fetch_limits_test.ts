import { assert, assertEquals } from "@std/assert";
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
  {
    what: "of one topic nothing came yet: in all by the other",
    ratios: { a: 1 },
    topics: ["a", "b"],
    divided: { all: 1, partitions: [1, 4 / 1.5] },
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

Deno.test("fetch limits: those of what the broker sends stay as they are", () => {
  const asked = { ...request("a"), limitsSent: true };
  assertEquals(compressed(asked, new Map([["a", 6]])), asked);
});

/** Of a partition, 100 batches of `count` records of 1,000 characters, half of which are random. */
function fetched(compression: Compression, count: number, random = 500) {
  const text = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(random / 2));
    return bytes.toHex() + "x".repeat(1_000 - random);
  };
  const batch = encodeRecordBatch({
    records: Array.from({ length: count }, () => ({ value: text() })),
    firstTimestamp: 0,
    maxTimestamp: 0,
    producerId: 1,
    producerEpoch: 0,
    firstSequence: 0,
    transactional: false,
    compression,
  });
  const messages = decodeBatches(Buffer.concat(Array.from({ length: 100 }, () => batch)));
  return { messages, inLog: 100 * batch.length, decompressed: 100 * count * 1_010 };
}

type Fetched = ReturnType<typeof fetched>;

function answer(...all: Pick<Fetched, "messages">[]) {
  return { responses: all.map(({ messages }) => ({ topicName: "a", partitions: [{ messages }] })) };
}

function assertRatio(actual: number | undefined, ...all: Fetched[]): void {
  const sum = (key: "inLog" | "decompressed") => all.reduce((sum, one) => sum + one[key], 0);
  const expected = sum("decompressed") / sum("inLog");
  assert(Math.abs(actual! / expected - 1) < 0.02, `${actual} instead of ${expected}`);
}

Deno.test("fetch limits: the ratio of what came last, whichever entries of an answer it is in", () => {
  const ratios = new Map<string, number>();
  const small = fetched("zstd", 2);
  const large = fetched("zstd", 100);
  learn(ratios, answer(large));
  assertRatio(ratios.get("a"), large);
  learn(ratios, answer(large, { messages: [] }, small));
  assertRatio(ratios.get("a"), large, small);
  learn(ratios, answer(fetched("none", 1)));
  assertEquals(ratios.get("a"), 1);
});

Deno.test("fetch limits: filler counts as 16 times smaller, no more", () => {
  const ratios = new Map<string, number>();
  learn(ratios, answer(fetched("lz4", 100, 0), fetched("lz4", 10)));
  assertEquals(ratios.get("a"), 16);
});

const SAYS_NOTHING = {
  "nothing": [],
  "few records": fetched("none", 1).messages.slice(0, 30),
  "a batch of filler": fetched("lz4", 100, 0).messages.slice(0, 100),
  "what cannot be read": fetched("zstd", 100).messages.map((message) => ({
    ...message,
    batchContext: { producerId: "-1", inTransaction: false },
  })),
};
for (const [what, messages] of Object.entries(SAYS_NOTHING)) {
  Deno.test(`fetch limits: ${what} says nothing`, () => {
    const ratios = new Map([["a", 3]]);
    learn(ratios, answer({ messages }));
    assertEquals(ratios.get("a"), 3);
  });
}
