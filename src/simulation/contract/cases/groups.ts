/** Consumer groups: their generations, and what is refused to members of an older one. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { describeGroupRequest } from "../../../kafka/protocol/coordinator_requests.ts";
import { until } from "../../../runtime/until.ts";
import { firstOf } from "../client.ts";
import type { Case } from "../contract.ts";
import { committed, stable } from "../log.ts";
import { loneMember, rebalancing, TestMember } from "../member.ts";
import { offsetsOf, stableOffset } from "../offsets.ts";
import { SHORT_MS } from "../platform.ts";
import { TestProducer } from "../producer.ts";

const WAIT = { limitMs: 10_000, everyMs: 20 };

export const GROUPS: readonly Case[] = [
  {
    name: "group: the first member leads generation 1, and joins alone raise it",
    async run(platform) {
      const member = await TestMember.connect(platform, platform.freshName());
      assertEquals(await member.join(), "NONE");
      assertEquals([member.generation, member.leads, member.members], [1, true, [member.memberId]]);
      // Nothing is assigned yet.
      assertEquals(await member.sync(), member.own);
      assertEquals(await member.heartbeat(), "NONE");
      const { memberId } = member;
      assertEquals(await member.join(), "NONE");
      assertEquals([member.generation, member.memberId], [2, memberId]);
      assertEquals(await member.sync(), member.own);
    },
  },
  {
    name: "group: another member joins: the first hears of it, and both have the next generation",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const first = await loneMember(platform, platform.freshName());
      const second = await TestMember.connect(platform, first.group);
      const joined = second.join();
      await rebalancing(first);
      // Until it joins again it may commit what it has.
      assertEquals(await first.commit(place, 3), "NONE");
      assertEquals(await first.join(), "NONE");
      assertEquals(await joined, "NONE");
      assertEquals([first.generation, second.generation], [2, 2]);
      assertEquals([first.leaderId, second.leaderId], [first.memberId, first.memberId]);
      assertEquals(first.members, [first.memberId, second.memberId].toSorted());
      assertEquals(second.members, []);
      // The follower is answered when the leader has assigned.
      const assigned = second.sync();
      assertEquals(await first.commit(place, 4), "REBALANCE_IN_PROGRESS");
      assertEquals(await first.heartbeat(), "NONE");
      assertEquals(await first.sync(), first.own);
      assertEquals(await assigned, second.own);
      assertEquals([await first.heartbeat(), await second.heartbeat()], ["NONE", "NONE"]);
      assertEquals(await second.commit(place, 5), "NONE");
      assertEquals(await offsetsOf(platform, first.group, place), { unstable: 5, stable: 5 });
    },
  },
  {
    name: "group: what an old generation, or a stranger, asks is refused",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const member = await loneMember(platform, platform.freshName());
      const { memberId } = member;
      const old = { generation: 0 };
      const stranger = { memberId: "stranger" };
      assertEquals([
        await member.heartbeat(old),
        await member.commit(place, 1, old),
        await member.sync(old),
        await member.heartbeat(stranger),
        await member.commit(place, 1, stranger),
      ], [
        "ILLEGAL_GENERATION",
        "ILLEGAL_GENERATION",
        "ILLEGAL_GENERATION",
        "UNKNOWN_MEMBER_ID",
        "UNKNOWN_MEMBER_ID",
      ]);
      member.memberId = stranger.memberId;
      assertEquals([
        await member.join(),
        await member.sync(),
        await member.leave(),
      ], ["UNKNOWN_MEMBER_ID", "UNKNOWN_MEMBER_ID", "UNKNOWN_MEMBER_ID"]);
      member.memberId = memberId;
      assertEquals(await member.heartbeat(), "NONE");
      assertEquals(await offsetsOf(platform, member.group, place), { unstable: -1, stable: -1 });
    },
  },
  {
    name: "DescribeGroups: the members that a group has now, and none where there is no group",
    async run(platform) {
      const name = platform.freshName();
      const members = async () => {
        const request = describeGroupRequest(name);
        const answer = await platform.client.toCoordinator("group", name, request);
        return [firstOf(answer.codes), ...answer.members.toSorted()];
      };
      assertEquals(await members(), ["NONE"]);
      const first = await loneMember(platform, name);
      assertEquals(await members(), ["NONE", first.memberId]);
      const second = await TestMember.connect(platform, name);
      const joined = second.join();
      await rebalancing(first);
      await Promise.all([first.join(), joined]);
      await Promise.all([first.sync(), second.sync()]);
      assertEquals(await members(), ["NONE", ...[first.memberId, second.memberId].toSorted()]);
      await first.leave();
      assertEquals(await members(), ["NONE", second.memberId]);
    },
  },
  {
    name: "group: a member that leaves is unknown, and the others rebalance",
    async run(platform) {
      const first = await loneMember(platform, platform.freshName());
      const second = await TestMember.connect(platform, first.group);
      const joined = second.join();
      await rebalancing(first);
      await Promise.all([first.join(), joined]);
      await Promise.all([first.sync(), second.sync()]);
      assertEquals(await first.leave(), "NONE");
      assertEquals(await first.heartbeat(), "UNKNOWN_MEMBER_ID");
      assertEquals(await second.heartbeat(), "REBALANCE_IN_PROGRESS");
      assertEquals(await second.join(), "NONE");
      assertEquals([second.generation, second.leads], [3, true]);
      assertEquals(second.members, [second.memberId]);
    },
  },
  {
    name: "group: a member that says nothing for its session is given up, and joins as another",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const silent = await loneMember(platform, platform.freshName(), {
        sessionTimeoutMs: SHORT_MS,
      });
      const other = await TestMember.connect(platform, silent.group);
      // Waits for the first, until that is given up.
      assertEquals(await other.join(), "NONE");
      assertEquals([other.generation, other.members], [2, [other.memberId]]);
      assertEquals(await silent.heartbeat(), "UNKNOWN_MEMBER_ID");
      assertEquals(await silent.commit(place, 1), "UNKNOWN_MEMBER_ID");
      assertEquals(await silent.join(), "UNKNOWN_MEMBER_ID");
      const { memberId } = silent;
      silent.memberId = "";
      const [joined] = await Promise.all([
        silent.join(),
        rebalancing(other).then(() => other.join()),
      ]);
      assertEquals([joined, silent.generation], ["NONE", 3]);
      assertNotEquals(silent.memberId, memberId);
    },
  },
  {
    name: "group: the last member is given up: the group is empty, and its generations go on",
    async run(platform) {
      const silent = await loneMember(platform, platform.freshName(), {
        sessionTimeoutMs: SHORT_MS,
      });
      const deadline = performance.now() + 1.2 * SHORT_MS;
      await until("its session is over", () => performance.now() > deadline);
      assertEquals(await silent.heartbeat(), "UNKNOWN_MEMBER_ID");
      const next = await loneMember(platform, silent.group);
      // An empty group is a generation, too.
      assertEquals(next.generation, 3);
    },
  },
  {
    name: "group: a member that hears of a rebalance, and does not join, is left out",
    async run(platform) {
      const late = await loneMember(platform, platform.freshName(), {
        rebalanceTimeoutMs: SHORT_MS,
      });
      const other = await TestMember.connect(platform, late.group, {
        rebalanceTimeoutMs: SHORT_MS,
      });
      const joined = other.join();
      let answer = "";
      await until(
        "it is left out",
        async () => {
          answer = await late.heartbeat();
          return answer !== "REBALANCE_IN_PROGRESS" && answer !== "NONE";
        },
        WAIT.limitMs,
        WAIT.everyMs,
      );
      assertEquals(answer, "UNKNOWN_MEMBER_ID");
      assertEquals(await joined, "NONE");
      assertEquals([other.generation, other.members], [2, [other.memberId]]);
    },
  },
  {
    name: "group: a rebalance does not touch the transaction of a member",
    async run(platform) {
      const { client, freshName } = platform;
      const [source, target] = [
        { topic: await platform.createTopic(1), partition: 0 },
        { topic: await platform.createTopic(1), partition: 0 },
      ];
      const first = await loneMember(platform, freshName());
      const owner = await TestProducer.open(client, freshName());
      assertEquals(await owner.write(target, "a"), "NONE");
      assertEquals(await owner.addOffsets(first.group), "NONE");
      const second = await TestMember.connect(platform, first.group);
      const joined = second.join();
      await rebalancing(first);
      assertEquals(await owner.commitOffset(first.group, source, 1), "NONE");
      await Promise.all([first.join(), joined]);
      assertEquals(await owner.commitOffset(first.group, source, 2), "NONE");
      await Promise.all([first.sync(), second.sync()]);
      assertEquals(await owner.commitOffset(first.group, source, 3), "NONE");
      assertEquals(await owner.end("commit"), "NONE");
      await stable(platform, target);
      assertEquals(await committed(platform, target), ["0 a"]);
      assertEquals(await stableOffset(platform, first.group, source), 3);
      assert(first.generation === 2);
    },
  },
];
