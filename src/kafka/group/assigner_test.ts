import { assert, assertEquals } from "@std/assert";
import { AssignerProtocol } from "../patches/kafkajs.ts";
import { type Cluster, PartitionAssigners } from "kafkajs";
import {
  assign,
  type Assignment,
  createAssigner,
  type Subscriber,
  subscriptionIn,
} from "./assigner.ts";
import fc from "fast-check";

const ids = (count: number) => Array.from({ length: count }, (_, partitionId) => ({ partitionId }));
const config = {
  groupId: "g",
  cluster: { findTopicPartitionMetadata: () => ids(4) } as unknown as Cluster,
} as Parameters<typeof PartitionAssigners.roundRobin>[0];

/** What a member says when it joins. */
function joining(create: typeof PartitionAssigners.roundRobin, topics: string[]) {
  return create(config).protocol({ topics }).metadata;
}

async function assigned(
  leader: typeof PartitionAssigners.roundRobin,
  members: Record<string, Uint8Array>,
) {
  const answer = await leader(config).assign({
    topics: ["orders"],
    members: Object.entries(members).map(([memberId, metadata]) => ({
      memberId,
      memberMetadata: Buffer.from(metadata),
    })),
  });
  return Object.fromEntries(answer.map(({ memberId, memberAssignment }) => [
    memberId,
    AssignerProtocol.MemberAssignment.decode(memberAssignment)!.assignment,
  ]));
}

Deno.test("createAssigner: a member keeps what it was given", async () => {
  const [old, fresh] = [createAssigner(), createAssigner()];
  old.owns({ orders: [1, 2, 3] });
  const members = {
    a: joining(fresh.create, ["orders"]),
    b: joining(old.create, ["orders"]),
  };
  assertEquals(await assigned(fresh.create, members), {
    a: { orders: [0, 3] },
    b: { orders: [1, 2] },
  });
});

Deno.test("createAssigner: kafkajs's own assigner and ours lead each other's members", async () => {
  const [kafkajs, ours] = [PartitionAssigners.roundRobin, createAssigner()];
  ours.owns({ orders: [0, 1] });
  assertEquals(kafkajs(config).name, ours.create(config).name);
  const members = { a: joining(kafkajs, ["orders"]), b: joining(ours.create, ["orders"]) };
  assertEquals(await assigned(ours.create, members), {
    a: { orders: [2, 3] },
    b: { orders: [0, 1] },
  });
  assertEquals(await assigned(kafkajs, members), { a: { orders: [0, 2] }, b: { orders: [1, 3] } });
});

Deno.test("createAssigner: whatever another application says, it gets nothing and breaks nothing", async () => {
  const { create } = createAssigner();
  const strangers = {
    "other topics": joining(PartitionAssigners.roundRobin, ["invoices"]),
    "own user data": AssignerProtocol.MemberMetadata.encode({
      version: 3,
      topics: ["invoices"],
      userData: Buffer.from([0, 1, 255, 255, 255]),
    }),
    "no form that is known": new Uint8Array([0, 0, 127]),
    nothing: new Uint8Array(),
  };
  const all = await assigned(create, { ours: joining(create, ["orders"]), ...strangers });
  assertEquals(all.ours, { orders: [0, 1, 2, 3] });
  for (const name of Object.keys(strangers)) assertEquals(all[name], {}, name);
});

Deno.test("subscriptionIn: the topics; undefined for what cannot be read", () => {
  assertEquals(subscriptionIn(joining(createAssigner().create, ["a", "b"])), ["a", "b"]);
  assertEquals(subscriptionIn(new Uint8Array()), undefined);
  assertEquals(subscriptionIn(new Uint8Array([0, 0, 127])), undefined);
});

const TOPICS = ["a", "b", "c"];

