/** Leader epochs: which there are, and where the records of each end. */
import { assert, assertEquals } from "@std/assert";
import { endOfEpochRequest, idsRequest } from "../../../kafka/log_watch/log_states.ts";
import type { TopicPartition } from "../../../kafka/protocol/requests.ts";
import { firstOf } from "../client.ts";
import type { Case } from "../contract.ts";
import type { Platform } from "../platform.ts";
import { TestProducer } from "../producer.ts";

/** Of its present leader. */
async function epochOf({ client }: Platform, place: TopicPartition): Promise<number> {
  const answer = await client.toLeader(place, idsRequest([place.topic]));
  const [topic] = answer.topics;
  return topic!.partitions.find(({ partition }) => partition === place.partition)!.leaderEpoch;
}

/** The code, and where the records of `epoch` end. @param current the newest that the asker knows of */
async function endOf(
  { client }: Platform,
  place: TopicPartition,
  epoch: number,
  current = -1,
) {
  const request = endOfEpochRequest(place, epoch, current);
  const { codes, end } = await client.toLeader(place, request);
  return [firstOf(codes), end];
}

export const EPOCHS: readonly Case[] = [
  {
    name: "OffsetForLeaderEpoch: of the first leader",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const epoch = await epochOf(platform, place);
      assertEquals(await endOf(platform, place, epoch), ["NONE", 0]);
      const producer = await TestProducer.open(platform.client, null);
      assertEquals(await producer.produce(place, ["a", "b"]), "NONE");
      assertEquals(await endOf(platform, place, epoch, epoch), ["NONE", 2]);
      assertEquals(await endOf(platform, place, epoch + 1, epoch), ["NONE", -1]);
      assertEquals(await endOf(platform, place, epoch, epoch + 1), ["UNKNOWN_LEADER_EPOCH", -1]);
    },
  },
  {
    name: "a leader moves: epochs tell where its records end",
    nodes: 3,
    async run(platform) {
      const { client } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const producer = await TestProducer.open(client, null);
      assertEquals(await producer.produce(place, ["a", "b"]), "NONE");
      const before = await epochOf(platform, place);
      assertEquals(await endOf(platform, place, before), ["NONE", 2]);
      await platform.moveLeader(place);
      const after = await epochOf(platform, place);
      assert(after > before);
      assertEquals(await producer.produce(place, ["c"]), "NONE");
      assertEquals([
        await endOf(platform, place, before, after),
        await endOf(platform, place, after, after),
        await endOf(platform, place, after + 1, after),
        await endOf(platform, place, before, before),
        await endOf(platform, place, after, after + 1),
        await endOf(platform, place, after),
      ], [
        ["NONE", 2],
        ["NONE", 3],
        ["NONE", -1],
        ["FENCED_LEADER_EPOCH", -1],
        ["UNKNOWN_LEADER_EPOCH", -1],
        ["NONE", 3],
      ]);
    },
  },
];
