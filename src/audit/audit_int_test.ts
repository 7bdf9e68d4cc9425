/** The command over a real log and real tables: sound ones pass, and what is broken by hand is named. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startTestBroker } from "../local/testing/test_broker.ts";
import { createClient } from "../kafka/client/client.ts";
import { bytes } from "../kafka/dead_letters.ts";
import type { Processor, Topic } from "../topology.ts";
import { jsonOf, publishFixture, runCommand, storeFixture } from "../commands/testing/fixtures.ts";
import { CHECK_NAMES } from "./checks.ts";
import {
  appendCopy,
  eventsOf,
  type Fixture,
  orderId,
  placeIn,
  rewrite,
} from "./testing/fixture.ts";
import { createFixture, SCENARIOS } from "./testing/scenarios.ts";

const CONFIRMED = SCENARIOS.indexOf("confirmed");
const OUT_OF_STOCK = SCENARIOS.indexOf("out_of_stock");

function drop(fixture: Fixture, [record]: Fixture["records"]): void {
  assert(record);
  fixture.records = fixture.records.filter((other) => other !== record);
}

interface Case {
  readonly name: string;
  readonly mutate: (fixture: Fixture) => void;
  /** What a failed line says. */
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "an event dropped",
    mutate: (fixture) => drop(fixture, eventsOf(fixture, CONFIRMED, "OrderConfirmed")),
    says: /FAIL G1 every order has exactly one outcome.*\n +r1-000000: no outcome/,
  },
  {
    name: "an event twice",
    mutate: (fixture) => appendCopy(fixture, eventsOf(fixture, CONFIRMED, "OrderConfirmed")[0]!),
    says: /FAIL G2 no event twice.*\n +r1-000000: OrderConfirmed again, at .*orders\.outcomes 0@/,
  },
  {
    name: "oversold",
    mutate: (fixture) => fixture.tables.stock[0]!.on_hand = -2,
    says: /FAIL G3 per product.*\n +p-1: -2 on hand: oversold/,
  },
  {
    name: "charged twice",
    mutate: (fixture) =>
      fixture.tables.charges.push({
        ...fixture.tables.charges[0]!,
        idempotency_key: "r1-000000.again",
      }),
    says: /FAIL G4 the gateway's own ledger.*\n(.*\n)* +r1-000000\.again: its row: charged;/,
  },
  {
    name: "a refund missing",
    mutate: (fixture) => drop(fixture, eventsOf(fixture, OUT_OF_STOCK, "PaymentRefunded")),
    says:
      /FAIL G4 refunded.*\n +r1-000001: OrderCancelled and PaymentProcessed, but no PaymentRefunded/,
  },
];

