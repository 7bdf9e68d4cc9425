import { assertEquals } from "@std/assert";
import { AssignerProtocol } from "../patches/kafkajs.ts";
import { type Cluster, PartitionAssigners } from "kafkajs";
import { createAssigner, subscriptionIn } from "./assigner.ts";

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
