import { assertEquals, assertRejects } from "@std/assert";
import type { Broker } from "../client/cluster.ts";
import { isCoordinatorMoving } from "../client/errors.ts";
import { closed, codeOf, FakeCluster } from "../producer/testing/fake_cluster.ts";
import { GroupCoordinators } from "./group_coordinators.ts";
import { committedRequests, describeGroupsRequest } from "./group_requests.ts";

const GROUPS = ["one", "two"];

/** What the only coordinator is asked, and answers: a code, or nothing. */
function coordinatorsOf(...codes: (number | "closed")[]) {
  const cluster = new FakeCluster((_, count) => {
    const code = codes[count - 1]!;
    return code === "closed"
      ? closed()
      : GROUPS.map((group) => ({ group, code, state: "Stable", members: [] }));
  });
  const coordinators = new GroupCoordinators(cluster);
  const ask = () => coordinators.ask(GROUPS, (_, groups) => [describeGroupsRequest(groups)]);
  return { cluster, ask };
}

Deno.test("GroupCoordinators: looked up once, and all groups of one are one request", async () => {
  const { cluster, ask } = coordinatorsOf(0, 0);
  const answers = await ask();
  await ask();
  assertEquals([...answers.keys()], GROUPS);
  assertEquals(cluster.lookups, GROUPS.length);
  assertEquals(cluster.requests.map(({ fields }) => fields), [{ groups: GROUPS }, {
    groups: GROUPS,
  }]);
});

for (
  const [what, code] of [
    ["says that it is another one", codeOf("NOT_COORDINATOR")],
    ["does not answer", "closed"],
  ] as const
) {
  Deno.test(`GroupCoordinators: looked up anew where one ${what}`, async () => {
    const { cluster, ask } = coordinatorsOf(code, 0);
    assertEquals((await ask()).size, GROUPS.length);
    assertEquals([cluster.sent.length, cluster.lookups], [2, 2 * GROUPS.length]);
  });
}

Deno.test("GroupCoordinators: what is refused twice is told by Kafka's name", async () => {
  const moved = codeOf("NOT_COORDINATOR");
  const error = await assertRejects(coordinatorsOf(moved, moved).ask);
  assertEquals(isCoordinatorMoving(error), true);
});

Deno.test("committedRequests: one for all groups, or one for each where brokers are older", () => {
  const coordinator = (maxVersion: number): Broker => ({
    ...new FakeCluster().broker,
    versions: { 9: { maxVersion } },
  });
  const asked = (maxVersion: number) =>
    committedRequests(coordinator(maxVersion), GROUPS).map(({ request }) => [
      request.apiVersion,
      request.fields,
    ]);
  assertEquals(asked(8), [[8, { groups: GROUPS }]]);
  assertEquals(asked(7), [[7, { group: "one" }], [7, { group: "two" }]]);
});
