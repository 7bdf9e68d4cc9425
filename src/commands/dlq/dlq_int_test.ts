/** The commands over a real log: dead letters are listed, shown, and resolved once, whoever tries again. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startTestBroker } from "../../local/testing/test_broker.ts";
import { Failure } from "../../runtime/errors.ts";
import { createClient } from "../../kafka/client/client.ts";
import { openLogReader } from "../../kafka/readers/log_reader.ts";
import { type LogRecord } from "../../kafka/records.ts";
import { Fenced, openTransactionalSender } from "../../kafka/producer/transactional_sender.ts";
import { addDeadLetter, appendRecord } from "../../audit/testing/fixture.ts";
import { createFixture } from "../../audit/testing/scenarios.ts";
import { jsonOf, publishFixture, runCommand } from "../testing/fixtures.ts";
import { resolveDeadLetters } from "./resolve.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("dlq: over a real log", async (t) => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  const kafka = createClient({ brokers: [bootstrap] }, "test");
  const reader = await openLogReader(kafka);
  try {
    const prefix = "dlq-test.";
    const fixture = createFixture([], prefix);
    // A dead letter of each kind that is shown differently, and many alike.
    const headers = { traceparent: "00-1" };
    const values = [bytes('{"type":"OrderPlaced"}'), bytes("\u001b[31m{"), null];
    for (const [index, value] of values.entries()) {
      const raw = appendRecord(fixture, "orders.raw", 1, `o-${index}`, value, headers);
      addDeadLetter(fixture, "validator", raw, value === null ? "empty_value" : "invalid_json");
    }
    // Two of them are each small enough for a broker, and together too large for one batch.
    const sizes = [...Array(250).fill(10), 250_000, 900_000];
    for (const [n, size] of sizes.entries()) {
      const value = bytes(`{"n":${n}`.padEnd(size));
      const raw = appendRecord(fixture, "orders.raw", 2, `many-${n}`, value);
      addDeadLetter(fixture, "validator", raw, "too_large");
    }
    const stray = appendRecord(fixture, "orders.raw", 0, "stray", bytes("{"));
    addDeadLetter(fixture, "payment", stray, "invalid_json");
    await publishFixture(bootstrap, fixture);

    const dlq = (...args: string[]) =>
      runCommand("commands/dlq/main.ts", args, { bootstrap, prefix });
    const recordsOf = async (topic: string) => {
      const all: LogRecord[] = [];
      for await (const records of reader.read(prefix + topic)) all.push(...records);
      return all;
    };
    const placedBefore = (await recordsOf("orders.raw")).length;

    await t.step("list shows the open dead letters, with counts", async () => {
      const { code, stdout } = await dlq("list", "validator");
      assertEquals(code, 0);
      assertMatch(stdout, /^0@0 {4}2026-.*Z {2}invalid_json {2}key o-0/);
      assertMatch(stdout, /\n0@2 {4}2026-.*Z {2}empty_value {3}key o-2/);
      assertStringIncludes(stdout, `${prefix}dlq.validator: 255 open, 0 replayed, 0 discarded\n`);
    });

    await t.step("show prints headers and bytes, safe for a terminal", async () => {
      const { code, stdout } = await dlq("show", "validator", "0@1");
      assertEquals(code, 0);
      assertMatch(stdout, /dlq-source-partition +1\n/);
      assertStringIncludes(stdout, "\\u{1b}[31m{");
      assert(!stdout.includes("\u001b"));
    });

    await t.step("--json tells other programs the same", async () => {
      const list = jsonOf(await dlq("list", "validator", "--json", "--reason", "invalid_json"));
      const { deadLetters, ...counts } = list;
      assertEquals(counts, {
        service: "validator",
        topic: `${prefix}dlq.validator`,
        open: 2,
        replayed: 0,
        discarded: 0,
        reasons: { invalid_json: { open: 2, replayed: 0, discarded: 0 } },
      });
      assertEquals(deadLetters.map(({ id }: { id: string }) => id), ["0@0", "0@1"]);
      const shown = jsonOf(await dlq("show", "validator", "0@1", "--json"));
      const { headers, time, ...fields } = shown;
      assertMatch(time, /^2026-.*Z$/);
      assertEquals(headers["traceparent"], "00-1");
      assertEquals(fields, {
        service: "validator",
        topic: `${prefix}dlq.validator`,
        id: "0@1",
        partition: 0,
        offset: 1,
        reason: "invalid_json",
        detail: "",
        attempts: 1,
        key: "o-1",
        source: { topic: `${prefix}orders.raw`, partition: 1, offset: 1 },
        state: "open",
        resolvedAt: null,
        valueBytes: 6,
        value: "\u001b[31m{",
        valueBase64: "G1szMW17",
      });
    });

    await t.step("replay sends the message once, as it was received, and says so", async () => {
      const { code, stdout } = await dlq("replay", "validator", "0@0");
      assertEquals([code, stdout], [0, `1 dead letter of ${prefix}dlq.validator replayed\n`]);
      const placed = await recordsOf("orders.raw");
      assertEquals(placed.length, placedBefore + 1);
      const copy = placed.find((record) => "replayed-from" in record.headers)!;
      assertEquals(copy.partition, 1);
      assertEquals([new TextDecoder().decode(copy.key!), new TextDecoder().decode(copy.value!)], [
        "o-0",
        '{"type":"OrderPlaced"}',
      ]);
      const from = `${prefix}dlq.validator 0@0`;
      assertEquals({ ...copy.headers }, { traceparent: "00-1", "replayed-from": from });
    });

    await t.step("a second replay is refused, and changes nothing", async () => {
      const before = (await recordsOf("orders.raw")).length;
      for (const action of ["replay", "discard"]) {
        const { code, stderr } = await dlq(action, "validator", "0@0");
        assertEquals(code, 1);
        assertMatch(stderr, /dead letter 0@0 of .*dlq\.validator was already replayed, at 20/);
      }
      assertEquals((await recordsOf("orders.raw")).length, before);
    });

    await t.step("discard resolves a dead letter without sending it", async () => {
      const before = (await recordsOf("orders.raw")).length;
      assertEquals((await dlq("discard", "validator", "0@1")).code, 0);
      assertEquals((await recordsOf("orders.raw")).length, before);
      const { stdout } = await dlq("list", "validator");
      assertStringIncludes(stdout, `${prefix}dlq.validator: 253 open, 1 replayed, 1 discarded\n`);
    });

    await t.step("--all with a reason resolves those that are open, and no others", async () => {
      const before = (await recordsOf("orders.raw")).length;
      const { stdout } = await dlq("replay", "validator", "--all", "--reason", "too_large");
      assertEquals(stdout, `${sizes.length} dead letters of ${prefix}dlq.validator replayed\n`);
      const placed = (await recordsOf("orders.raw")).filter(({ partition }) => partition === 2);
      const order = placed.slice(sizes.length).map(({ key }) => new TextDecoder().decode(key!));
      assertEquals(order, sizes.map((_, n) => `many-${n}`));
      assertEquals((await recordsOf("orders.raw")).length, before + sizes.length);
      const again = await dlq("replay", "validator", "--all", "--reason", "too_large");
      assertMatch(again.stdout, /^no open dead letters in .* with too_large\n$/);
      assertMatch((await dlq("list", "validator")).stdout, /: 1 open, 253 replayed, 1 discarded\n/);
    });

    await t.step(
      "a dead letter that came from where its service does not read stays open",
      async () => {
        const { code, stderr } = await dlq("replay", "payment", "0@0");
        assertEquals(code, 1);
        assertMatch(
          stderr,
          /cannot be replayed: it says that it came from .*orders\.raw partition 0/,
        );
        assertMatch((await dlq("list", "payment")).stdout, /: 1 open, 0 replayed, 0 discarded\n/);
      },
    );

    await t.step("two at once: the later one fences the earlier one", async () => {
      const id = `${prefix}dlq-validator`;
      const earlier = await openTransactionalSender(kafka, id);
      const later = await openTransactionalSender(kafka, id);
      try {
        const [deadLetter] = await recordsOf("dlq.validator");
        const error = await earlier.send([deadLetter!]).catch((error) => error);
        assert(error instanceof Fenced, String(error));
      } finally {
        await Promise.all([earlier.close(), later.close()]);
      }
    });

    await t.step("two at once: a dead letter is resolved by one of them", async () => {
      const resolve = () =>
        resolveDeadLetters(
          { kafka, reader, names: fixture.names, onUnreadable() {} },
          "validator",
          {
            resolution: "replayed",
            selection: { id: "0@2" },
            signal: new AbortController().signal,
            now: () => new Date().toISOString(),
          },
        );
      const results = await Promise.allSettled([resolve(), resolve()]);
      const done = results.filter(({ status }) => status === "fulfilled");
      assert(done.length <= 1);
      for (const result of results) {
        if (result.status === "rejected") assert(result.reason instanceof Failure);
      }
      if (done.length === 0) await resolve();
      const copies = (await recordsOf("orders.raw")).filter(({ headers }) =>
        headers["replayed-from"] === `${prefix}dlq.validator 0@2`
      );
      assertEquals(copies.length, 1);
    });

    await t.step("what is not there is named, with the way out", async () => {
      const cases: [string[], number, RegExp][] = [
        [
          ["list", "shipping"],
          2,
          /"shipping": unknown service; expected one of validator, inventory, /,
        ],
        [
          ["eat", "validator"],
          2,
          /"eat": unknown action; expected one of list, show, replay, discard, skip/,
        ],
        [["show", "validator"], 2, /expected show SERVICE PARTITION@OFFSET/],
        [["show", "validator", "12"], 2, /PARTITION@OFFSET, such as 0@12, found "12"/],
        [["replay", "validator"], 2, /which dead letters\? .*--all/],
        [
          ["discard", "validator", "--all", "--reason", "bad"],
          2,
          /--reason bad: unknown reason; expected one of/,
        ],
        [
          ["show", "validator", "0@9999"],
          1,
          /there is no dead letter 0@9999 in .*`deno task dlq list validator`/,
        ],
        [["replay", "validator", "7@0"], 1, /there is no dead letter 7@0/],
        [["list"], 2, /expected list SERVICE/],
        [["list", "validator", "0@1"], 2, /"0@1": unexpected; expected list SERVICE/],
        [["discard", "validator", "--all", "--json"], 2, /--json: only list and show/],
      ];
      for (const [args, expected, says] of cases) {
        const { code, stderr } = await dlq(...args);
        assertEquals(code, expected, args.join(" "));
        assertMatch(stderr, says);
      }
    });
  } finally {
    await reader.close();
  }
});
