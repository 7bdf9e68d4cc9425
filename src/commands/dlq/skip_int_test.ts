/**
 * Batches that cannot be read. A broker takes none, so they are damaged in its log, as a failing disk
 * does it; then every reader meets them.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Registry } from "prom-client";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import type { Logger } from "../../runtime/log.ts";
import { openDatabase } from "../../database/open.ts";
import { findPosition, inputOf, positions } from "../../database/positions.ts";
import type { createClient } from "../../kafka/client/client.ts";
import { DEAD_LETTER_HEADERS } from "../../kafka/dead_letters.ts";
import { createProcessorMetrics } from "../../kafka/metrics.ts";
import { committedOffsets } from "../../kafka/offsets/committed_offsets.ts";
import type { Guarantee } from "../../kafka/processor/options.ts";
import { until } from "../../runtime/until.ts";
import { placed, readAll, refuse, startValidator } from "../../kafka/testing/topics.ts";
import { damageLog, flipBit, withChecksum } from "../../kafka/testing/damaged_log.ts";
import type { Names } from "../../topology.ts";
import { runCommand } from "../testing/fixtures.ts";
import { assertReadersReport, BATCHES, publishOrders, SIZE } from "./testing/damaged_batches.ts";

const LIMIT_MS = 60_000;

interface Case {
  readonly what: string;
  readonly guarantee: Guarantee;
  /** Which of the three batches of partition 0, each of three orders. */
  readonly batch: number;
  readonly damage: (batch: Buffer) => void;
  readonly why: string;
}

const CASES: readonly Case[] = [
  {
    what: "a changed byte",
    guarantee: "exactly_once",
    batch: 1,
    damage: flipBit,
    why: "its checksum is wrong",
  },
  {
    what: "a changed byte in the last batch of the log",
    guarantee: "at_least_once",
    batch: 2,
    damage: flipBit,
    why: "its checksum is wrong",
  },
  {
    what: "a codec that nobody knows",
    guarantee: "at_least_once",
    batch: 0,
    damage: (batch) => {
      batch[22]! |= 6;
      withChecksum(batch);
    },
    why: "its codec has the number 6, which is not defined",
  },
  {
    what: "compressed data that is none",
    guarantee: "exactly_once",
    batch: 1,
    damage: (batch) => {
      batch[22]! |= 3;
      withChecksum(batch);
    },
    why: "its lz4 data is damaged (it is not valid)",
  },
  {
    what: "the mark of an old format",
    guarantee: "exactly_once",
    batch: 1,
    damage: looksOld,
    why: "its checksum is wrong",
  },
];

/** The format of 2014 puts its attributes where this one's checksum begins. */
function looksOld(batch: Buffer): void {
  batch[16] = 1;
  batch[17]! &= ~7;
}

const idsOf = (sequences: readonly number[]) => sequences.map((n) => placed(n).orderId);