const partitions = fc.dictionary(fc.constantFrom(...TOPICS), fc.nat(20)).map((counts) =>
  Object.fromEntries(
    Object.entries(counts).map((
      [topic, count],
    ) => [topic, Array.from({ length: count }, (_, n) => n)]),
  )
);
const subscription = fc.uniqueArray(fc.constantFrom(...TOPICS, "foreign"), { minLength: 1 });
/** What a member says that it had may be anything. */
const owned = fc.dictionary(
  fc.constantFrom(...TOPICS, "gone"),
  fc.uniqueArray(fc.nat(25), { maxLength: 25 }),
);
const members = fc.uniqueArray(
  fc.record({ memberId: fc.string({ minLength: 1, maxLength: 3 }), topics: subscription, owned }),
  { selector: ({ memberId }) => memberId, maxLength: 8 },
);

const countOf = (assignment: Assignment, topic: string) => assignment[topic]?.length ?? 0;
const totalOf = (assignment: Assignment) => Object.values(assignment).flat().length;
const spread = (counts: readonly number[]) =>
  counts.length === 0 ? 0 : Math.max(...counts) - Math.min(...counts);
/** The members after an assignment: each has what it was given. */
const settled = (list: readonly Subscriber[], given: ReadonlyMap<string, Assignment>) =>
  list.map((member) => ({ ...member, owned: given.get(member.memberId)! }));

Deno.test("assign: every partition once, to a member that subscribes to its topic", () => {
  fc.assert(fc.property(partitions, members, (partitions, members) => {
    const given = assign(partitions, members);
    for (const { memberId, topics } of members) {
      for (const topic of Object.keys(given.get(memberId)!)) assert(topics.includes(topic));
    }
    for (const [topic, all] of Object.entries(partitions)) {
      const found = [...given.values()].flatMap((assignment) => assignment[topic] ?? []);
      const wanted = members.some(({ topics }) => topics.includes(topic)) ? all : [];
      assertEquals(found.toSorted((a, b) => a - b), wanted);
    }
  }));
});

Deno.test("assign: even in each topic, and in all among those with the same subscription", () => {
  fc.assert(fc.property(partitions, members, (partitions, members) => {
    const given = assign(partitions, members);
    for (const topic of Object.keys(partitions)) {
      const subscribers = members.filter(({ topics }) => topics.includes(topic));
      const counts = subscribers.map(({ memberId }) => countOf(given.get(memberId)!, topic));
      assert(spread(counts) <= 1, `${topic}: ${counts}`);
    }
    const alike = Map.groupBy(members, ({ topics }) => topics.toSorted().join());
    for (const group of alike.values()) {
      const totals = group.map(({ memberId }) => totalOf(given.get(memberId)!));
      assert(spread(totals) <= 1, `${totals}`);
    }
  }));
});

Deno.test("assign: the same in whatever order the members come; settled members keep all", () => {
  fc.assert(fc.property(partitions, members, (partitions, members) => {
    const given = assign(partitions, members);
    assertEquals(assign(partitions, members.toReversed()), given);
    assertEquals(assign(partitions, settled(members, given)), given);
  }));
});

Deno.test("assign: of each topic a member keeps what it had, up to the least that any gets", () => {
  fc.assert(fc.property(partitions, members, fc.nat(7), (partitions, members, who) => {
    const before = settled(members, assign(partitions, members));
    // One leaves, or all stay and another one joins.
    const after = who < before.length
      ? before.filter((_, index) => index !== who)
      : [...before, { memberId: "joined", topics: TOPICS, owned: {} }];
    const given = assign(partitions, after);
    for (const { memberId, topics, owned } of after) {
      for (const topic of topics) {
        const subscribers = after.filter((member) => member.topics.includes(topic)).length;
        const least = Math.floor((partitions[topic]?.length ?? 0) / subscribers);
        const kept = (owned[topic] ?? []).filter((p) => given.get(memberId)![topic]?.includes(p));
        assert(kept.length >= Math.min(least, owned[topic]?.length ?? 0), `${memberId} ${topic}`);
      }
    }
  }));
});

Deno.test("assign: who has one more than the others keeps it", () => {
  const has = (memberId: string, ...a: number[]) => ({ memberId, topics: ["a"], owned: { a } });
  const given = assign({ a: [0, 1, 2, 3] }, [has("1", 0), has("2", 1), has("3", 2, 3)]);
  assertEquals([...given.values()], [{ a: [0] }, { a: [1] }, { a: [2, 3] }]);
});
