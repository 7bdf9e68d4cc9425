import { assertEquals, assertMatch } from "@std/assert";
import { startColdTestBroker, startTestBroker } from "../../local/testing/test_broker.ts";
import { committedOffsets } from "../../kafka/offsets/committed_offsets.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  refuse,
  startValidator,
} from "../../kafka/testing/topics.ts";
import type { PartitionState } from "./list.ts";
import { CONSUMERS } from "../../topology.ts";
import { jsonOf, runCommand } from "../testing/fixtures.ts";

Deno.test("groups: every partition has one owner, who is named with its address", async () => {
  await using broker = await startColdTestBroker();
  const { bootstrap } = broker;
  const { kafka, names } = await freshTopics(bootstrap, 4);
  const directory = await Deno.makeTempDir({ prefix: "orderflow-groups-" });
  const groups = (...args: string[]) =>
    runCommand("commands/groups/main.ts", args, { bootstrap, prefix: names.prefix, directory });
  // The first question about a group that this cluster is asked: there is no coordinator yet.
  const first = await groups("validator");
  assertEquals([first.code, first.stderr], [0, ""]);
  assertMatch(
    first.stdout,
    /^validator: no group: it has no members and has committed no offset, 0 messages to read\n {2}partition +committed /,
  );
  assertMatch(first.stdout, /orders\.raw\/3 +nothing +0 +0 +0 +no owner\n$/);
  const all = await groups();
  assertEquals(all.stdout.split("\n").map((line) => line.split(":")[0]), [...CONSUMERS, ""]);
  assertMatch(all.stdout, /^analytics: no group; with --from-beginning, .* reads the log outside/m);
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
    assertMatch(stdout, /^validator: Stable, 2 members, \d+ messages? behind\n {2}127\.0\.0\.1 /);
    const [{ partitions }] = jsonOf(await groups("validator", "--json"));
    assertEquals(
      partitions.map(({ owner, lost }: PartitionState) => [owner, lost]),
      Array(4).fill([{ clientId: "test-validator", address: "127.0.0.1" }, 0]),
    );
    assertEquals((await groups("shipping")).code, 2);
  } finally {
    await Promise.all(members.map(({ stop }) => stop()));
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("groups: names another application, and counts what was deleted unread", async () => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  const { kafka, names } = await freshTopics(bootstrap, 1);
  const topic = names.topic("orders.raw");
  const groups = (...args: string[]) =>
    runCommand("commands/groups/main.ts", args, {
      bootstrap,
      prefix: names.prefix,
      directory: "unused",
    });
  await publishAll(kafka, topic, [1, 2, 3].map((n) => publication(placed(n))));
  const { processor, stop } = startValidator(bootstrap, names, refuse);
  const admin = kafka.admin();
  await admin.connect();
  await until(
    "it has worked",
    async () => (await committedOffsets(admin, names.group("validator"), topic)).get(0) === 3,
  );
  assertEquals(processor.notReady(), undefined);
  await stop();
  await publishAll(kafka, topic, [4, 5].map((n) => publication(placed(n))));
  await admin.fetchTopicOffsets(topic); // kafkajs does not look the leader up by itself
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "4" }] });
  await admin.disconnect();
  const foreigner = kafka.consumer({ groupId: names.group("validator") });
  const joined = new Promise((resolve) => foreigner.on(foreigner.events.GROUP_JOIN, resolve));
  try {
    await foreigner.connect();
    await foreigner.subscribe({ topics: [names.topic("dlq.payment")] });
    await foreigner.run({ eachMessage: () => Promise.resolve() });
    await joined;
    const [group] = jsonOf(await groups("validator", "--json"));
    assertEquals(group.partitions, [
      { topic, partition: 0, committed: 3, end: 5, lag: 1, lost: 1, owner: null },
    ]);
    const [member] = group.members;
    assertEquals([member.clientId, member.isForeign], ["test", true]);
    assertEquals(member.subscription, [names.topic("dlq.payment")]);
    const { stdout } = await groups();
    assertMatch(stdout, /127\.0\.0\.1 test: another application, which reads \S+dlq\.payment\n/);
    assertMatch(stdout, /orders\.raw\/0 +3 +5 +1 +1 +no owner\n/);
  } finally {
    await foreigner.disconnect();
  }
});
