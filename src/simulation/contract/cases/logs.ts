/** What readers are given: committed records up to the last stable offset, of a log that may have lost its beginning. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { until } from "../../../runtime/until.ts";
import { createLogStates } from "../../../kafka/log_watch/log_states.ts";
import { countPartitions } from "../../../kafka/partition_counts.ts";
import { nameOf, patiently } from "../client.ts";
import type { Case } from "../contract.ts";
import { committed, ends, stable, written } from "../log.ts";
import { TestProducer } from "../producer.ts";
import type { Platform } from "../platform.ts";
import type { TopicPartition } from "../../../kafka/protocol/requests.ts";

async function stableEnd(platform: Platform, place: TopicPartition) {
  const { highWatermark, lastStableOffset } = await platform.fetch(place, 0);
  return { highWatermark, lastStableOffset };
}

export const LOGS: readonly Case[] = [
  {
    name: "read committed: not while the transaction is open, and then at once",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const plain = await TestProducer.open(client, null);
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await plain.produce(place, ["before"]), "NONE");
      assertEquals(await owner.write(place, "a", "b"), "NONE");
      assertEquals(await plain.produce(place, ["behind"]), "NONE");
      assertEquals(await committed(platform, place), ["0 before"]);
      assertEquals(await committed(platform, place, 1), []);
      assertEquals(await stableEnd(platform, place), { highWatermark: 4, lastStableOffset: 1 });
      assertEquals(await owner.end("commit"), "NONE");
      await stable(platform, place);
      assertEquals(await committed(platform, place), ["0 before", "1 a", "2 b", "3 behind"]);
      assertEquals(await stableEnd(platform, place), { highWatermark: 5, lastStableOffset: 5 });
    },
  },
  {
    name: "read committed: an aborted transaction is named, and its records are left to the reader",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      for (const [value, how] of [["a", "abort"], ["b", "commit"], ["c", "abort"]] as const) {
        assertEquals(await owner.write(place, value), "NONE");
        assertEquals(await owner.end(how), "NONE");
        await stable(platform, place);
      }
      const producerId = String(owner.identity.producerId);
      const { aborted, records } = await platform.fetch(place, 0);
      assertEquals(aborted.map(({ producerId, firstOffset }) => [producerId, firstOffset]), [
        [producerId, "0"],
        [producerId, "4"],
      ]);
      assertEquals(records.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5]);
      assertEquals(await committed(platform, place), ["2 b"]);
      // From its middle on, too.
      assertEquals(
        (await platform.fetch(place, 5)).aborted.map((each) => each.firstOffset),
        ["4"],
      );
    },
  },
  {
    name: "read committed: of two that overlap, the first holds the other up",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const first = await TestProducer.open(client, freshName());
      const second = await TestProducer.open(client, freshName());
      assertEquals(await first.write(place, "a"), "NONE");
      assertEquals(await second.write(place, "b"), "NONE");
      assertEquals(await first.produce(place, ["c"]), "NONE");
      assertEquals(await second.end("commit"), "NONE");
      await until("its marker", async () => (await written(platform, place)).length === 4);
      assertEquals(await committed(platform, place), []);
      assertEquals((await stableEnd(platform, place)).lastStableOffset, 0);
      assertEquals(await first.end("abort"), "NONE");
      await stable(platform, place);
      assertEquals(await written(platform, place), [
        "0 a",
        "1 b",
        "2 c",
        "3 COMMIT",
        "4 ABORT",
      ]);
      assertEquals(await committed(platform, place), ["1 b"]);
    },
  },
  {
    name: "a control record takes an offset",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      for (const how of ["commit", "abort", "commit"] as const) {
        assertEquals(await owner.write(place, "a"), "NONE");
        assertEquals(await patiently(() => owner.end(how)), "NONE");
      }
      await stable(platform, place);
      assertEquals(await committed(platform, place), ["0 a", "4 a"]);
      assertEquals(await ends(platform, place), [0, 6]);
    },
  },
  {
    name: "ListOffsets: the end, as our clients ask for it, is behind open transactions",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      assertEquals(await ends(platform, place), [0, 0]);
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "a", "b"), "NONE");
      assertEquals(await ends(platform, place), [0, 2]);
      assertEquals(await owner.end("commit"), "NONE");
      await stable(platform, place);
      assertEquals(await ends(platform, place), [0, 3]);
    },
  },
  {
    name: "Fetch: at the end nothing, behind it and of what is not there an error",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const plain = await TestProducer.open(client, null);
      assertEquals(await plain.produce(place, ["a"]), "NONE");
      const at = async (offset: number) => {
        const { code, records } = await platform.fetch(place, offset);
        return [nameOf(code), records.length];
      };
      assertEquals([await at(0), await at(1), await at(2)], [
        ["NONE", 1],
        ["NONE", 0],
        ["OFFSET_OUT_OF_RANGE", 0],
      ]);
      assertNotEquals(freshName(), freshName());
    },
  },
  {
    name: "deleted records: the log begins behind them, and an offset before is out of range",
    async run(platform) {
      const { client } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const plain = await TestProducer.open(client, null);
      for (const value of ["a", "b", "c"]) {
        assertEquals(await plain.produce(place, [value]), "NONE");
      }
      await platform.deleteRecords(place, 2);
      assertEquals(await ends(platform, place), [2, 3]);
      assertEquals(
        nameOf((await platform.fetch(place, 1)).code),
        "OFFSET_OUT_OF_RANGE",
      );
      const answer = await platform.fetch(place, 2);
      assertEquals([answer.code, answer.logStart], [0, 2]);
      assertEquals(await committed(platform, place, 2), ["2 c"]);
      // The producer goes on, and its copies are still known.
      assertEquals([
        await plain.produce(place, ["a"], { sequence: 0 }),
        await plain.produce(place, ["d"]),
      ], ["NONE", "NONE"]);
      assertEquals(await ends(platform, place), [2, 4]);
      await platform.deleteRecords(place, 4);
      assertEquals(await ends(platform, place), [4, 4]);
      assertEquals(nameOf((await platform.fetch(place, 4)).code), "NONE");
    },
  },
  {
    name: "a topic that is created anew: another id, an empty log, no producers",
    async run(platform) {
      const { client } = platform;
      const topic = await platform.createTopic(1);
      const place = { topic, partition: 0 };
      const logs = createLogStates(platform.source);
      const idNow = async () => (await logs.topicIds([topic]))?.get(topic);
      try {
        const id = await idNow();
        const plain = await TestProducer.open(client, null);
        assertEquals(await plain.produce(place, ["a"]), "NONE");
        await platform.deleteTopic(topic);
        await until("it is gone", async () => await idNow() === undefined);
        await platform.createTopic(1, topic);
        await until("it is there again", async () => await idNow() !== undefined);
        assertNotEquals(await idNow(), id);
        assertEquals(await ends(platform, place), [0, 0]);
        // Sequence 0 was written before; 1 is no gap.
        assertEquals(await plain.produce(place, ["b"], { sequence: 1 }), "NONE");
        assertEquals(await written(platform, place), ["0 b"]);
      } finally {
        await logs.close();
      }
    },
  },
  {
    name: "Metadata: of topics that are there, and of those that are not",
    async run(platform) {
      const { client, freshName } = platform;
      const [topic, unknown] = [await platform.createTopic(2), freshName()];
      const logs = createLogStates(platform.source);
      try {
        assertEquals([...(await logs.topicIds([topic, unknown]))!.keys()], [topic]);
      } finally {
        await logs.close();
      }
      const count = async () => {
        const counts = await countPartitions(client.cluster, [topic, unknown]);
        return [counts.get(topic), counts.get(unknown)];
      };
      assertEquals(await count(), [2, 0]);
      await platform.addPartitions(topic, 3);
      await until("they are known", async () => (await count())[0] === 3);
      const plain = await TestProducer.open(client, null);
      assertEquals(await plain.produce({ topic, partition: 2 }, ["a"]), "NONE");
      assertEquals(await ends(platform, { topic, partition: 2 }), [0, 1]);
    },
  },
];
