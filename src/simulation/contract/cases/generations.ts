/** Offsets of a transaction that name a member and its generation (KIP-447): the fence of a whole member. */
import { assertEquals } from "@std/assert";
import type { Case } from "../contract.ts";
import { loneMember, rebalancing, TestMember } from "../member.ts";
import { commitOffset, offsetsOf, stableOffset, stableOffsetsOf } from "../offsets.ts";
import type { Platform } from "../platform.ts";
import { TestProducer } from "../producer.ts";

const UNSTABLE = "UNSTABLE_OFFSET_COMMIT";
const NOTHING = { unstable: -1, stable: -1 };

/** A transaction to which the group's offsets were added. */
async function transactionOf(
  { client, freshName }: Platform,
  group: string,
  id = freshName(),
): Promise<TestProducer> {
  const owner = await TestProducer.open(client, id);
  assertEquals(await owner.addOffsets(group), "NONE");
  return owner;
}

async function placesOf(platform: Platform, count: number) {
  const topic = await platform.createTopic(count);
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

export const GENERATIONS: readonly Case[] = [
  {
    name: "TxnOffsetCommit: an old generation, a later one and a stranger are refused",
    async run(platform) {
      const [place] = await placesOf(platform, 1);
      const member = await loneMember(platform, platform.freshName());
      const { group, generation, memberId } = member;
      const owner = await transactionOf(platform, group);
      const commitAs = (as: { generation: number; memberId: string }) =>
        owner.commitOffset(group, place!, 1, as);
      assertEquals([
        await commitAs({ generation: generation - 1, memberId }),
        await commitAs({ generation: generation + 1, memberId }),
        await commitAs({ generation, memberId: "stranger" }),
        await commitAs({ generation, memberId: "" }),
        await commitAs({ generation: -1, memberId }),
      ], [
        "ILLEGAL_GENERATION",
        "ILLEGAL_GENERATION",
        "UNKNOWN_MEMBER_ID",
        "UNKNOWN_MEMBER_ID",
        "ILLEGAL_GENERATION",
      ]);
      assertEquals(await offsetsOf(platform, group, place!), NOTHING);
      // The transaction is none the worse for it.
      assertEquals(await commitAs(member), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place!), 1);
    },
  },
  {
    name:
      "TxnOffsetCommit: a generation of a group that is not there, or that all have left, is refused",
    async run(platform) {
      const [place] = await placesOf(platform, 1);
      const group = platform.freshName();
      const owner = await transactionOf(platform, group);
      const nobody = { generation: 0, memberId: "nobody" };
      assertEquals(await owner.commitOffset(group, place!, 1, nobody), "ILLEGAL_GENERATION");
      const member = await loneMember(platform, group);
      assertEquals(await owner.commitOffset(group, place!, 2, member), "NONE");
      assertEquals(await member.leave(), "NONE");
      assertEquals(await owner.commitOffset(group, place!, 3, member), "UNKNOWN_MEMBER_ID");
      assertEquals(await owner.commitOffset(group, place!, 4), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place!), 4);
    },
  },
  {
    name: "TxnOffsetCommit: a generation commits until all have joined the next, and not after",
    async run(platform) {
      const [place, other] = await placesOf(platform, 2);
      const first = await loneMember(platform, platform.freshName());
      const { group } = first;
      const owner = await transactionOf(platform, group);
      const old = { generation: first.generation, memberId: first.memberId };
      const second = await TestMember.connect(platform, group);
      const joined = second.join();
      await rebalancing(first);
      assertEquals(await owner.commitOffset(group, place!, 1, old), "NONE");
      assertEquals([await first.join(), await joined], ["NONE", "NONE"]);
      // Nothing is assigned yet: in a transaction that does not count.
      assertEquals(await owner.commitOffset(group, place!, 2, old), "ILLEGAL_GENERATION");
      assertEquals(await owner.commitOffset(group, place!, 3, first), "NONE");
      assertEquals(await first.commit(other!, 3), "REBALANCE_IN_PROGRESS");
      await Promise.all([first.sync(), second.sync()]);
      assertEquals(await owner.commitOffset(group, place!, 4, old), "ILLEGAL_GENERATION");
      // Any member of the generation may commit: which one has the partition, Kafka does not know.
      assertEquals(await owner.commitOffset(group, place!, 5, second), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place!), 5);
    },
  },
  {
    name: "TxnOffsetCommit: what was accepted before a rebalance is committed after it",
    async run(platform) {
      const [place] = await placesOf(platform, 1);
      const first = await loneMember(platform, platform.freshName());
      const { group } = first;
      const owner = await transactionOf(platform, group);
      assertEquals(await owner.commitOffset(group, place!, 7, first), "NONE");
      assertEquals(await first.leave(), "NONE");
      const next = await loneMember(platform, group);
      assertEquals(await stableOffsetsOf(platform.client, group, [place!]), [UNSTABLE]);
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place!), 7);
      assertEquals(await next.heartbeat(), "NONE");
    },
  },
  {
    name: "TxnOffsetCommit: with a member and without, in one group",
    async run(platform) {
      const [place, other] = await placesOf(platform, 2);
      const member = await loneMember(platform, platform.freshName());
      const { group } = member;
      const owners = [
        await transactionOf(platform, group),
        await transactionOf(platform, group),
      ] as const;
      assertEquals(await owners[0].commitOffset(group, place!, 1, member), "NONE");
      assertEquals(await owners[1].commitOffset(group, other!, 2), "NONE");
      for (const owner of owners) assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place!), 1);
      assertEquals(await stableOffset(platform, group, other!), 2);
    },
  },
  ...(["commit", "abort"] as const).map((how): Case => ({
    name: `offsets of several partitions: the ${how} of their transaction moves ${
      how === "commit" ? "all" : "none"
    }`,
    async run(platform) {
      const places = await placesOf(platform, 3);
      const [one, two, three] = places;
      const member = await loneMember(platform, platform.freshName());
      const { group } = member;
      for (const place of places) assertEquals(await member.commit(place, 1), "NONE");
      const owner = await transactionOf(platform, group);
      const offsets = [{ ...one!, offset: 5 }, { ...three!, offset: 7 }];
      assertEquals(await owner.commitOffsets(group, offsets, member), "NONE");
      // Who asks waits for these two, and not for the other.
      const asked = await stableOffsetsOf(platform.client, group, places);
      assertEquals(asked, [UNSTABLE, 1, UNSTABLE]);
      assertEquals(await owner.end(how), "NONE");
      const expected = how === "commit" ? [5, 1, 7] : [1, 1, 1];
      for (const place of [one!, two!, three!]) {
        assertEquals(await stableOffset(platform, group, place), expected[place.partition]);
      }
    },
  })),
  {
    name: "offsets of a transaction: whoever fences it finds them stable at once",
    async run(platform) {
      const places = await placesOf(platform, 2);
      const member = await loneMember(platform, platform.freshName());
      const { group } = member;
      for (const place of places) assertEquals(await member.commit(place, 1), "NONE");
      const old = await transactionOf(platform, group);
      const offsets = places.map((place) => ({ ...place, offset: 9 }));
      assertEquals(await old.commitOffsets(group, offsets, member), "NONE");
      const asked = () => stableOffsetsOf(platform.client, group, places);
      assertEquals(await asked(), [UNSTABLE, UNSTABLE]);
      await TestProducer.open(platform.client, old.id);
      assertEquals(await asked(), [1, 1]);
      // The generation is right; the producer is not.
      assertEquals(await old.commitOffset(group, places[0]!, 9, member), "INVALID_PRODUCER_EPOCH");
      const stale = { ...member, generation: 0 };
      assertEquals(await old.commitOffset(group, places[0]!, 9, stale), "INVALID_PRODUCER_EPOCH");
      assertEquals(await old.end("commit"), "INVALID_PRODUCER_EPOCH");
      assertEquals(await asked(), [1, 1]);
    },
  },
  {
    name:
      "a group's coordinator moves while its members join: the last assigned generation counts again",
    nodes: 3,
    async run(platform) {
      const [place] = await placesOf(platform, 1);
      const member = await loneMember(platform, platform.freshName());
      const { group, memberId, generation } = member;
      const owner = await transactionOf(platform, group);
      assertEquals(await member.join(), "NONE");
      assertEquals(member.generation, generation + 1);
      assertEquals(await owner.commitOffset(group, place!, 1, member), "NONE");
      await platform.moveCoordinator("group", group);
      // Nothing was assigned in it, and it is not in the coordinator's log.
      assertEquals(await owner.commitOffset(group, place!, 2, member), "ILLEGAL_GENERATION");
      const last = { generation, memberId };
      assertEquals(await owner.commitOffset(group, place!, 3, last), "NONE");
      assertEquals(await commitOffset(platform, group, place!, 4, last), "NONE");
      // The same number is given once more.
      assertEquals(await member.join(), "NONE");
      assertEquals(member.generation, generation + 1);
      assertEquals(await owner.commitOffset(group, place!, 5, last), "ILLEGAL_GENERATION");
      assertEquals(await owner.commitOffset(group, place!, 6, member), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place!), 6);
    },
  },
];
