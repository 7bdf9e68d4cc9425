/** Rebalances: members that repeat, come late, or never say anything again. */
import { assertEquals } from "@std/assert";
import { until } from "../../../runtime/until.ts";
import type { Case } from "../contract.ts";
import { loneMember, TestMember } from "../member.ts";
import { type Platform, SHORT_MS } from "../platform.ts";

const WAIT = { limitMs: 10_000, everyMs: 20 };

async function untilAnswers(member: TestMember, expected: string): Promise<void> {
  await until(
    `a heartbeat is answered with ${expected}`,
    async () => await member.heartbeat() === expected,
    WAIT.limitMs,
    WAIT.everyMs,
  );
}

/** Two members of a stable group: the leader, then a follower. */
async function pair(
  platform: Platform,
  waits?: Parameters<typeof loneMember>[2],
): Promise<[TestMember, TestMember]> {
  const leader = await loneMember(platform, platform.freshName(), waits);
  const follower = await TestMember.connect(platform, leader.group, waits);
  const joined = follower.join();
  await untilAnswers(leader, "REBALANCE_IN_PROGRESS");
  await Promise.all([leader.join(), joined]);
  await Promise.all([leader.sync(), follower.sync()]);
  return [leader, follower];
}

export const REBALANCES: readonly Case[] = [
  {
    name: "group: a follower that joins or syncs again is told the same once more",
    async run(platform) {
      const [leader, follower] = await pair(platform);
      const { memberId, generation } = follower;
      assertEquals(await follower.join(), "NONE");
      assertEquals([follower.memberId, follower.generation], [memberId, generation]);
      assertEquals(await follower.sync(), follower.own);
      assertEquals(await leader.sync(), leader.own);
      assertEquals([await leader.heartbeat(), await follower.heartbeat()], ["NONE", "NONE"]);
    },
  },
  {
    name: "group: the leader joins again: all have to",
    async run(platform) {
      const [leader, follower] = await pair(platform);
      const joined = leader.join();
      await untilAnswers(follower, "REBALANCE_IN_PROGRESS");
      assertEquals(await follower.sync(), "REBALANCE_IN_PROGRESS");
      assertEquals([await follower.join(), await joined], ["NONE", "NONE"]);
      assertEquals([leader.generation, follower.generation], [3, 3]);
      // It has not been assigned anything yet.
      const assigned = follower.sync();
      assertEquals(await leader.sync(), leader.own);
      assertEquals(await assigned, follower.own);
    },
  },
  {
    name: "group: a member that joins while others are to be assigned: they join again",
    async run(platform) {
      const first = await TestMember.connect(platform, platform.freshName());
      const second = await TestMember.connect(platform, first.group);
      assertEquals(await first.join(), "NONE");
      const joined = second.join();
      await untilAnswers(first, "REBALANCE_IN_PROGRESS");
      assertEquals(await first.sync(), "REBALANCE_IN_PROGRESS");
      assertEquals([await first.join(), await joined], ["NONE", "NONE"]);
      assertEquals([first.generation, second.generation], [2, 2]);
    },
  },
  {
    name: "group: who waits for others is not given up",
    async run(platform) {
      const first = await loneMember(platform, platform.freshName());
      const second = await TestMember.connect(platform, first.group, {
        sessionTimeoutMs: SHORT_MS,
      });
      const joined = second.join();
      const deadline = performance.now() + 1.3 * SHORT_MS;
      await until("its session would be over", () => performance.now() > deadline);
      assertEquals([await first.join(), await joined], ["NONE", "NONE"]);
      assertEquals(first.members.length, 2);
      const assigned = second.sync();
      const again = performance.now() + 1.3 * SHORT_MS;
      await until("its session would be over", () => performance.now() > again);
      assertEquals(await first.sync(), first.own);
      assertEquals(await assigned, second.own);
    },
  },
  {
    name: "group: a leader that does not assign is left out after the rebalance time-out",
    async run(platform) {
      const waits = { rebalanceTimeoutMs: SHORT_MS };
      const [leader, follower] = await pair(platform, waits);
      const joined = leader.join();
      await untilAnswers(follower, "REBALANCE_IN_PROGRESS");
      assertEquals([await follower.join(), await joined], ["NONE", "NONE"]);
      assertEquals(await follower.sync(), "REBALANCE_IN_PROGRESS");
      assertEquals(await leader.heartbeat(), "UNKNOWN_MEMBER_ID");
      assertEquals(await follower.join(), "NONE");
      assertEquals([follower.leads, follower.members], [true, [follower.memberId]]);
    },
  },
  {
    name: "group: a commit of offsets keeps a member alive",
    async run(platform) {
      const place = { topic: await platform.createTopic(1), partition: 0 };
      const member = await loneMember(platform, platform.freshName(), {
        sessionTimeoutMs: SHORT_MS,
      });
      const deadline = performance.now() + 2 * SHORT_MS;
      await until(
        "its session would be over",
        async () => {
          assertEquals(await member.commit(place, 1), "NONE");
          return performance.now() > deadline;
        },
        WAIT.limitMs,
        100,
      );
      assertEquals(await member.heartbeat(), "NONE");
    },
  },
  {
    name: "group: the last member leaves: the group is empty, and its generations go on",
    async run(platform) {
      const member = await loneMember(platform, platform.freshName());
      assertEquals(await member.leave(), "NONE");
      assertEquals(await member.leave(), "UNKNOWN_MEMBER_ID");
      assertEquals(await member.sync(), "UNKNOWN_MEMBER_ID");
      assertEquals((await loneMember(platform, member.group)).generation, 3);
    },
  },
  {
    name: "group: a stranger to a group that is not there",
    async run(platform) {
      const stranger = await TestMember.connect(platform, platform.freshName());
      stranger.memberId = "stranger";
      stranger.generation = 1;
      assertEquals([
        await stranger.heartbeat(),
        await stranger.sync(),
        await stranger.leave(),
        await stranger.join(),
      ], new Array(4).fill("UNKNOWN_MEMBER_ID"));
    },
  },
];
