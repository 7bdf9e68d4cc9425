/** Transactional ids: their epochs, their fences, and how a transaction ends. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { until } from "../../../runtime/until.ts";
import { addPartitionsToTxnRequest } from "../../../kafka/protocol/requests.ts";
import { firstOf, nameOf, patiently } from "../client.ts";
import type { Case } from "../contract.ts";
import { committed, stable, written } from "../log.ts";
import { SHORT_MS } from "../platform.ts";
import { initProducerId, TestProducer } from "../producer.ts";

export const TRANSACTIONS: readonly Case[] = [
  {
    name: "InitProducerId: a new id begins with the epoch 0, each other raises it by one",
    async run({ client, freshName }) {
      const id = freshName();
      const owners: TestProducer[] = [];
      for (let i = 0; i < 3; i++) owners.push(await TestProducer.open(client, id));
      assertEquals(owners.map(({ epoch }) => epoch), [0, 1, 2]);
      assertEquals(new Set(owners.map(({ identity }) => identity.producerId)).size, 1);
      const other = await TestProducer.open(client, freshName());
      assertEquals(other.epoch, 0);
      assertNotEquals(other.identity.producerId, owners[0]!.identity.producerId);
    },
  },
  {
    name: "InitProducerId: without an id each producer has one of its own, and the epoch 0",
    async run({ client }) {
      const [a, b] = [await TestProducer.open(client, null), await TestProducer.open(client, null)];
      assertEquals([a.epoch, b.epoch], [0, 0]);
      assertNotEquals(a.identity.producerId, b.identity.producerId);
    },
  },
  {
    name: "InitProducerId: a time-out above the broker's limit is refused",
    async run({ client, freshName }) {
      const { codes } = await initProducerId(client, freshName(), 900_001);
      assertEquals(firstOf(codes), "INVALID_TRANSACTION_TIMEOUT");
    },
  },
  {
    name: "InitProducerId: ends the old owner's transaction first, and raises the epoch by two",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const old = await TestProducer.open(client, freshName());
      assertEquals(await old.write(place, "a", "b"), "NONE");
      // The first answer says that it is being ended.
      const { codes } = await initProducerId(client, old.id, 60_000);
      assertEquals(firstOf(codes), "CONCURRENT_TRANSACTIONS");
      const owner = await TestProducer.open(client, old.id);
      assertEquals(owner.epoch, 2);
      // The fence is over when it is answered: nothing is open any more.
      assertEquals(await written(platform, place), ["0 a", "1 b", "2 ABORT"]);
      assertEquals(await committed(platform, place), []);
    },
  },
  {
    name: "an old owner is refused in each of its requests",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(2);
      const [place, other] = [{ topic, partition: 0 }, { topic, partition: 1 }];
      const group = freshName();
      const old = await TestProducer.open(client, freshName());
      assertEquals(await old.write(place, "old"), "NONE");
      const owner = await TestProducer.open(client, old.id);
      const answers = async () => [
        await patiently(() => old.add(other)),
        await old.produce(place, ["late"]),
        await old.produce(other, ["late"]),
        await patiently(() => old.addOffsets(group)),
        await old.commitOffset(group, place, 1),
        await patiently(() => old.end("commit")),
        await patiently(() => old.end("abort")),
      ];
      const refused = new Array(7).fill("INVALID_PRODUCER_EPOCH");
      assertEquals(await answers(), refused);
      assertEquals(await owner.write(place, "new"), "NONE");
      assertEquals(await answers(), refused);
      assertEquals(await owner.finish("commit"), "NONE");
      assertEquals(await answers(), refused);
      await stable(platform, place);
      assertEquals(await committed(platform, place), ["2 new"]);
    },
  },
  {
    name:
      "what an id does not have is refused: an unknown id, another's producer id, a future epoch",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const { id, identity } = await TestProducer.open(client, freshName());
      const { producerId, producerEpoch } = identity;
      const ask = (id: string, producerId: bigint, producerEpoch: number) =>
        new TestProducer(client, id, { producerId, producerEpoch });
      assertEquals([
        await ask(freshName(), producerId, 0).add(place),
        await ask(id!, producerId + 1_000n, producerEpoch).add(place),
        await ask(id!, producerId, producerEpoch + 1).add(place),
        await ask(freshName(), producerId, 0).end("commit"),
        await ask(id!, producerId + 1_000n, producerEpoch).end("commit"),
        await ask(id!, producerId, producerEpoch + 1).end("commit"),
      ], [
        "INVALID_PRODUCER_ID_MAPPING",
        "INVALID_PRODUCER_ID_MAPPING",
        "INVALID_PRODUCER_EPOCH",
        "INVALID_PRODUCER_ID_MAPPING",
        "INVALID_PRODUCER_ID_MAPPING",
        "INVALID_PRODUCER_EPOCH",
      ]);
    },
  },
  {
    name: "AddPartitionsToTxn: one partition that is not there, and no other is added",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(1);
      const owner = await TestProducer.open(client, freshName());
      const request = addPartitionsToTxnRequest(owner.id!, owner.identity, [
        { topic, partition: 0 },
        { topic: freshName(), partition: 0 },
      ]);
      const answer = await client.toCoordinator("transaction", owner.id!, request);
      const codes = answer.partitions!.map(({ topic: of, code }) => [of === topic, nameOf(code)]);
      assertEquals(
        new Map(codes as [boolean, string][]),
        new Map([
          [true, "OPERATION_NOT_ATTEMPTED"],
          [false, "UNKNOWN_TOPIC_OR_PARTITION"],
        ]),
      );
      assertEquals(await owner.end("commit"), "INVALID_TXN_STATE");
    },
  },
  ...(["commit", "abort"] as const).flatMap((first) =>
    (["commit", "abort"] as const).map((second): Case => ({
      name: `EndTxn: ${first}, then ${second}`,
      async run(platform) {
        const { client, freshName } = platform;
        const place = { topic: await platform.createTopic(1), partition: 0 };
        const owner = await TestProducer.open(client, freshName());
        assertEquals(await owner.write(place, "a"), "NONE");
        assertEquals(await owner.end(first), "NONE");
        const expected = first === second ? "NONE" : "INVALID_TXN_STATE";
        assertEquals(await patiently(() => owner.end(second)), expected);
        await stable(platform, place);
        assertEquals(await patiently(() => owner.end(second)), expected);
        assertEquals(await committed(platform, place), first === "commit" ? ["0 a"] : []);
        assertEquals(await written(platform, place), ["0 a", `1 ${first.toUpperCase()}`]);
      },
    }))
  ),
  {
    name: "EndTxn: without any transaction",
    async run({ client, freshName }) {
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.end("commit"), "INVALID_TXN_STATE");
      assertEquals(await owner.end("abort"), "INVALID_TXN_STATE");
    },
  },
  {
    name: "EndTxn: a commit whose answer nobody waits for is carried out once",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const opened = await TestProducer.open(client, freshName());
      const elsewhere = new TestProducer(await platform.connect(), opened.id, opened.identity);
      await elsewhere.end("commit"); // connects
      assertEquals(await opened.write(place, "a"), "NONE");
      const answers = await Promise.all([opened.end("commit"), elsewhere.end("commit")]);
      for (const answer of answers) assert(["NONE", "CONCURRENT_TRANSACTIONS"].includes(answer));
      assertEquals(await patiently(() => opened.end("commit")), "NONE");
      await stable(platform, place);
      assertEquals(await written(platform, place), ["0 a", "1 COMMIT"]);
    },
  },
  {
    name: "EndTxn: the next transaction waits for the markers of the last",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(3);
      const places = [0, 1, 2].map((partition) => ({ topic, partition }));
      const owner = await TestProducer.open(client, freshName());
      for (let i = 0; i < 5; i++) {
        assertEquals(await patiently(() => owner.add(...places)), "NONE");
        for (const place of places) assertEquals(await owner.produce(place, [`${i}`]), "NONE");
        assertEquals(await owner.end("commit"), "NONE");
        const [next] = places;
        const answer = await owner.add(next!);
        assert(["NONE", "CONCURRENT_TRANSACTIONS"].includes(answer));
        if (answer !== "NONE") assertEquals(await patiently(() => owner.add(next!)), "NONE");
        // All markers are there before the next one begins.
        for (const place of places) {
          assertEquals((await written(platform, place)).at(-1), `${2 * i + 1} COMMIT`);
        }
      }
      assertEquals(owner.epoch, 0);
    },
  },
  {
    name: "a transaction that was added to, and never written to, leaves a marker",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.add(place), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      await until("the marker", async () => (await written(platform, place)).length > 0);
      assertEquals(await written(platform, place), ["0 COMMIT"]);
    },
  },
  {
    name: "the time-out aborts a transaction, and fences its owner",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName(), SHORT_MS);
      assertEquals(await owner.write(place, "a"), "NONE");
      await until("the marker", async () => (await written(platform, place)).length > 1);
      assertEquals(await written(platform, place), ["0 a", "1 ABORT"]);
      assertEquals([
        await patiently(() => owner.end("commit")),
        await patiently(() => owner.add(place)),
        await owner.produce(place, ["b"]),
      ], ["INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_EPOCH"]);
      assertEquals((await TestProducer.open(client, owner.id)).epoch, 2);
    },
  },
];
