/** The command over a real log and real tables: sound ones pass, and what is broken by hand is named. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startTestBroker } from "../local/testing/test_broker.ts";
import { createClient } from "../kafka/client/client.ts";
import { bytes } from "../kafka/dead_letters.ts";
import type { Processor, Topic } from "../topology.ts";
import { jsonOf, publishWorld, runCommand, storeWorld } from "../commands/testing/worlds.ts";
import { appendCopy, eventsOf, orderId, placeIn, rewrite, type World } from "./testing/world.ts";
import { createWorld, FATES } from "./testing/orders.ts";

const CONFIRMED = FATES.indexOf("confirmed");
const OUT_OF_STOCK = FATES.indexOf("out_of_stock");

function drop(world: World, [record]: World["records"]): void {
  assert(record);
  world.records = world.records.filter((other) => other !== record);
}

interface Case {
  readonly name: string;
  readonly spoil: (world: World) => void;
  /** What a failed line says. */
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "an event dropped",
    spoil: (world) => drop(world, eventsOf(world, CONFIRMED, "OrderConfirmed")),
    says: /FAIL G1 every order has exactly one outcome.*\n +r1-000000: no outcome/,
  },
  {
    name: "an event twice",
    spoil: (world) => appendCopy(world, eventsOf(world, CONFIRMED, "OrderConfirmed")[0]!),
    says: /FAIL G2 no event twice.*\n +r1-000000: OrderConfirmed again, at .*orders\.outcomes 0@/,
  },
  {
    name: "oversold",
    spoil: (world) => world.tables.stock[0]!.on_hand = -2,
    says: /FAIL G3 per product.*\n +p-1: -2 on hand: oversold/,
  },
  {
    name: "charged twice",
    spoil: (world) =>
      world.tables.charges.push({
        ...world.tables.charges[0]!,
        idempotency_key: "r1-000000.again",
      }),
    says: /FAIL G4 the gateway's own ledger.*\n(.*\n)* +r1-000000\.again: its row: charged;/,
  },
  {
    name: "a refund missing",
    spoil: (world) => drop(world, eventsOf(world, OUT_OF_STOCK, "PaymentRefunded")),
    says:
      /FAIL G4 refunded.*\n +r1-000001: OrderCancelled, PaymentProcessed, but no PaymentRefunded/,
  },
];

