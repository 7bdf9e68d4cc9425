import { assertEquals, assertRejects } from "@std/assert";
import { ProducerError } from "../client/error_codes.ts";
import { codeOf, FakeCluster, type Script } from "../producer/testing/fake_cluster.ts";
import { openGroupOffsets } from "./committed_offsets.ts";

const INPUT = { topic: "orders.raw", partition: 3 };
const at = (offset: number) => ({ codes: [0, 0], offset });

for (
  const [what, script, expected] of [
    ["an offset", () => at(42), 42],
    ["0", () => at(0), 0],
    ["none", () => at(-1), undefined],
    [
      "one of a transaction that is being ended, and then its offset",
      (_, count) =>
        count === 1 ? { codes: [0, codeOf("UNSTABLE_OFFSET_COMMIT")], offset: -1 } : at(42),
      42,
    ],
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
  const denied = () => ({ codes: [codeOf("GROUP_AUTHORIZATION_FAILED"), 0], offset: -1 });
  const offsets = openGroupOffsets(new FakeCluster(denied).kafka, "a-group");
  const error = await assertRejects(() => offsets.committed(INPUT), ProducerError);
  assertEquals([error.type, error.remedy], ["GROUP_AUTHORIZATION_FAILED", "end"]);
});
