/** Several brokers: what survives a leader or a coordinator that moves, and what the old one answers. */
import { assert, assertEquals } from "@std/assert";
import { pause } from "../../../runtime/shutdown.ts";
import { until } from "../../../runtime/until.ts";
import { endTxnRequest, offsetFetchRequest } from "../../../kafka/protocol/requests.ts";
import { firstOf, nameOf, patiently } from "../client.ts";
import type { Case } from "../contract.ts";
import type { Platform } from "../platform.ts";
import { committed, stable, written } from "../log.ts";
import { loneMember } from "../member.ts";
import { commitOffset, offsetsOf, stableOffset } from "../offsets.ts";
import { TestProducer } from "../producer.ts";
import { heartbeatRequest } from "../requests.ts";

export const MOVES: readonly Case[] = [
  {
    name: "a leader moves: the old one refuses, sequences and copies are known to the new one",
    nodes: 3,
    async run(platform) {
      const { client } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const producer = await TestProducer.open(client, null);
      for (let i = 0; i < 6; i++) assertEquals(await producer.produce(place, [`${i}`]), "NONE");
      const old = await platform.moveLeader(place);
      const refused = await producer.produce(place, ["x"], { sequence: 6 }, old);
      assertEquals(refused, "NOT_LEADER_OR_FOLLOWER");
      assertEquals([
        await producer.produce(place, ["5"], { sequence: 5 }),
        await producer.produce(place, ["1"], { sequence: 1 }),
        await producer.produce(place, ["0"], { sequence: 0 }),
        await producer.produce(place, ["7"], { sequence: 7 }),
        await producer.produce(place, ["6"]),
      ], [
        "NONE",
        "NONE",
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        "OUT_OF_ORDER_SEQUENCE_NUMBER",
        "NONE",
      ]);
      assertEquals(await committed(platform, place), [0, 1, 2, 3, 4, 5, 6].map((i) => `${i} ${i}`));
    },
  },
  {
    name: "a leader moves: an open transaction goes on, and what was aborted stays so",
    nodes: 3,
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const aborted = await TestProducer.open(client, freshName());
      assertEquals(await aborted.write(place, "aborted"), "NONE");
      assertEquals(await aborted.finish("abort"), "NONE");
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(place, "a"), "NONE");
      await platform.moveLeader(place);
      assertEquals(await committed(platform, place), []);
      assertEquals(await owner.produce(place, ["b"]), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      await stable(platform, place);
      assertEquals(await committed(platform, place), ["2 a", "3 b"]);
      assertEquals((await written(platform, place)).length, 5);
    },
  },
  {
    name: "a leader is killed: what was acknowledged is there, and its producer goes on",
    nodes: 3,
    async run(platform) {
      const { client } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const old = await client.leaderOf(place);
      const id = await nameOn(platform, "transaction", (node) => node !== old);
      const owner = await TestProducer.open(client, id);
      assertEquals(await owner.write(place, "a"), "NONE");
      assertEquals(await owner.produce(place, ["b"]), "NONE");
      await platform.killNode(old);
      try {
        await client.untilLedBy(place, (node) => node >= 0 && node !== old);
        assertEquals(await owner.produce(place, ["b"], { sequence: 1 }), "NONE");
        assertEquals(await owner.produce(place, ["c"]), "NONE");
        assertEquals(await owner.end("commit"), "NONE");
        await stable(platform, place);
        assertEquals(await committed(platform, place), ["0 a", "1 b", "2 c"]);
      } finally {
        await platform.startNode(old);
      }
    },
  },
  {
    name: "a transaction's coordinator moves: the old one refuses, the new one goes on",
    nodes: 3,
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const owner = await TestProducer.open(client, freshName());
      const id = owner.id!;
      assertEquals(await owner.write(place, "a"), "NONE");
      const old = await platform.moveCoordinator("transaction", id);
      await eventually("NOT_COORDINATOR", async () => {
        const end = endTxnRequest(id, { ...owner.identity, producerEpoch: 9 }, true);
        return firstOf((await client.toNode(old, end)).codes);
      });
      assertEquals(await owner.produce(place, ["b"]), "NONE");
      assertEquals(await patiently(() => owner.end("commit")), "NONE");
      await stable(platform, place);
      assertEquals(await committed(platform, place), ["0 a", "1 b"]);
      assertEquals(await owner.write(place, "left open"), "NONE");
      await platform.moveCoordinator("transaction", id);
      const next = await TestProducer.open(client, id);
      assertEquals(next.epoch, 2);
      assertEquals(next.identity.producerId, owner.identity.producerId);
      // The old one may have begun to end it, so that there are two markers.
      assertEquals((await written(platform, place)).slice(0, 5), [
        "0 a",
        "1 b",
        "2 COMMIT",
        "3 left open",
        "4 ABORT",
      ]);
      assertEquals(await owner.add(place), "INVALID_PRODUCER_EPOCH");
    },
  },
  {
    name: "a transaction's coordinator moves right after EndTxn: the next one writes the markers",
    nodes: 3,
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(3);
      const places = [0, 1, 2].map((partition) => ({ topic, partition }));
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.add(...places), "NONE");
      for (const place of places) assertEquals(await owner.produce(place, ["a"]), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      const moved = platform.moveCoordinator("transaction", owner.id!);
      // The old one may have raised it, without an answer.
      assert((await TestProducer.open(client, owner.id)).epoch >= 1);
      await moved;
      for (const place of places) {
        assertEquals(await committed(platform, place), ["0 a"]);
        // Another coordinator may write it once more.
        assertEquals((await written(platform, place)).slice(0, 2), ["0 a", "1 COMMIT"]);
      }
    },
  },
  {
    name: "a group's coordinator moves: offsets and members are known to the new one",
    nodes: 3,
    async run(platform) {
      const { client, freshName } = platform;
      const topic = await platform.createTopic(2);
      const [place, other] = [{ topic, partition: 0 }, { topic, partition: 1 }];
      const member = await loneMember(platform, freshName());
      const { group } = member;
      assertEquals(await member.commit(place, 3), "NONE");
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.addOffsets(group), "NONE");
      assertEquals(await owner.commitOffset(group, place, 5), "NONE");
      const old = await platform.moveCoordinator("group", group);
      await eventually("NOT_COORDINATOR", async () => {
        const { codes } = await client.toNode(old, offsetFetchRequest(group, [place]));
        return firstOf(codes);
      });
      const heartbeat = heartbeatRequest(group, member.generation, member.memberId);
      assertEquals(nameOf((await client.toNode(old, heartbeat)).code), "NOT_COORDINATOR");
      const pending = { unstable: 3, stable: "UNSTABLE_OFFSET_COMMIT" };
      assertEquals(await offsetsOf(platform, group, place), pending);
      assertEquals(await member.heartbeat(), "NONE");
      assertEquals(await member.commit(other, 4), "NONE");
      assertEquals(await commitOffset(platform, group, other, 1), "UNKNOWN_MEMBER_ID");
      assertEquals(await owner.commitOffset(group, place, 6), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      assertEquals(await stableOffset(platform, group, place), 6);
      assertEquals(await offsetsOf(platform, group, other), { unstable: 4, stable: 4 });
      assertEquals(await member.leave(), "NONE");
    },
  },
  {
    name: "both coordinators are killed: the transaction commits its offsets through the next ones",
    nodes: 3,
    async run(platform) {
      const { client, freshName } = platform;
      const place = { topic: await platform.createTopic(1), partition: 0 };
      let [id, group, old] = [freshName(), freshName(), -1];
      await until(
        "both have the same coordinator",
        async () => {
          [id, group] = [freshName(), freshName()];
          old = await client.coordinatorOf("transaction", id);
          return await client.coordinatorOf("group", group) === old;
        },
        10_000,
        1,
      );
      const owner = await TestProducer.open(client, id);
      assertEquals(await owner.addOffsets(group), "NONE");
      assertEquals(await owner.commitOffset(group, place, 5), "NONE");
      await platform.killNode(old);
      try {
        assertEquals(await patiently(() => owner.end("commit")), "NONE");
        assertEquals(await stableOffset(platform, group, place), 5);
        assertEquals((await TestProducer.open(client, id)).epoch, 1);
      } finally {
        await platform.startNode(old);
      }
      assertEquals(await stableOffset(platform, group, place), 5);
    },
  },
];

/** A fresh name whose coordinator is on a node of that kind. */
async function nameOn(
  { client, freshName }: Platform,
  type: "group" | "transaction",
  fits: (node: number) => boolean,
): Promise<string> {
  let name = freshName();
  while (!fits(await client.coordinatorOf(type, name))) name = freshName();
  return name;
}

/** When what is asked has that answer. */
async function eventually(expected: string, ask: () => Promise<string>): Promise<void> {
  const deadline = performance.now() + 10_000;
  let answer = await ask();
  while (answer !== expected && performance.now() < deadline) {
    await pause(20);
    answer = await ask();
  }
  assertEquals(answer, expected);
}
