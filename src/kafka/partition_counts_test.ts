import { assertEquals } from "@std/assert";
import type { Logger } from "../runtime/log.ts";
import { Names, TOPIC_NAMES } from "../topology.ts";
import { faultOf, type PartitionCounts, watchPartitions } from "./partition_counts.ts";
import { FakeCluster, type Script, success } from "./producer/testing/fake_cluster.ts";

const ORDER_TOPICS = ["a", "b", "c"];
const different = (list: string, most: number) =>
  `the order topics have different numbers of partitions (${list}): ` +
  `\`deno task topics --partitions ${most}\` gives each ${most}`;

const FAULTS: { what: string; counts: [string, number][]; fault: string | undefined }[] = [
  {
    what: "all have as many",
    counts: [["a", 2], ["b", 2], ["c", 2], ["dlq", 1]],
    fault: undefined,
  },
  {
    what: "one has more",
    counts: [["a", 2], ["b", 2], ["c", 3], ["dlq", 1]],
    fault: different("a 2, b 2, c 3", 3),
  },
  {
    what: "one has fewer, one is gone",
    counts: [["a", 4], ["b", 3], ["c", 0], ["dlq", 1]],
    fault: different("a 4, b 3, c gone", 4),
  },
  {
    what: "one is gone",
    counts: [["a", 2], ["b", 0], ["c", 2], ["dlq", 1]],
    fault: "the topic b is gone: `deno task topics --partitions 2` creates it again",
  },
  {
    what: "one is gone, and so are the dead letters",
    counts: [["a", 2], ["b", 0], ["c", 2], ["dlq", 0]],
    fault: "the topics b, dlq are gone: `deno task topics --partitions 2` creates them again",
  },
  {
    what: "none exists: the services wait",
    counts: [["a", 0], ["b", 0], ["c", 0], ["dlq", 0]],
    fault: undefined,
  },
  { what: "a topic without rights is not compared", counts: [["a", 2]], fault: undefined },
  {
    what: "a topic without rights is not compared, the others are",
    counts: [["a", 2], ["c", 3]],
    fault: different("a 2, c 3", 3),
  },
];
for (const { what, counts, fault } of FAULTS) {
  Deno.test(`faultOf: ${what}`, () => {
    assertEquals(faultOf(ORDER_TOPICS, ["dlq"], new Map(counts)), fault);
  });
}

/** By answer: how many partitions the first order topic has, and how many the others. */
function partitionsBy(answers: readonly (readonly [number, number])[]): Script {
  return (apiName, count) => {
    if (apiName !== "Metadata") return success(apiName);
    const [first, others] = answers[Math.min(count, answers.length) - 1]!;
    return {
      topicMetadata: TOPIC_NAMES.map((topic, index) => ({
        topic,
        topicErrorCode: 0,
        partitionMetadata: Array(index === 0 ? first : others).fill({}),
      })),
    };
  };
}

const WATCHES: { what: string; answers: [number, number][]; faults: boolean[]; lines: number }[] = [
  { what: "all is well: no line", answers: [[2, 2]], faults: [false, false], lines: 0 },
  {
    what: "found once, by a broker that lags: no line",
    answers: [[3, 2], [3, 3]],
    faults: [false],
    lines: 0,
  },
  { what: "it stays: one line", answers: [[3, 2]], faults: [true, true, true], lines: 1 },
  {
    what: "well again: a line for each change",
    answers: [[3, 2], [3, 2], [3, 3]],
    faults: [true, false, false],
    lines: 2,
  },
  {
    what: "another fault: a line for each",
    answers: [[3, 2], [3, 2], [4, 2]],
    faults: [true, true],
    lines: 2,
  },
];
for (const { what, answers, faults, lines } of WATCHES) {
  Deno.test(`watchPartitions: ${what}`, async () => {
    const said: string[] = [];
    const counted: PartitionCounts[] = [];
    const note = (line: unknown) => void said.push(String(line));
    const watch = watchPartitions(new FakeCluster(partitionsBy(answers)).kafka, {
      names: new Names(),
      everyMs: 3_600_000,
      onCounts: (counts) => counted.push(counts),
      log: { debug() {}, info: note, warn: note } as unknown as Logger,
    });
    for (const isFault of faults) {
      await watch.check();
      assertEquals(watch.fault !== undefined, isFault);
    }
    await watch.close();
    assertEquals(said.length, lines, said.join("\n"));
    assertEquals(counted[0]!.get("orders.raw"), answers[0]![0]);
  });
}

Deno.test("watchPartitions: without an answer the fault stays, and it asks again", async () => {
  let away = false;
  const answer = partitionsBy([[3, 2]]);
  const cluster = new FakeCluster((apiName, count) => {
    if (apiName === "Metadata" && away) throw new Error("closed");
    return answer(apiName, count);
  });
  const watch = watchPartitions(cluster.kafka, {
    names: new Names(),
    everyMs: 3_600_000,
    log: { debug() {}, info() {}, warn() {} } as unknown as Logger,
  });
  await watch.check();
  const { fault } = watch;
  away = true;
  await watch.check();
  assertEquals(watch.fault, fault);
  assertEquals(cluster.connected, false, "the connection is not used again");
  away = false;
  await watch.check();
  assertEquals(watch.fault, fault);
  await watch.close();
});
