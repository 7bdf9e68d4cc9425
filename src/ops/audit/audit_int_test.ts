/** The command over a real log and real tables: sound ones pass, and what is broken by hand is named. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startTestBroker } from "../../local/testing.ts";
import { createClient } from "../../stream/client.ts";
import { bytes } from "../../stream/dead_letters.ts";
import { jsonOf, publishWorld, runCommand, storeWorld } from "../testing.ts";
import { appendCopy, eventsOf, orderId, type World } from "./testing/world.ts";
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

  await t.step("passes a sound one, and exits with 0", async () => {
    const { code, stdout, stderr } = await auditWorld(await nextWorld());
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /\nAUDIT PASSED: all 23 checks hold\n$/);
    assert(!stdout.includes("FAIL"), stdout);
  });

  for (const { name, spoil, says } of CASES) {
    await t.step(`fails, names it, and exits with 1: ${name}`, async () => {
      const { code, stdout } = await auditWorld(await nextWorld(spoil));
      assertMatch(stdout, says);
      assertMatch(stdout, /\nAUDIT FAILED: \d+ of 23 checks\n$/);
      assertEquals(code, 1);
    });
  }

  await t.step("--json says the same to machines", async () => {
    const world = await nextWorld((w) => drop(w, eventsOf(w, CONFIRMED, "PaymentProcessed")));
    const output = await auditWorld(world, ["--json"]);
    const { passed, checks, events } = jsonOf(output);
    assertEquals([output.code, passed], [1, false]);
    const failed = checks.filter((check: { passed: boolean }) => !check.passed);
    assertEquals(failed[0].offenders[0].who, orderId(CONFIRMED));
    assertEquals(events.OrderConfirmed, 4);
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
    assertStringIncludes(stderr, "--jsno: no such option");
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
