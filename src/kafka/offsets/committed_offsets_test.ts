import { assertEquals, assertRejects } from "@std/assert";
import { ProducerError } from "../client/error_codes.ts";
import { codeOf, FakeCluster, type Script } from "../producer/testing/fake_cluster.ts";
import { openGroupOffsets } from "./committed_offsets.ts";

const INPUT = { topic: "orders.raw", partition: 3 };
const answer = (code: number, offset: number) => ({
  codes: [0],
  partitions: [{ ...INPUT, code, offset }],
});
const at = (offset: number) => answer(0, offset);

for (
  const [what, script, expected] of [
    ["an offset", () => at(42), 42],
    ["0", () => at(0), 0],
    ["none", () => at(-1), undefined],
    [
      "one of a transaction that is being ended, and then its offset",
      (_, count) => count === 1 ? answer(codeOf("UNSTABLE_OFFSET_COMMIT"), -1) : at(42),
      42,
    ],
    ["an answer about another partition, and then one about it", (_, count) => {
      const partitions = [{ ...INPUT, partition: 4, code: 0, offset: 7 }];
      return count === 1 ? { codes: [0], partitions } : at(42);
    }, 42],
    [
      "an answer that lacks the partition, and then one that has it",
      (_, count) => {
        if (count === 1) throw new Error("the answer lacks the partition");
        return at(42);
      },
      42,
    ],
  ] satisfies [string, Script, number | undefined][]
) {
  Deno.test(`GroupOffsets: ${what}: ${expected}`, async () => {
    const offsets = openGroupOffsets(new FakeCluster(script).kafka, "a-group");
    assertEquals(await offsets.committed(INPUT), expected);
    await offsets.close();
  });
}

Deno.test("GroupOffsets: -2, which kafkajs commits for `the beginning`, is an error that says the way out", async () => {
  const offsets = openGroupOffsets(new FakeCluster(() => at(-2)).kafka, "a-group");
  const error = await assertRejects(() => offsets.committed(INPUT), ProducerError);
  assertEquals(error.remedy, "end");
  for (const part of ["a-group", "-2", "orders.raw/3", "--reset-offsets"]) {
    assertEquals(error.message.includes(part), true, part);
  }
});

Deno.test("GroupOffsets: looks the coordinator up for each question", async () => {
  const cluster = new FakeCluster(() => at(1));
  const offsets = openGroupOffsets(cluster.kafka, "a-group");
  for (let times = 0; times < 3; times++) await offsets.committed(INPUT);
  assertEquals(cluster.lookups, 3);
});

Deno.test("GroupOffsets: a missing right is told at once", async () => {
  const denied = () => ({ codes: [codeOf("GROUP_AUTHORIZATION_FAILED")], partitions: [] });
  const offsets = openGroupOffsets(new FakeCluster(denied).kafka, "a-group");
  const error = await assertRejects(() => offsets.committed(INPUT), ProducerError);
  assertEquals([error.type, error.remedy], ["GROUP_AUTHORIZATION_FAILED", "end"]);
});

/** What a request of the fetcher asks about. */
function asked({ requests }: FakeCluster): number[][] {
  return requests.map(({ fields }) =>
    (fields as { partitions: { partition: number }[] }).partitions.map(({ partition }) => partition)
  );
}

Deno.test("GroupOffsets: what is asked at one moment is one request; an unstable one holds no other up", async () => {
  const stable = Promise.withResolvers<void>();
  const cluster: FakeCluster = new FakeCluster(async (_, count) => {
    if (count === 2) await stable.promise;
    const partitions = asked(cluster).at(-1)!.map((partition) => {
      const code = partition === 1 && count === 1 ? codeOf("UNSTABLE_OFFSET_COMMIT") : 0;
      return { topic: INPUT.topic, partition, code, offset: code === 0 ? 10 * partition : -1 };
    });
    return { codes: [0], partitions };
  });
  const offsets = openGroupOffsets(cluster.kafka, "a-group");
  const at = (partition: number) => offsets.committed({ topic: INPUT.topic, partition });
  const [zero, one, again, two] = [at(0), at(1), at(1), at(2)];
  assertEquals(await Promise.all([zero, two]), [0, 20]);
  stable.resolve();
  assertEquals(await Promise.all([one, again]), [10, 10]);
  assertEquals(asked(cluster), [[0, 1, 2], [1]]);
  assertEquals(await at(2), 20);
  assertEquals(cluster.lookups, 3);
});

Deno.test("GroupOffsets: an error of one partition is told to who asked about it", async () => {
  const cluster: FakeCluster = new FakeCluster(() => ({
    codes: [0],
    partitions: [
      { ...INPUT, code: codeOf("TOPIC_AUTHORIZATION_FAILED"), offset: -1 },
      { topic: "orders.validated", partition: 0, code: 0, offset: 5 },
    ],
  }));
  const offsets = openGroupOffsets(cluster.kafka, "a-group");
  const refused = assertRejects(() => offsets.committed(INPUT), ProducerError);
  assertEquals(await offsets.committed({ topic: "orders.validated", partition: 0 }), 5);
  const { type, message } = await refused;
  assertEquals([type, message.includes("orders.raw/3")], ["TOPIC_AUTHORIZATION_FAILED", true]);
});
