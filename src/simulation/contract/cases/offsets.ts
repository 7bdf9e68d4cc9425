/** Committed offsets of a group: from outside, and in transactions. */
import { assertEquals } from "@std/assert";
import type { Case } from "../contract.ts";
import { loneMember } from "../member.ts";
import { commitOffset, offsetsOf, stableOffset } from "../offsets.ts";
import { TestProducer } from "../producer.ts";

const UNSTABLE = "UNSTABLE_OFFSET_COMMIT";

export const OFFSETS: readonly Case[] = [
  {
    name: "OffsetFetch: none, then what was committed from outside, also an older one",
    async run(platform) {
      const place = { topic: await platform.createTopic(2), partition: 0 };
      const group = platform.freshName();
      assertEquals(await offsetsOf(platform, group, place), { unstable: -1, stable: -1 });
      for (const offset of [7, 3]) {
        assertEquals(await commitOffset(platform, group, place, offset), "NONE");
        assertEquals(await offsetsOf(platform, group, place), { unstable: offset, stable: offset });
      }
      const other = { ...place, partition: 1 };
      assertEquals(await offsetsOf(platform, group, other), { unstable: -1, stable: -1 });
    },
  },
  {
    name: "OffsetCommit from outside: refused while the group has members",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const member = await loneMember(platform, platform.freshName());
      assertEquals(await commitOffset(platform, member.group, place, 1), "UNKNOWN_MEMBER_ID");
      assertEquals(await member.commit(place, 2), "NONE");
      assertEquals(await member.leave(), "NONE");
      assertEquals(await offsetsOf(platform, member.group, place), { unstable: 2, stable: 2 });
      assertEquals(await commitOffset(platform, member.group, place, 1), "NONE");
      assertEquals(await offsetsOf(platform, member.group, place), { unstable: 1, stable: 1 });
    },
  },
  ...(["commit", "abort"] as const).map((how): Case => ({
    name: `offsets of a transaction: unstable while it is open, and then after its ${how}`,
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(2), partition: 0 };
      const group = freshName();
      assertEquals(await commitOffset(platform, group, place, 3), "NONE");
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.addOffsets(group), "NONE");
      assertEquals(await offsetsOf(platform, group, place), { unstable: 3, stable: 3 });
      assertEquals(await owner.commitOffset(group, place, 5), "NONE");
      assertEquals(await owner.commitOffset(group, place, 6), "NONE");
      assertEquals(await offsetsOf(platform, group, place), { unstable: 3, stable: UNSTABLE });
      // Only of the partitions that it is about.
      const other = { ...place, partition: 1 };
      assertEquals(await offsetsOf(platform, group, other), { unstable: -1, stable: -1 });
      assertEquals(await owner.end(how), "NONE");
      const expected = how === "commit" ? 6 : 3;
      assertEquals(await stableOffset(platform, group, place), expected);
      assertEquals((await offsetsOf(platform, group, place)).unstable, expected);
    },
  })),
  {
    name: "offsets of a transaction: the fence ends it, and the offset is stable then",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const group = freshName();
      const old = await TestProducer.open(client, freshName());
      assertEquals(await old.addOffsets(group), "NONE");
      assertEquals(await old.commitOffset(group, place, 5), "NONE");
      await TestProducer.open(client, old.id);
      assertEquals(await stableOffset(platform, group, place), -1);
      assertEquals(await old.commitOffset(group, place, 6), "INVALID_PRODUCER_EPOCH");
      assertEquals(await offsetsOf(platform, group, place), { unstable: -1, stable: -1 });
    },
  },
  {
    name: "offsets of a transaction: the fence waits for a commit that was decided",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const group = freshName();
      for (let offset = 1; offset <= 5; offset++) {
        const owner = await TestProducer.open(client, freshName());
        assertEquals(await owner.addOffsets(group), "NONE");
        assertEquals(await owner.commitOffset(group, place, offset), "NONE");
        assertEquals(await owner.end("commit"), "NONE");
        assertEquals((await TestProducer.open(client, owner.id)).epoch, 1);
        assertEquals(await stableOffset(platform, group, place), offset);
      }
    },
  },
  {
    name: "TxnOffsetCommit: without AddOffsetsToTxn it is refused",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const [group, other] = [freshName(), freshName()];
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.commitOffset(group, place, 5), "INVALID_TXN_STATE");
      assertEquals(await owner.addOffsets(group), "NONE");
      assertEquals(await owner.commitOffset(group, place, 5), "NONE");
      assertEquals(await owner.finish("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place), 5);
      // The next transaction has not added it, either.
      assertEquals(await owner.commitOffset(group, place, 6), "INVALID_TXN_STATE");
      assertEquals(await offsetsOf(platform, group, place), { unstable: 5, stable: 5 });
      assertEquals(await offsetsOf(platform, other, place), { unstable: -1, stable: -1 });
    },
  },
  {
    name: "offsets of a transaction: what is committed from outside meanwhile is newer",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const group = freshName();
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.addOffsets(group), "NONE");
      assertEquals(await owner.commitOffset(group, place, 5), "NONE");
      assertEquals(await commitOffset(platform, group, place, 2), "NONE");
      assertEquals(await offsetsOf(platform, group, place), { unstable: 2, stable: UNSTABLE });
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place), 2);
    },
  },
  {
    name: "offsets of a transaction: of two that are open, the one that was sent last counts",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const group = freshName();
      const first = await TestProducer.open(client, freshName());
      const second = await TestProducer.open(client, freshName());
      for (const [owner, offset] of [[first, 1], [second, 2]] as const) {
        assertEquals(await owner.addOffsets(group), "NONE");
        assertEquals(await owner.commitOffset(group, place, offset), "NONE");
      }
      assertEquals(await second.finish("commit"), "NONE");
      assertEquals((await offsetsOf(platform, group, place)).stable, UNSTABLE);
      assertEquals(await first.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place), 2);
    },
  },
];
