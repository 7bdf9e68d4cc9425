import { assertEquals } from "@std/assert";
import { peek, type TestCluster, testCluster } from "../testing/cluster.ts";

const GROUP = "group";
const SESSION_MS = 1_000;
const REBALANCE_MS = 3_000;

class Member {
  id = "";
  generation = -1;
  leaderId = "";
  members: string[] = [];

  constructor(readonly cluster: TestCluster, readonly node = 1, readonly metadata = "topics") {}

  join() {
    const found = peek(this.cluster.kafka.handle(this.node, {
      api: "JoinGroup",
      group: GROUP,
      memberId: this.id,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      metadata: this.metadata,
    }));
    return async () => {
      await turn();
      const { value } = found;
      if (value?.code === 0) {
        this.id = value.memberId;
        this.generation = value.generation;
        this.leaderId = value.leaderId;
        this.members = value.members.map(({ memberId }) => memberId);
      }
      return value?.code;
    };
  }

  sync(assignments: Record<string, string> = {}) {
    const { id: memberId, generation } = this;
    const found = peek(this.cluster.kafka.handle(this.node, {
      api: "SyncGroup",
      group: GROUP,
      generation,
      memberId,
      assignments: Object.entries(assignments).map(([memberId, assignment]) => ({
        memberId,
        assignment,
      })),
    }));
    return async () => {
      await turn();
      return found.value && [found.value.code, found.value.assignment];
    };
  }

  async heartbeat(generation = this.generation): Promise<number> {
    const { id: memberId } = this;
    return (await this.cluster.ask(this.node, {
      api: "Heartbeat",
      group: GROUP,
      generation,
      memberId,
    })).code;
  }

  async leave(): Promise<number> {
    const { id: memberId } = this;
    return (await this.cluster.ask(this.node, { api: "LeaveGroup", group: GROUP, memberId })).code;
  }

