/** A group's member, as the loop uses it: what it is handed, from where on, and what it hears of others. */
import { assert, assertEquals } from "@std/assert";
import type { BatchInHand } from "../../../kafka/group/membership.ts";
import { until } from "../../../runtime/until.ts";
import type { Case } from "../contract.ts";
import { commitOffset, offsetsOf, stableOffset } from "../offsets.ts";
import type { Platform } from "../platform.ts";
import { TestProducer } from "../producer.ts";
import { resolveAll, TestReader } from "../reader.ts";

/** A topic of two partitions; in the first are `values`, each in a batch of its own. */
async function topicWith(platform: Platform, ...values: string[]) {
  const topic = await platform.createTopic(2);
  const place = { topic, partition: 0 };
  const producer = await TestProducer.open(platform.client, null);
  for (const value of values) assertEquals(await producer.produce(place, [value]), "NONE");
  return { topic, place, producer };
}

export const MEMBERS: readonly Case[] = [
  {
    name:
      "member: is assigned all, reads from the beginning on, and goes on behind what it resolved",
    async run(platform) {
      const { topic, place, producer } = await topicWith(platform, "a", "b");
      const reader = TestReader.start(platform, platform.freshName(), topic);
      await reader.untilAssigned(0, 1);
      await reader.untilHanded(1);
      assertEquals(reader.handed, ["0: 0 a, 1 b"]);
      assertEquals(await producer.produce(place, ["c"]), "NONE");
      assertEquals(await producer.produce({ topic, partition: 1 }, ["d"]), "NONE");
      await reader.untilHanded(3);
      assertEquals(reader.handed.slice(1).toSorted(), ["0: 2 c", "1: 0 d"]);
      assertEquals(await reader.stop(), undefined);
    },
  },
  {
    name: "member: what it has not resolved is handed over once more",
    async run(platform) {
      const { topic } = await topicWith(platform, "a", "b");
      const reader = TestReader.start(platform, platform.freshName(), topic, (reader) => {
        reader.onBatch = ({ resolveOffset, batch }) => {
          if (reader.handed.length > 1) resolveOffset(batch.messages[0]!.offset);
          return Promise.resolve();
        };
      });
      await reader.untilHanded(3);
      assertEquals(reader.handed.slice(0, 3), ["0: 0 a, 1 b", "0: 0 a, 1 b", "0: 1 b"]);
      await reader.stop();
    },
  },
  {
    name: "member: begins at the offset that the group has committed",
    async run(platform) {
      const { topic, place } = await topicWith(platform, "a", "b", "c");
      const group = platform.freshName();
      assertEquals(await commitOffset(platform, group, place, 2), "NONE");
      const reader = TestReader.start(platform, group, topic);
      await reader.untilHanded(1);
      assertEquals(reader.handed, ["0: 2 c"]);
      await reader.stop();
    },
  },
  {
    name: "member: is told its generation, as which it may commit; no old one may",
    async run(platform) {
      const { topic, place } = await topicWith(platform, "a");
      const group = platform.freshName();
      const reader = TestReader.start(platform, group, topic);
      await reader.untilHanded(1);
      const commit = (offset: number, member = reader.generation) =>
        commitOffset(platform, group, place, offset, member);
      const first = reader.generation!;
      assertEquals(await commit(1), "NONE");
      const other = TestReader.start(platform, group, topic);
      const isAssigned = () => other.assigned !== undefined;
      await until("both are assigned", isAssigned, 20_000, 20);
      await until("of one generation", () => reader.generation !== first, 20_000, 20);
      assertEquals(reader.generation, { ...first, generation: other.generation!.generation });
      assertEquals(await commit(2, first), "ILLEGAL_GENERATION");
      assertEquals(await commit(3), "NONE");
      assertEquals(await commit(4, other.generation), "NONE");
      await reader.stop();
      assertEquals(await commit(5), "UNKNOWN_MEMBER_ID");
      assertEquals(await offsetsOf(platform, group, place), { unstable: 4, stable: 4 });
      await other.stop();
    },
  },
  {
    name: "member: only committed records; where there are none it is told",
    async run(platform) {
      const { client, freshName } = platform;
      const { topic, place } = await topicWith(platform);
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "aborted"), "NONE");
      assertEquals(await owner.finish("abort"), "NONE");
      const reader = TestReader.start(platform, freshName(), topic);
      await reader.untilTold("0: nothing 0 to 2");
      assertEquals(await owner.write(place, "a", "b"), "NONE");
      assertEquals(reader.handed, []);
      assertEquals(await owner.finish("commit"), "NONE");
      await reader.untilHanded(1);
      assertEquals(reader.handed, ["0: 2 a, 3 b"]);
      await reader.stop();
    },
  },
  {
    name: "member: seeks: back while it has a batch in hand, which is stale then",
    async run(platform) {
      const { topic, place } = await topicWith(platform, "a", "b");
      const stale: boolean[] = [];
      const reader = TestReader.start(platform, platform.freshName(), topic, (reader) => {
        reader.onBatch = (inHand) => {
          if (reader.handed.length === 1) {
            reader.member.seek(place, 1);
            stale.push(inHand.isStale());
          } else {
            stale.push(inHand.isStale());
            resolveAll(inHand);
          }
          return Promise.resolve();
        };
      });
      await reader.untilHanded(2);
      assertEquals(reader.handed, ["0: 0 a, 1 b", "0: 1 b"]);
      assertEquals(stale, [true, false]);
      await reader.stop();
    },
  },
  {
    name: "member: a paused partition is not read until it is resumed; others are",
    async run(platform) {
      const { topic, place, producer } = await topicWith(platform, "a");
      const reader = TestReader.start(platform, platform.freshName(), topic);
      await reader.untilHanded(1);
      reader.member.pause(place);
      // What is under way may still come: it brings nothing.
      assertEquals(await producer.produce({ topic, partition: 1 }, ["x"]), "NONE");
      await reader.untilHanded(2);
      assertEquals(await producer.produce(place, ["b"]), "NONE");
      assertEquals(await producer.produce({ topic, partition: 1 }, ["y"]), "NONE");
      await reader.untilHanded(3);
      assertEquals(reader.handed, ["0: 0 a", "1: 0 x", "1: 1 y"]);
      reader.member.resume(place);
      await reader.untilHanded(4);
      assertEquals(reader.handed[3], "0: 1 b");
      await reader.stop();
    },
  },
  {
    name: "member: an offset that the log does not have is told",
    async run(platform) {
      const { topic, place } = await topicWith(platform, "a", "b", "c");
      const group = platform.freshName();
      assertEquals(await commitOffset(platform, group, place, 1), "NONE");
      await platform.deleteRecords(place, 2);
      const reader = TestReader.start(platform, group, topic);
      await reader.untilTold("0: no 1");
      reader.member.seek(place, 2);
      reader.member.resume(place);
      await reader.untilHanded(1);
      assertEquals(reader.handed, ["0: 2 c"]);
      await reader.stop();
    },
  },
  {
    name: "member: another one joins: the first hears of it, and each has one partition",
    async run(platform) {
      const { topic, place, producer } = await topicWith(platform);
      const group = platform.freshName();
      const first = TestReader.start(platform, group, topic);
      await first.untilAssigned(0, 1);
      const second = TestReader.start(platform, group, topic);
      await until(
        "each has one",
        () => first.assigned?.length === 1 && second.assigned?.length === 1,
        20_000,
        20,
      );
      assert(first.told.includes("rebalancing"));
      assertEquals([...first.assigned!, ...second.assigned!].toSorted(), [0, 1]);
      assertEquals(await producer.produce(place, ["a"]), "NONE");
      const [owner, other] = first.assigned![0] === 0 ? [first, second] : [second, first];
      await owner.untilHanded(1);
      assertEquals([owner.handed, other.handed], [["0: 0 a"], []]);
      await owner.stop();
      await other.untilAssigned(0, 1);
      // Nothing was committed.
      await other.untilHanded(1);
      assertEquals(other.handed, ["0: 0 a"]);
      await other.stop();
    },
  },
  {
    name: "member: with a batch in hand it stays in the group, and hears that another one joins",
    async run(platform) {
      const { topic } = await topicWith(platform, "a");
      const group = platform.freshName();
      const lost = Promise.withResolvers<unknown>();
      let inHand: BatchInHand | undefined;
      const first = TestReader.start(platform, group, topic, (reader) => {
        reader.onBatch = async (given) => {
          if (inHand) return resolveAll(given);
          inHand = given;
          await reader.member.keepAlive(given, () => lost.promise.then(() => {}), lost.resolve);
        };
      }, 1_500);
      await first.untilHanded(1);
      const deadline = performance.now() + 1_800;
      await until("its session would be over", () => performance.now() > deadline);
      const second = TestReader.start(platform, group, topic);
      const { type } = await lost.promise as { type: string };
      assertEquals(type, "REBALANCE_IN_PROGRESS");
      await until(
        "each has one",
        () => first.assigned?.length === 1 && second.assigned?.length === 1,
        20_000,
        20,
      );
      await Promise.all([first.stop(), second.stop()]);
    },
  },
  {
    name: "member: offsets of a transaction are where the next one begins",
    async run(platform) {
      const { client, freshName } = platform;
      const { topic, place } = await topicWith(platform, "a", "b");
      const group = freshName();
      const first = TestReader.start(platform, group, topic);
      await first.untilHanded(1);
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.addOffsets(group), "NONE");
      assertEquals(await owner.commitOffset(group, place, 1), "NONE");
      assertEquals(await owner.finish("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place), 1);
      await first.stop();
      const second = TestReader.start(platform, group, topic);
      await second.untilHanded(1);
      assertEquals(second.handed, ["0: 1 b"]);
      await second.stop();
    },
  },
];
