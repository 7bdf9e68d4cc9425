/** Requests that come late: right after EndTxn, after a time-out, of a topic that is gone. */
import { assert, assertEquals } from "@std/assert";
import { until } from "../../../runtime/until.ts";
import { produceRequest } from "../../../kafka/protocol/requests.ts";
import { nameOf, patiently } from "../client.ts";
import type { Case } from "../contract.ts";
import { committed, written } from "../log.ts";
import { commitOffset, offsetsOf, stableOffset } from "../offsets.ts";
import { SHORT_MS } from "../platform.ts";
import { initProducerId, TestProducer } from "../producer.ts";

const oneOf = (answer: string, ...expected: string[]) =>
  assert(expected.includes(answer), `${answer} is none of ${expected}`);

export const LATE: readonly Case[] = [
  {
    name: "right after EndTxn: what was not added is refused, or to be asked again",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(2);
      const [place, other] = [{ topic, partition: 0 }, { topic, partition: 1 }];
      const group = freshName();
      const owner = await TestProducer.open(client, freshName());
      for (let i = 0; i < 5; i++) {
        assertEquals(await owner.write(place, "a"), "NONE");
        assertEquals(await owner.end("commit"), "NONE");
        const [written, committed] = await Promise.all([
          owner.produce(other, ["late"], { sequence: 0 }),
          owner.commitOffset(group, place, 1),
        ]);
        oneOf(written, "INVALID_TXN_STATE", "NOT_ENOUGH_REPLICAS");
        oneOf(committed, "INVALID_TXN_STATE", "CONCURRENT_TRANSACTIONS");
        assertEquals(await owner.finish("commit"), "NONE");
      }
      assertEquals(await written(platform, other), []);
      assertEquals(await offsetsOf(platform, group, place), { unstable: -1, stable: -1 });
    },
  },
  {
    name: "right after EndTxn: an old owner is fenced, or to ask again",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const old = await TestProducer.open(client, freshName());
      const owner = await TestProducer.open(client, old.id);
      const fenced = ["INVALID_PRODUCER_EPOCH", "CONCURRENT_TRANSACTIONS"];
      const ways = ["commit", "abort"] as const;
      for (let i = 0; i < 5; i++) {
        assertEquals(await owner.write(place, "a"), "NONE");
        assertEquals(await owner.end("commit"), "NONE");
        oneOf(await old.add(place), ...fenced);
        for (const how of ways) assertEquals(await old.end(how), "INVALID_PRODUCER_EPOCH");
        oneOf(await old.addOffsets(freshName()), ...fenced);
        assertEquals(await owner.finish("commit"), "NONE");
      }
    },
  },
  {
    name: "InitProducerId right after EndTxn: the commit stands",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const id = freshName();
      for (let i = 0; i < 5; i++) {
        const owner = await TestProducer.open(client, id);
        assertEquals(owner.epoch, i);
        assertEquals(await owner.write(place, `${i}`), "NONE");
        assertEquals(await owner.end("commit"), "NONE");
      }
      await TestProducer.open(client, id);
      const expected = ["0 0", "2 1", "4 2", "6 3", "8 4"];
      assertEquals(await committed(platform, place), expected);
    },
  },
  {
    name: "InitProducerId: while a transaction is being ended it is to be asked again",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "a"), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      const { codes: [code] } = await initProducerId(client, owner.id, 60_000);
      oneOf(nameOf(code), "NONE", "CONCURRENT_TRANSACTIONS");
      await TestProducer.open(client, owner.id);
      assertEquals(await committed(platform, place), ["0 a"]);
    },
  },
  {
    name: "the time-out: only of what is open, and not put off by writes",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const group = freshName();
      const owner = await TestProducer.open(client, freshName(), SHORT_MS);
      assertEquals(await owner.write(place, "a"), "NONE");
      assertEquals(await owner.finish("commit"), "NONE");
      const deadline = performance.now() + 1.3 * SHORT_MS;
      await until("it would be over", () => performance.now() > deadline);
      assertEquals(await patiently(() => owner.addOffsets(group)), "NONE");
      let answer = "NONE";
      await until("it is over", async () => {
        answer = await owner.commitOffset(group, place, 1);
        return answer !== "NONE";
      });
      oneOf(answer, "INVALID_PRODUCER_EPOCH", "INVALID_TXN_STATE", "CONCURRENT_TRANSACTIONS");
      assertEquals(await stableOffset(platform, group, place), -1);
      assertEquals(await patiently(() => owner.end("commit")), "INVALID_PRODUCER_EPOCH");
    },
  },
  {
    name: "InitProducerId: a time-out of 0 is refused",
    async run({ client, freshName }) {
      const { codes: [code] } = await initProducerId(client, freshName(), 0);
      assertEquals(nameOf(code), "INVALID_TRANSACTION_TIMEOUT");
    },
  },
  {
    name: "Produce: each partition is answered by itself",
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(1);
      const place = { topic, partition: 0 };
      const other = { topic: freshName(), partition: 0 };
      const plain = await TestProducer.open(client, null);
      const batches = [place, other].map((each) => ({ ...each, bytes: plain.batch(each, ["a"]) }));
      const answer = await client.toLeader(place, produceRequest(null, 5_000, batches));
      const codes = new Map(answer.map(({ topic, code }) => [topic, nameOf(code)]));
      assertEquals(codes.get(topic), "NONE");
      assertEquals(codes.get(other.topic), "UNKNOWN_TOPIC_OR_PARTITION");
      assertEquals(await committed(platform, place), ["0 a"]);
    },
  },
  {
    name: "a topic is deleted in a transaction: it commits what is left, and the next one begins",
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const gone = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "a"), "NONE");
      assertEquals(await owner.write(gone, "b"), "NONE");
      const node = await client.leaderOf(gone);
      await platform.deleteTopic(gone.topic);
      assertEquals(await owner.produce(gone, ["c"], {}, node), "UNKNOWN_TOPIC_OR_PARTITION");
      assertEquals(await owner.add(gone), "UNKNOWN_TOPIC_OR_PARTITION");
      assertEquals(await owner.finish("commit"), "NONE");
      assertEquals(await committed(platform, place), ["0 a"]);
      assertEquals(await owner.write(place, "d"), "NONE");
    },
  },
  {
    name: "offsets of a topic that is not there: not to be committed, and gone with it",
    async run(platform) {
      const { client, freshName } = platform;
      const [place, group] = [{ topic: await platform.createTopic(1), partition: 0 }, freshName()];
      const unknown = { topic: freshName(), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await commitOffset(platform, group, place, 3), "NONE");
      assertEquals(await commitOffset(platform, group, unknown, 3), "UNKNOWN_TOPIC_OR_PARTITION");
      assertEquals(await owner.addOffsets(group), "NONE");
      assertEquals(await owner.commitOffset(group, unknown, 3), "UNKNOWN_TOPIC_OR_PARTITION");
      assertEquals(await owner.finish("commit"), "NONE");
      await platform.deleteTopic(place.topic);
      await until(
        "its offsets are gone",
        async () => (await offsetsOf(platform, group, place)).stable === -1,
      );
    },
  },
  {
    name: "OffsetCommit: of members of a group that has none",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const group = platform.freshName();
      const stranger = { generation: 1, memberId: "stranger" };
      assertEquals(await commitOffset(platform, group, place, 1, stranger), "ILLEGAL_GENERATION");
      assertEquals(await commitOffset(platform, group, place, 1), "NONE");
      assertEquals(await commitOffset(platform, group, place, 1, stranger), "UNKNOWN_MEMBER_ID");
    },
  },
];
