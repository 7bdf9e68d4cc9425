/** Idempotence: what a leader makes of a producer's epochs and sequence numbers. */
import { assert, assertEquals } from "@std/assert";
import { patiently } from "../client.ts";
import type { Case } from "../contract.ts";
import { committed, stable, written } from "../log.ts";
import { TestProducer } from "../producer.ts";

export const SEQUENCES: readonly Case[] = [
  {
    name: "sequences: a copy of one of the last five batches is acknowledged, and not written",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const producer = await TestProducer.open(platform.client, null);
      for (let i = 0; i < 6; i++) assertEquals(await producer.produce(place, [`${i}`]), "NONE");
      for (let sequence = 5; sequence >= 1; sequence--) {
        assertEquals(await producer.produce(place, [`${sequence}`], { sequence }), "NONE");
      }
      assertEquals((await written(platform, place)).length, 6);
    },
  },
  {
    name: "sequences: an older batch, a part of one, or more than one, is out of order",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const producer = await TestProducer.open(platform.client, null);
      for (let i = 0; i < 6; i++) assertEquals(await producer.produce(place, ["a", "b"]), "NONE");
      assertEquals([
        await producer.produce(place, ["a", "b"], { sequence: 0 }),
        await producer.produce(place, ["a"], { sequence: 10 }),
        await producer.produce(place, ["b"], { sequence: 11 }),
        await producer.produce(place, ["a", "b", "a", "b"], { sequence: 8 }),
      ], new Array(4).fill("OUT_OF_ORDER_SEQUENCE_NUMBER"));
      assertEquals((await written(platform, place)).length, 12);
    },
  },
  {
    name: "sequences: a gap is refused, and what comes next is not",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const producer = await TestProducer.open(platform.client, null);
      assertEquals([
        await producer.produce(place, ["a"]),
        await producer.produce(place, ["c"], { sequence: 2 }),
        await producer.produce(place, ["b"], { sequence: 1 }),
        await producer.produce(place, ["c"], { sequence: 2 }),
      ], ["NONE", "OUT_OF_ORDER_SEQUENCE_NUMBER", "NONE", "NONE"]);
      assertEquals(await written(platform, place), ["0 a", "1 b", "2 c"]);
    },
  },
  {
    name: "sequences: each partition has its own",
    async run(platform) {
      const topic = await platform.createTopic(2);
      const producer = await TestProducer.open(platform.client, null);
      for (const sequence of [0, 1]) {
        for (const partition of [0, 1]) {
          assertEquals(await producer.produce({ topic, partition }, ["a"], { sequence }), "NONE");
        }
      }
    },
  },
  {
    name: "sequences: a producer that the leader does not know may begin anywhere",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const producer = await TestProducer.open(platform.client, null);
      assertEquals(await producer.produce(place, ["a"], { sequence: 7 }), "NONE");
      assertEquals(
        await producer.produce(place, ["a"], { sequence: 9 }),
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
      );
    },
  },
  {
    name: "sequences: a transactional producer that the leader does not know may begin anywhere",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(platform.client, platform.freshName());
      assertEquals(await owner.add(place), "NONE");
      assertEquals(await owner.produce(place, ["a"], { sequence: 7 }), "NONE");
    },
  },
  {
    name: "sequences: of a batch that was refused before it was added, none later is written",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(platform.client, platform.freshName());
      assertEquals(await owner.produce(place, ["a"], { sequence: 0 }), "INVALID_TXN_STATE");
      assertEquals(await owner.add(place), "NONE");
      assertEquals([
        await owner.produce(place, ["b"], { sequence: 1 }),
        await owner.produce(place, ["a"], { sequence: 0 }),
        await owner.produce(place, ["b"], { sequence: 1 }),
      ], ["OUT_OF_ORDER_SEQUENCE_NUMBER", "NONE", "NONE"]);
    },
  },
  {
    name: "sequences: go on from one transaction to the next, and begin at 0 in each epoch",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      for (const value of ["a", "b"]) {
        assertEquals(await owner.write(place, value), "NONE");
        assertEquals(await patiently(() => owner.end("commit")), "NONE");
      }
      const next = await TestProducer.open(client, owner.id);
      assertEquals(await patiently(() => next.add(place)), "NONE");
      assertEquals([
        await next.produce(place, ["c"], { sequence: 2 }),
        await next.produce(place, ["c"], { sequence: 0 }),
        await next.produce(place, ["d"], { sequence: 1 }),
      ], ["OUT_OF_ORDER_SEQUENCE_NUMBER", "NONE", "NONE"]);
      assertEquals(await next.end("commit"), "NONE");
      await stable(platform, place);
      assertEquals(await committed(platform, place), ["0 a", "2 b", "4 c", "5 d"]);
    },
  },
  {
    name: "sequences: those of a batch that was aborted count",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "a"), "NONE");
      assertEquals(await patiently(() => owner.end("abort")), "NONE");
      assertEquals(await patiently(() => owner.add(place)), "NONE");
      assertEquals([
        await owner.produce(place, ["b"], { sequence: 2 }),
        await owner.produce(place, ["b"], { sequence: 1 }),
      ], ["OUT_OF_ORDER_SEQUENCE_NUMBER", "NONE"]);
    },
  },
  {
    name: "a transactional batch of a partition that was not added is refused",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(2);
      const [added, other] = [{ topic, partition: 0 }, { topic, partition: 1 }];
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.produce(other, ["a"], { sequence: 0 }), "INVALID_TXN_STATE");
      assertEquals(await owner.write(added, "a"), "NONE");
      assertEquals(await owner.produce(other, ["a"], { sequence: 0 }), "INVALID_TXN_STATE");
      assertEquals(await owner.finish("commit"), "NONE");
      // A late one, of the transaction that has ended, and a copy of what was written.
      assertEquals([
        await owner.produce(added, ["b"], { sequence: 1 }),
        await owner.produce(added, ["a"], { sequence: 0 }),
      ], ["INVALID_TXN_STATE", "INVALID_TXN_STATE"]);
      assertEquals(await written(platform, added), ["0 a", "1 COMMIT"]);
      assertEquals(await written(platform, other), []);
    },
  },
  {
    name: "a batch right after EndTxn is of the transaction that ends, or refused",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "a"), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      const late = await owner.produce(place, ["late"]);
      assert(["NONE", "INVALID_TXN_STATE", "NOT_ENOUGH_REPLICAS"].includes(late), late);
      assertEquals(await owner.finish("commit"), "NONE");
      await stable(platform, place);
      const expected = late === "NONE" ? ["0 a", "1 late"] : ["0 a"];
      assertEquals(await committed(platform, place), expected);
    },
  },
  {
    name: "a batch outside the transaction that its producer has open is refused",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "a"), "NONE");
      const plain = await owner.produce(place, ["b"], { transactional: false });
      assertEquals(plain, "INVALID_TXN_STATE");
    },
  },
  {
    name: "Produce: a partition that is not there",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(1);
      const producer = await TestProducer.open(client, null);
      const node = await client.leaderOf({ topic, partition: 0 });
      assertEquals([
        await producer.produce({ topic, partition: 1 }, ["a"], {}, node),
        await producer.produce({ topic: freshName(), partition: 0 }, ["a"], {}, node),
      ], ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION"]);
    },
  },
];