Deno.test("audit: over a real log and real tables", async (t) => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  let runs = 0;

  const auditFixture = async (fixture: Fixture, args: string[] = []) => {
    const directory = await Deno.makeTempDir({ prefix: "orderflow-audit-" });
    try {
      await storeFixture(directory, fixture);
      const { prefix } = fixture.names;
      return await runCommand("audit/main.ts", args, { bootstrap, prefix, directory });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  };
  const nextFixture = async (mutate: (fixture: Fixture) => void = () => {}) => {
    const fixture = createFixture(SCENARIOS, `run${++runs}.`);
    mutate(fixture);
    await publishFixture(bootstrap, fixture);
    return fixture;
  };

  /** Moves what a group has committed in a partition; what it committed is known from the fixture. */
  const moveOffset = async (
    { names, committed }: Fixture,
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
    const { code, stdout, stderr } = await auditFixture(await nextFixture());
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.endsWith(`\nAUDIT PASSED: all ${CHECK_NAMES.length} checks hold\n`), stdout);
    assert(!stdout.includes("FAIL"), stdout);
  });

  for (const { name, mutate, says } of CASES) {
    await t.step(`fails, names it, and exits with 1: ${name}`, async () => {
      const { code, stdout } = await auditFixture(await nextFixture(mutate));
      assertMatch(stdout, says);
      assertMatch(stdout, new RegExp(`\nAUDIT FAILED: \\d+ of ${CHECK_NAMES.length} checks\n$`));
      assertEquals(code, 1);
    });
  }

  await t.step("fails, and names whose committed offset somebody has moved: one back", async () => {
    const fixture = await nextFixture();
    await moveOffset(fixture, "validator", "orders.raw", -1);
    const { code, stdout } = await auditFixture(fixture);
    assertMatch(
      stdout,
      /FAIL G2 no committed offset is before.*; 1 wrong\n +r1-000015: validator answered orders\.raw 0@(\d+), but has committed \1:/,
    );
    assertEquals(code, 1);
  });

  await t.step(
    "fails, and names whose committed offset somebody has moved: one ahead",
    async () => {
      // An order that the validator has not read yet.
      const unread = (fixture: Fixture) => {
        const copy = appendCopy(fixture, eventsOf(fixture, CONFIRMED, "OrderPlaced")[0]!);
        rewrite(fixture, copy, { orderId: orderId(SCENARIOS.length) });
        const place = placeIn(copy.topic, copy.partition);
        fixture.committed.validator.set(place, fixture.ends.get(place)! - 1);
      };
      const fixture = await nextFixture(unread);
      const before = await auditFixture(fixture);
      assertMatch(before.stdout, /r1-000016: no outcome; seen: OrderPlaced/);
      assertMatch(before.stdout, /PASS G1 no committed offset is past/);
      await moveOffset(fixture, "validator", "orders.raw", 1);
      const { code, stdout } = await auditFixture(fixture);
      assertMatch(
        stdout,
        /FAIL G1 no committed offset is past.*; 1 wrong\n +r1-000016: validator has committed \d+, past orders\.raw 0@\d+, and did not answer it/,
      );
      assertEquals(code, 1);
    },
  );

  await t.step("--wait: fails when the time is up, and says who had how much to read", async () => {
    const fixture = await nextFixture();
    const place = placeIn(fixture.names.topic("payment.events"), 1);
    const messages = fixture.ends.get(place)!;
    await moveOffset(fixture, "fulfillment", "payment.events", -messages, 1);
    const [group, topic] = [
      fixture.names.group("fulfillment"),
      fixture.names.topic("payment.events"),
    ];
    const output = await auditFixture(fixture, ["--wait", "1", "--json"]);
    const says = `audit: not at rest after 1 s: ${group} has ${messages} of ${topic} to read: ` +
      `${messages} in 1\n`;
    assertEquals(output.code, 1);
    assert(output.stderr.startsWith(says), output.stderr);
    const { passed, notAtRest } = jsonOf(output);
    const waiting = [{ group, topic, partition: 1, messages }];
    assertEquals([passed, notAtRest], [false, { afterS: 1, waiting }]);
  });

  await t.step("--wait: does not wait for what is at rest", async () => {
    const { code, stdout, stderr } = await auditFixture(await nextFixture(), ["--wait", "3600"]);
    assertEquals([code, stderr], [0, ""], stdout);
  });

  await t.step("--json says the same to machines", async () => {
    const fixture = await nextFixture((w) => drop(w, eventsOf(w, CONFIRMED, "PaymentProcessed")));
    const output = await auditFixture(fixture, ["--json"]);
    const { passed, checks, events } = jsonOf(output);
    assertEquals([output.code, passed], [1, false]);
    const failed = checks.filter((check: { passed: boolean }) => !check.passed);
    assertEquals(failed[0].offenders[0].who, orderId(CONFIRMED));
    assertEquals(events.OrderConfirmed, 5);
  });

  await t.step("does not see what was never committed", async () => {
    const fixture = await nextFixture();
    await writeAndAbort(bootstrap, eventsOf(fixture, CONFIRMED, "OrderConfirmed"));
    const { code, stdout } = await auditFixture(fixture);
    assertEquals(code, 0, stdout);
  });

  await t.step("an empty cluster proves nothing, and exits with 1", async () => {
    const fixture = createFixture([], "empty.");
    const { code, stdout } = await auditFixture(fixture);
    assertEquals(code, 1);
    assertStringIncludes(stdout, "there is nothing to audit: no order was ever placed");
  });

  await t.step("an unknown option is named, and exits with 2", async () => {
    const { code, stderr } = await auditFixture(createFixture([], "empty."), ["--jsno"]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "--jsno: unknown option; did you mean --json?");
  });
});

/** Writes copies of records in a transaction, and gives it up. */
async function writeAndAbort(bootstrap: string, records: Fixture["records"]): Promise<void> {
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