  async commit(from: { generation?: number; memberId?: string } = {}): Promise<number> {
    return (await this.cluster.ask(this.node, {
      api: "OffsetCommit",
      group: GROUP,
      generation: this.generation,
      memberId: this.id,
      offsets: [{ topic: "orders", partition: 0, offset: 5 }],
      ...from,
    })).codes[0]!;
  }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** Two members of generation 1: the leader has "all", the other "none". */
async function stable(cluster = testCluster(), node = 1): Promise<[Member, Member]> {
  const members: [Member, Member] = [new Member(cluster, node), new Member(cluster, node)];
  const joined = members.map((member) => member.join());
  cluster.clock.run(50);
  for (const join of joined) assertEquals(await join(), 0);
  const [leader, follower] = members;
  const synced = [follower.sync(), leader.sync({ [leader.id]: "all", [follower.id]: "none" })];
  cluster.clock.run(50);
  assertEquals(await Promise.all(synced.map((sync) => sync())), [[0, "none"], [0, "all"]]);
  return members;
}

Deno.test("Group: the first members wait for others, one leads, and each gets its assignment from it", async () => {
  const [leader, follower] = await stable();
  assertEquals([leader.generation, follower.generation], [1, 1]);
  assertEquals([leader.leaderId, follower.leaderId], [leader.id, leader.id]);
  assertEquals([leader.members, follower.members], [[leader.id, follower.id], []]);
  assertEquals([await leader.heartbeat(), await follower.heartbeat()], [0, 0]);
});

Deno.test("Group: a new member makes all join again; who does not is out after the rebalance time-out", async () => {
  const [leader, follower] = await stable();
  const { cluster } = leader;
  const third = new Member(cluster);
  const joins = [third.join()];
  assertEquals([await leader.heartbeat(), await follower.heartbeat()], [27, 27]);
  assertEquals(await leader.sync()(), [27, undefined]);
  joins.push(leader.join());
  for (let waited = 0; waited < REBALANCE_MS; waited += 100) {
    assertEquals(await joins[0]!(), undefined);
    await follower.heartbeat();
    cluster.clock.run(100);
  }
  cluster.clock.run(1);
  assertEquals([await joins[0]!(), await joins[1]!()], [0, 0]);
  assertEquals([leader.generation, leader.members], [2, [leader.id, third.id]]);
  assertEquals(await follower.heartbeat(), 25);
});

Deno.test("Group: all have joined again: the rebalance ends at once", async () => {
  const [leader, follower] = await stable();
  const third = new Member(leader.cluster);
  const joins = [third.join(), follower.join(), leader.join()];
  for (const join of joins) assertEquals(await join(), 0);
  assertEquals(await leader.heartbeat(1), 22);
  assertEquals(await leader.heartbeat(), 0);
});

Deno.test("Group: a member that says nothing for its session time-out is given up, and the others rebalance", async () => {
  const [leader, follower] = await stable();
  const { cluster } = leader;
  for (let waited = 0; waited < SESSION_MS; waited += 100) {
    assertEquals(await follower.heartbeat(), 0);
    cluster.clock.run(100);
  }
  assertEquals([await leader.heartbeat(), await follower.heartbeat()], [25, 27]);
  const join = follower.join();
  assertEquals([await join(), follower.leaderId, follower.generation], [0, follower.id, 2]);
});

Deno.test("Group: a member leaves; the last one leaves an empty group, with no timer of it", async () => {
  const [leader, follower] = await stable();
  assertEquals([await follower.leave(), await follower.leave()], [0, 25]);
  assertEquals(await leader.heartbeat(), 27);
  assertEquals(await leader.leave(), 0);
  assertEquals(await leader.heartbeat(), 25);
  leader.cluster.clock.run(10_000);
  assertEquals(leader.cluster.clock.pending, 0);
});

Deno.test("Group: a leader that joins again rebalances; a follower that says the same does not", async () => {
  const [leader, follower] = await stable();
  const again = follower.join();
  assertEquals([await again(), follower.generation], [0, 1]);
  assertEquals(await leader.heartbeat(), 0);
  const join = leader.join();
  assertEquals([await join(), await follower.heartbeat()], [undefined, 27]);
});

Deno.test("Group: who does not ask for its assignment is out after the rebalance time-out", async () => {
  const cluster = testCluster();
  const [leader, follower] = [new Member(cluster), new Member(cluster)];
  const joins = [leader.join(), follower.join()];
  cluster.clock.run(50);
  for (const join of joins) assertEquals(await join(), 0);
  const sync = follower.sync();
  for (let waited = 0; waited < REBALANCE_MS; waited += 100) {
    assertEquals(await sync(), undefined);
    assertEquals(await leader.heartbeat(), 0);
    cluster.clock.run(100);
  }
  assertEquals([await sync(), await leader.heartbeat()], [[27, undefined], 25]);
});

Deno.test("Group: a rebalance without a reason, as a coordinator may begin one", async () => {
  const [leader, follower] = await stable();
  leader.cluster.kafka.rebalance(GROUP);
  assertEquals([await leader.heartbeat(), await follower.heartbeat()], [27, 27]);
  const joins = [leader.join(), follower.join()];
  assertEquals([await joins[0]!(), await joins[1]!(), leader.generation], [0, 0, 2]);
});

Deno.test("Group: who may commit offsets", async () => {
  const outside = { generation: -1, memberId: "" };
  const cluster = testCluster();
  const nobody = new Member(cluster);
  assertEquals([
    await nobody.commit(outside),
    await nobody.commit({ generation: 3, memberId: "x" }),
  ], [0, 25]);
  const [leader, follower] = await stable(cluster);
  assertEquals(await leader.commit(outside), 25);
  assertEquals(await leader.commit(), 0);
  assertEquals(await leader.commit({ generation: 0 }), 22);
  const joins = [leader.join(), follower.join()];
  for (const join of joins) assertEquals(await join(), 0);
  assertEquals(await leader.commit(), 27);
});

Deno.test("Group: its coordinator moves, and the next one knows its members, generation and assignments", async () => {
  const cluster = testCluster({ brokers: 3 });
  const { kafka, clock } = cluster;
  const old = await cluster.coordinator("group", GROUP);
  const [leader, follower] = await stable(cluster, old);
  const third = new Member(cluster, old);
  const waiting = third.join();
  kafka.moveCoordinator("group", GROUP);
  clock.run(400);
  assertEquals([await waiting(), await leader.heartbeat()], [16, 16]);
  const node = await cluster.coordinator("group", GROUP);
  const moved = [leader, follower].map((member) =>
    Object.assign(new Member(cluster, node), { id: member.id, generation: member.generation })
  );
  assertEquals([await moved[0]!.heartbeat(), await moved[1]!.heartbeat()], [0, 0]);
  assertEquals(await moved[0]!.sync()(), [0, "all"]);
  clock.run(SESSION_MS + 10);
  assertEquals([await moved[0]!.heartbeat(), await moved[1]!.heartbeat()], [25, 25]);
});
