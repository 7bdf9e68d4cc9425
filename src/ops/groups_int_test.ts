import { assertEquals, assertMatch } from "@std/assert";
import { startColdTestBroker } from "../local/testing.ts";
import { freshTopics, placed, publication, publishAll, refuse } from "../stream/testing.ts";
import { startValidator, until } from "../stream/testing.ts";
import { jsonOf, runCommand } from "./testing.ts";

Deno.test("groups: every partition has one owner, who is named with its address", async () => {
  await using broker = await startColdTestBroker();
  const { bootstrap } = broker;
  const { kafka, names } = await freshTopics(bootstrap, 4);
  const groups = (...args: string[]) =>
    runCommand("groups.ts", args, { bootstrap, prefix: names.prefix });
  // The first question about a group that this cluster is asked: there is no coordinator yet.
  const first = await groups("validator");
  assertEquals(first, {
    code: 0,
    stdout: "validator: Dead, 0 members, 0 messages behind\n",
    stderr: "",
  });
  await publishAll(kafka, names.topic("orders.raw"), [publication(placed(1))]);
  const members = [1, 2].map(() => startValidator(bootstrap, names, refuse));
  try {
    await until("two members own two partitions each", async () => {
      const [group] = jsonOf(await groups("validator", "--json"));
      const owned = group.members.map((
        { partitions }: { partitions: Record<string, number[]> },
      ) => partitions[names.topic("orders.raw")] ?? []);
      return owned.length === 2 && owned.every((some: number[]) => some.length === 2) &&
        new Set(owned.flat()).size === 4;
    });
    const { code, stdout } = await groups("validator");
    assertEquals(code, 0);
    assertMatch(stdout, /^validator: Stable, 2 members, \d+ messages behind\n {2}127\.0\.0\.1 /);
    assertEquals((await groups("nobody")).code, 2);
  } finally {
    await Promise.all(members.map(({ stop }) => stop()));
  }
});