Deno.test("a batch that cannot be read", async (t) => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  const fixtures = await Promise.all(
    CASES.map(async (situation) => ({ ...situation, ...await publishOrders(bootstrap) })),
  );
  const unsent = await publishOrders(bootstrap);
  await broker.stop();
  await damageLog(`${broker.directory}/log/${unsent.topic}-0`, {
    batch: 1,
    damage: (batch) => {
      looksOld(batch);
      // Compressed, as it seems then: the broker looks into it for its first offset, and fails.
      batch[17]! |= 1;
    },
  });
  for (const { topic, ...situation } of fixtures) {
    await damageLog(`${broker.directory}/log/${topic}-0`, situation);
  }
  await broker.start();
  for (const fixture of fixtures) {
    const { what, guarantee, names, batch, why, kafka } = fixture;
    await t.step(
      `${what}, ${guarantee}: its partition is paused and says so, others go on, until it is skipped`,
      async () => {
        const first = batch * SIZE;
        const place = `${names.topic("orders.raw")}/0`;
        const others = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((n) => n < first || n >= first + SIZE);
        const before = idsOf([...others.filter((n) => n < first), 100]);
        await assertReadersReport(bootstrap, fixture, idsOf([...others, 100]), `${place} offset`);

        const lines: string[] = [];
        const note = (line: unknown) => void lines.push(String(line));
        const metrics = createProcessorMetrics(new Registry());
        const directory = await Deno.makeTempDir({ prefix: "orderflow-skip-" });
        const database = await openDatabase({ directory, owner: "validator", tables: [positions] });
        const validator = startValidator(bootstrap, names, refuse, {
          guarantee,
          metrics,
          tables: { database, work: [] },
          log: { debug: note, info: note, warn: note } as unknown as Logger,
        });
        const outcomes = async () =>
          (await readAll(kafka, names.topic("orders.outcomes")))
            .map(({ key }) => new TextDecoder().decode(key!)).toSorted();
        await until(
          "it is paused",
          () => !!validator.processor.notReady()?.includes("is paused"),
          LIMIT_MS,
        );
        await until("the others go on", async () => (await outcomes()).length >= before.length);
        const said = validator.processor.notReady()!;
        assertMatch(said, new RegExp(`^${place} (from offset|offsets) ${first}\\b`));
        const command = `dlq skip validator ${names.topic("orders.raw")} 0@${first}`;
        for (const part of [why, "the partition is paused", command]) {
          assertStringIncludes(said, part);
        }
        assertEquals(await outcomes(), before.toSorted());
        assertEquals(await committed(kafka, names), first === 0 ? undefined : first);

        const dlq = (...args: string[]) =>
          runCommand("commands/dlq/main.ts", args, { bootstrap, prefix: names.prefix });
        const skip = () => dlq("skip", "validator", "orders.raw", `0@${first}`);
        const skipped = await skip();
        assertEquals([skipped.code, skipped.stderr], [0, ""]);
        assertMatch(skipped.stdout, new RegExp(`goes on at offset ${first + SIZE}`));
        await until("it works", () => validator.processor.notReady() === undefined, LIMIT_MS);
        const all = idsOf([...others, 100]).toSorted();
        await until("all others are done", async () => (await outcomes()).length >= all.length);
        assertEquals(await outcomes(), all);
        await validator.stop();
        const end = BATCHES * SIZE;
        assertEquals(await committed(kafka, names), end);
        const position = await findPosition(database, inputOf(names.topic("orders.raw"), 0));
        assertEquals([position?.workFrom, position?.workTo], [end, end]);
        await database.close();
        await Deno.remove(directory, { recursive: true });
        assertEquals(
          lines.filter((line) => line.startsWith("assigned")).length,
          1,
          lines.join("\n"),
        );
        assertEquals((await metrics.partitionRestarts.get()).values.map(({ value }) => value), [0]);
        assertEquals(
          (await metrics.deadLetters.get()).values.map(({ labels, value }) => [labels, value]),
          [
            [{ reason: "unreadable" }, 1],
          ],
        );
        await assertDeadLetter(kafka, names, first);
      },
    );
  }

  await t.step(
    "what the broker itself cannot read: its partition is paused, and nobody can skip it",
    async () => {
      const lines: string[] = [];
      const note = (line: unknown) => void lines.push(String(line));
      const validator = startValidator(bootstrap, unsent.names, refuse, {
        log: { debug: note, info: note, warn: note } as unknown as Logger,
      });
      const reason = () => validator.processor.notReady() ?? "";
      await until("it is paused", () => reason().includes("UNKNOWN_SERVER_ERROR"), LIMIT_MS);
      assertStringIncludes(reason(), "kafka-delete-records.sh");
      const outcomes = async () =>
        (await readAll(unsent.kafka, unsent.names.topic("orders.outcomes"))).length;
      await until("the others go on", async () => await outcomes() >= SIZE + 1);
      await validator.stop();
      assertEquals(lines.filter((line) => line.startsWith("assigned")).length, 1, lines.join("\n"));
      const skipped = await runCommand("commands/dlq/main.ts", [
        "skip",
        "validator",
        "orders.raw",
        "0@3",
      ], {
        bootstrap,
        prefix: unsent.names.prefix,
      });
      assertEquals(skipped.code, 1);
      assertMatch(skipped.stderr, /where it ends is not known/);
    },
  );

  await t.step(
    "its dead letter is listed and discarded, not replayed; trace and audit say what they left out",
    async () => {
      const { names } = fixtures[0]!;
      const options = { bootstrap, prefix: names.prefix };
      const dlq = (...args: string[]) => runCommand("commands/dlq/main.ts", args, options);
      const again = await dlq("skip", "validator", "orders.raw", "0@3");
      assertMatch(again.stderr, /dead letter 0@0 has it already/);
      assertMatch((await dlq("list", "validator")).stdout, /^0@0 .* unreadable .* cannot be read/);
      assertMatch((await dlq("replay", "validator", "0@0")).stderr, /holds no message to replay/);
      assertMatch(
        (await dlq("discard", "validator", "0@0")).stdout,
        /1 dead letter of .* discarded/,
      );
      const directory = await Deno.makeTempDir({ prefix: "orderflow-" });
      const search = await runCommand(
        "commands/trace.ts",
        [placed(0).orderId, "--all-partitions"],
        {
          ...options,
          directory,
        },
      );
      const audit = await runCommand("audit/main.ts", [], { ...options, directory });
      assertEquals(audit.code, 1);
      assertMatch(
        audit.stdout,
        /offsets 3 to 5 cannot be read \(its checksum is wrong\) nor audited/,
      );
      assertMatch(audit.stdout, /PASS G5 every dead letter is about a message that is there/);
      await Deno.remove(directory, { recursive: true });
      assertMatch(search.stderr, /^trace: .*orders\.raw\/0 offsets 3 to 5 cannot be read/);
    },
  );

  await t.step("skip: what can be read is not skipped, and what is wrong is named", async () => {
    const { names } = fixtures[0]!;
    const cases: [string[], number, RegExp][] = [
      [["skip", "validator", "orders.raw", "0@0"], 1, /orders\.raw\/0 offset 0 can be read/],
      [["skip", "validator", names.topic("orders.raw"), "1@0"], 1, /\/1 offset 0 can be read/],
      [["skip", "validator", "orders.raw", "0@99"], 1, /has the offsets 0 to 8, found 99/],
      [["skip", "validator", "orders.raw", "7@0"], 1, /there is no partition 7/],
      [["skip", "validator", "0@0"], 2, /expected skip SERVICE TOPIC PARTITION@OFFSET/],
      [
        ["skip", "validator", "payment.events", "0@0"],
        2,
        /"payment\.events": not a topic that validator reads; expected one of orders\.raw/,
      ],
      [["skip", "validator", "orders.raw", "0@0", "--all"], 2, /neither --all nor --reason/],
    ];
    for (const [args, expected, says] of cases) {
      const { code, stderr } = await runCommand("commands/dlq/main.ts", args, {
        bootstrap,
        prefix: names.prefix,
      });
      assertMatch(stderr, says);
      assertEquals(code, expected, args.join(" "));
    }
  });
});

async function committed(
  kafka: ReturnType<typeof createClient>,
  names: Names,
): Promise<number | undefined> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const topic = names.topic("orders.raw");
    return (await committedOffsets(admin, names.group("validator"), topic)).get(0);
  } finally {
    await admin.disconnect();
  }
}

/** The dead letter has the bytes, and the range. */
async function assertDeadLetter(
  kafka: ReturnType<typeof createClient>,
  names: Names,
  first: number,
): Promise<void> {
  const [deadLetter] = await readAll(kafka, names.topic("dlq.validator"));
  assert(deadLetter?.value);
  assertEquals(Buffer.from(deadLetter.value).readBigInt64BE(0), BigInt(first));
  const { reason, topic, partition, offset, nextOffset } = DEAD_LETTER_HEADERS;
  assertEquals(
    [reason, topic, partition, offset, nextOffset].map((name) => deadLetter.headers[name]),
    ["unreadable", names.topic("orders.raw"), "0", String(first), String(first + SIZE)],
  );
}
