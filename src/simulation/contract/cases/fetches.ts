/** Fetches: how much they bring, and how long they wait. */
import { assertEquals } from "@std/assert";
import { nameOf } from "../client.ts";
import type { Case } from "../contract.ts";
import { committed } from "../log.ts";
import { TestProducer } from "../producer.ts";

export const FETCHES: readonly Case[] = [
  {
    name: "Fetch: the first batch whatever its size, then as many as there is room for",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const plain = await TestProducer.open(platform.client, null);
      for (let i = 0; i < 4; i++) {
        assertEquals(await plain.produce(place, [`${i}`.repeat(1_000)]), "NONE");
      }
      const read = async (offset: number, maxBytes: number) => {
        const { records } = await platform.fetch(place, offset, { maxBytes });
        return records.filter(({ offset }) => Number(offset) >= 0).map(({ offset }) => offset);
      };
      assertEquals(await read(0, 10), [0]);
      assertEquals(await read(1, 1_500), [1]);
      assertEquals(await read(1, 2_500), [1, 2]);
      assertEquals(await read(0, 1_000_000), [0, 1, 2, 3]);
    },
  },
  {
    name: "Fetch: from the middle of a batch brings the whole batch",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const plain = await TestProducer.open(platform.client, null);
      assertEquals(await plain.produce(place, ["a", "b", "c"]), "NONE");
      const { records } = await platform.fetch(place, 2);
      assertEquals(records.map(({ offset }) => offset), [0, 1, 2]);
      assertEquals(await committed(platform, place, 2), ["2 c"]);
    },
  },
  {
    name: "Fetch: waits for a record, and not longer than it may",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const reader = await platform.connect();
      const plain = await TestProducer.open(platform.client, null);
      const nothing = await platform.fetch(place, 0, { client: reader, maxWaitMs: 200 });
      assertEquals(nothing.records, []);
      const waiting = platform.fetch(place, 0, { client: reader, maxWaitMs: 10_000 });
      assertEquals(await plain.produce(place, ["a"]), "NONE");
      assertEquals((await waiting).records.map(({ offset }) => offset), [0]);
    },
  },
  {
    name: "Fetch: waits for the end of a transaction",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const reader = await platform.connect();
      await reader.leaderOf(place);
      const owner = await TestProducer.open(client, freshName());
      let answered = false;
      const waiting = platform.fetch(place, 0, { client: reader, maxWaitMs: 10_000 })
        .finally(() => answered = true);
      assertEquals(await owner.write(place, "a"), "NONE");
      const plain = await TestProducer.open(client, null);
      assertEquals(await plain.produce(place, ["b"]), "NONE");
      assertEquals(answered, false);
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals((await waiting).records.map(({ offset }) => offset), [0, 1, 2]);
    },
  },
  {
    name: "Fetch: what is not there",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(1);
      const node = await client.leaderOf({ topic, partition: 0 });
      const code = async (place: { topic: string; partition: number }) =>
        nameOf((await platform.fetch(place, 0, { node })).code);
      assertEquals([
        await code({ topic, partition: 0 }),
        await code({ topic, partition: 1 }),
        await code({ topic: freshName(), partition: 0 }),
      ], ["NONE", "UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION"]);
    },
  },
  {
    name: "a connection is answered in order: what comes behind a fetch that waits, waits",
    async run(platform) {
      const { client } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const reader = await platform.connect();
      const node = await client.leaderOf(place);
      await reader.leaderOf(place);
      const order: string[] = [];
      await platform.fetch(place, 0, { client: reader, node }); // it is connected then
      const fetched = (name: string, maxWaitMs: number) =>
        platform.fetch(place, 0, { client: reader, node, maxWaitMs }).then(() => order.push(name));
      await Promise.all([fetched("waits", 400), fetched("at once", 0)]);
      assertEquals(order, ["waits", "at once"]);
    },
  },
];
