/** The commands of a person where batches cannot be read: each says so, and does what can be done. */
import { assertEquals, assertMatch } from "@std/assert";
import { startTestBroker } from "../local/testing/test_broker.ts";
import { DEAD_LETTER_HEADERS } from "../kafka/dead_letters.ts";
import { Producer } from "../kafka/producer/producer.ts";
import { freshTopics, publishAll } from "../kafka/testing/topics.ts";
import { damageLog, flipBit } from "../kafka/testing/damaged_log.ts";
import { committed, deleteGroup, orders, workUntil } from "./groups/testing/pipeline.ts";
import { runCommand } from "./testing/fixtures.ts";

Deno.test("dlq and groups reset: leave out a batch that cannot be read, and say so", async () => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  const { kafka, names } = await freshTopics(bootstrap, 1);
  const [input, deadLetters] = [names.topic("orders.raw"), names.topic("dlq.validator")];
  const directory = await Deno.makeTempDir({ prefix: "orderflow-unreadable-" });
  const options = { bootstrap, prefix: names.prefix, directory };
  for (const first of [0, 3, 6]) await publishAll(kafka, input, orders(first, first + 3));
  const producer = await Producer.open(kafka, { deliveryTimeoutMs: 30_000 });
  const { reason, topic, partition, offset } = DEAD_LETTER_HEADERS;
  for (const name of ["other-1", "other-2"]) {
    const headers = { [reason]: "too_large", [topic]: name, [partition]: "0", [offset]: "0" };
    const messages = [{ partition: 0, key: null, value: Buffer.alloc(100), headers }];
    await producer.send([{ topic: deadLetters, messages }]);
  }
  await producer.close();
  await workUntil({ bootstrap, kafka, names, folder: directory }, 9);
  const before = await committed(kafka, names);
  await deleteGroup(kafka, names, "validator");
  await broker.stop();
  await damageLog(`${broker.directory}/log/${input}-0`, { batch: 1, damage: flipBit });
  await damageLog(`${broker.directory}/log/${deadLetters}-0`, { batch: 0, damage: flipBit });
  await broker.start();

  const left = `${deadLetters}/0 offset 0 cannot be read: its checksum is wrong; left out\n`;
  const list = await runCommand("commands/dlq/main.ts", ["list", "validator"], options);
  assertEquals([list.code, list.stderr], [0, `dlq: ${left}`]);
  assertMatch(list.stdout, /^0@1 .* too_large .*\n.*: 1 open, 0 replayed, 0 discarded\n/);
  const discard = await runCommand(
    "commands/dlq/main.ts",
    ["discard", "validator", "--all"],
    options,
  );
  assertEquals([discard.code, discard.stderr], [0, `dlq: ${left}`]);
  assertMatch(discard.stdout, /^1 dead letter of .* discarded/);

  const args = ["reset", "validator", "--to", "published", "--yes"];
  const reset = await runCommand("commands/groups/main.ts", args, options);
  const orderBatch = `${input}/0 offsets 3 to 5 cannot be read: its checksum is wrong; left out\n`;
  assertEquals([reset.code, reset.stderr], [0, `groups: ${left}groups: ${orderBatch}`]);
  assertMatch(reset.stdout, /: 1 records before that, the first of them 3, have no answer/);
  assertEquals(await committed(kafka, names), before);
  await Deno.remove(directory, { recursive: true });
});