Deno.test("audit: over a real log and real tables", async (t) => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  let runs = 0;

  const auditWorld = async (world: World, args: string[] = []) => {
    const directory = await Deno.makeTempDir({ prefix: "orderflow-audit-" });
    try {
      await storeWorld(directory, world);
      const { prefix } = world.names;
      return await runCommand("audit/main.ts", args, { bootstrap, prefix, directory });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  };
  const nextWorld = async (spoil: (world: World) => void = () => {}) => {
    const world = createWorld(FATES, `run${++runs}.`);
    spoil(world);
    await publishWorld(bootstrap, world);
    return world;
  };

  /** Moves what a group has committed in a partition; what it committed is known from the world. */
  const moveOffset = async (
    { names, committed }: World,
    service: Processor,
    topic: Topic,
    by: number,
    partition = 0,
  ) => {
    const admin = createClient({ brokers: [bootstrap] }, "test").admin();
    await admin.connect();
    try {
      const name = names.topic(topic);
      const offset = committed[service].get(placeIn(name, partition))! + by;
      await admin.setOffsets({
        groupId: names.group(service),
        topic: name,
        partitions: [{ partition, offset: String(offset) }],
      });
    } finally {
      await admin.disconnect();
    }
  };

  await t.step("passes a sound one, and exits with 0", async () => {
    const { code, stdout, stderr } = await auditWorld(await nextWorld());
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /\nAUDIT PASSED: all 26 checks hold\n$/);
    assert(!stdout.includes("FAIL"), stdout);
  });

  for (const { name, spoil, says } of CASES) {
    await t.step(`fails, names it, and exits with 1: ${name}`, async () => {
      const { code, stdout } = await auditWorld(await nextWorld(spoil));
      assertMatch(stdout, says);
      assertMatch(stdout, /\nAUDIT FAILED: \d+ of 26 checks\n$/);
      assertEquals(code, 1);
    });
  }

  await t.step("fails, and names whose committed offset somebody has moved: one back", async () => {
    const world = await nextWorld();
    await moveOffset(world, "validator", "orders.raw", -1);
    const { code, stdout } = await auditWorld(world);
    assertMatch(
      stdout,
      /FAIL G2 no committed offset is before.*; 1 wrong\n +r1-000015: validator answered \S+orders\.raw 0@(\d+), but has committed \1:/,
    );
    assertEquals(code, 1);
  });

  await t.step(
    "fails, and names whose committed offset somebody has moved: one ahead",
    async () => {
      // An order that the validator has not read yet.
      const unread = (world: World) => {
        const copy = appendCopy(world, eventsOf(world, CONFIRMED, "OrderPlaced")[0]!);
        rewrite(world, copy, { orderId: orderId(FATES.length) });
        const place = placeIn(copy.topic, copy.partition);
        world.committed.validator.set(place, world.ends.get(place)! - 1);
      };
      const world = await nextWorld(unread);
      const before = await auditWorld(world);
      assertMatch(before.stdout, /r1-000016: no outcome; seen: nothing/);
      assertMatch(before.stdout, /PASS G1 no committed offset is past/);
      await moveOffset(world, "validator", "orders.raw", 1);
      const { code, stdout } = await auditWorld(world);
      assertMatch(
        stdout,
        /FAIL G1 no committed offset is past.*; 1 wrong\n +r1-000016: validator has committed \d+, past \S+orders\.raw 0@\d+, and did not answer it/,
      );
      assertEquals(code, 1);
    },
  );

  await t.step("--wait: fails when the time is up, and says who had how much to read", async () => {
    const world = await nextWorld();
    const place = placeIn(world.names.topic("payment.events"), 1);
    const messages = world.ends.get(place)!;
    await moveOffset(world, "fulfillment", "payment.events", -messages, 1);
    const [group, topic] = [world.names.group("fulfillment"), world.names.topic("payment.events")];
    const output = await auditWorld(world, ["--wait", "1", "--json"]);
    const says = `audit: not at rest after 1 s: ${group} has ${messages} of ${topic} to read: ` +
      `${messages} in 1\n`;
    assertEquals([output.code, output.stderr], [1, says]);
    const { passed, notAtRest } = jsonOf(output);
    const waiting = [{ group, topic, partition: 1, messages }];
    assertEquals([passed, notAtRest], [false, { afterS: 1, waiting }]);
  });

  await t.step("--wait: does not wait for what is at rest", async () => {
    const { code, stdout, stderr } = await auditWorld(await nextWorld(), ["--wait", "3600"]);
    assertEquals([code, stderr], [0, ""], stdout);
  });

  await t.step("--json says the same to machines", async () => {
    const world = await nextWorld((w) => drop(w, eventsOf(w, CONFIRMED, "PaymentProcessed")));
    const output = await auditWorld(world, ["--json"]);
    const { passed, checks, events } = jsonOf(output);
    assertEquals([output.code, passed], [1, false]);
    const failed = checks.filter((check: { passed: boolean }) => !check.passed);
    assertEquals(failed[0].offenders[0].who, orderId(CONFIRMED));
    assertEquals(events.OrderConfirmed, 5);
  });

  await t.step("does not see what was never committed", async () => {
    const world = await nextWorld();
    await writeAndAbort(bootstrap, eventsOf(world, CONFIRMED, "OrderConfirmed"));
    const { code, stdout } = await auditWorld(world);
    assertEquals(code, 0, stdout);
  });

  await t.step("an empty cluster proves nothing, and exits with 1", async () => {
    const world = createWorld([], "empty.");
    const { code, stdout } = await auditWorld(world);
    assertEquals(code, 1);
    assertStringIncludes(stdout, "there is nothing to audit: no order was ever placed");
  });

  await t.step("an unknown option is named, and exits with 2", async () => {
    const { code, stderr } = await auditWorld(createWorld([], "empty."), ["--jsno"]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "--jsno: unknown option; did you mean --json?");
  });
});

/** Writes copies of records in a transaction, and gives it up. */
async function writeAndAbort(bootstrap: string, records: World["records"]): Promise<void> {
  const kafka = createClient({ brokers: [bootstrap] }, "test");
  const producer = kafka.producer({ transactionalId: "aborted", maxInFlightRequests: 1 });
  await producer.connect();
  try {
    const transaction = await producer.transaction();
    for (const { topic, partition, key, value } of records) {
      await transaction.send({
        topic,
        messages: [{ partition, key: bytes(key), value: bytes(value) }],
      });
    }
    await transaction.abort();
  } finally {
    await producer.disconnect();
  }
}
