import { assertEquals, assertRejects } from "@std/assert";
import type { GroupOffsets } from "../offsets/committed_offsets.ts";
import { FakeCluster } from "../producer/testing/fake_cluster.ts";
import { type AssignedInput, MemberWriter } from "./member_writer.ts";
import { Names } from "../../topology.ts";
import { ownerToken } from "./owner.ts";
import { NotAssigned } from "./assignment.ts";

/** At least once; each commit of offsets is noted, and nothing else is. */
function setUp() {
  const commits: { generation: number; partitions: number[] }[] = [];
  const fences: string[] = [];
  const offsets = {
    committed: () => Promise.resolve(undefined),
    members: () => Promise.resolve(new Set()),
    fence: (id) => Promise.resolve(void fences.push(id)),
    commitAs: ({ generation }, next) => {
      commits.push({ generation, partitions: next.map(({ partition }) => partition) });
      return Promise.resolve();
    },
  } as Partial<GroupOffsets> as GroupOffsets;
  const writer = (transactionalId?: string) =>
    new MemberWriter(new FakeCluster().kafka, {
      service: "validator",
      group: "validator",
      transactionalId,
      transactionTimeoutMs: 60_000,
      formerIdOf: ({ partition }) => `former-${partition}`,
      names: new Names(),
      offsets,
    });
  const input = (generation: number, partition: number): AssignedInput => (
    { topic: "orders.raw", partition, generation: generationOf(generation) }
  );
  return { commits, fences, writer, input };
}

const MEMBERS = new Map([1, 2].map((n) => [n, { generation: n, memberId: "me" }]));
const generationOf = (number: number) => MEMBERS.get(number)!;

Deno.test("MemberWriter: what comes while the last one that waited is refused is answered", async () => {
  const { commits, writer, input } = setUp();
  const member = writer();
  member.onAssigned(generationOf(1));
  const old = await member.open(input(1, 0), undefined);
  member.onAssigned(generationOf(2));
  const current = await member.open(input(2, 1), undefined);
  for (let turns = 0; turns < 6; turns++) {
    const refused = assertRejects(() => old.commit([], 1), NotAssigned);
    for (let i = 0; i < turns; i++) await Promise.resolve();
    await current.commit([], turns);
    await refused;
  }
  assertEquals(commits, Array(6).fill({ generation: 2, partitions: [1] }));
  await member.close();
});

Deno.test("MemberWriter: what comes in one turn is one commit", async () => {
  const { commits, writer, input } = setUp();
  const member = writer();
  member.onAssigned(generationOf(1));
  const all = await Promise.all([0, 1, 2].map((n) => member.open(input(1, n), undefined)));
  await Promise.all(all.map(({ commit }) => commit([], 1)));
  assertEquals(commits, [{ generation: 1, partitions: [0, 1, 2] }]);
  await member.close();
});

Deno.test("MemberWriter: what was assigned in an earlier generation is not opened any more", async () => {
  const { writer, input } = setUp();
  const member = writer();
  member.onAssigned(generationOf(1));
  const opening = member.open(input(1, 0), undefined);
  member.onAssigned(generationOf(2));
  await assertRejects(() => opening, NotAssigned);
  await member.open(input(2, 0), undefined);
  await member.close();
});

Deno.test("MemberWriter: a dead owner is fenced once, one from before the generations each time", async () => {
  const { fences, writer, input } = setUp();
  const member = writer("mine");
  member.onAssigned(generationOf(1));
  const dead = ownerToken({ transactionalId: "dead", memberId: "dead" });
  for (const owner of [dead, dead, crypto.randomUUID(), crypto.randomUUID()]) {
    await member.open(input(1, 0), owner);
  }
  assertEquals(fences, ["dead", "former-0", "former-0"]);
  await member.close();
});
