/** A dead letter is resolved once and whole, whatever another person or the cluster does meanwhile. */
import { assertEquals, assertRejects } from "@std/assert";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { Failure } from "../../runtime/errors.ts";
import { createClient } from "../../kafka/client/client.ts";
import { type LogReader, openLogReader } from "../../kafka/readers/log_reader.ts";
import { PROBE, readAll, setRefusing } from "../../kafka/testing/topics.ts";
import { createFixture } from "../../audit/testing/scenarios.ts";
import { publishFixture } from "../testing/fixtures.ts";
import { resolveDeadLetters } from "./resolve.ts";

const broker = sharedByTests(startTestBroker);

/** One dead letter of the validator on a log of its own. */
async function setUp(prefix: string) {
  const fixture = createFixture(["broken"], prefix);
  await publishFixture(broker.bootstrap, fixture);
  const kafka = createClient({ brokers: [broker.bootstrap] }, "test");
  const reader = await openLogReader(kafka);
  const { names } = fixture;
  const lengthOf = async (topic: "orders.raw" | "dlq.validator") =>
    (await readAll(kafka, names.topic(topic)))
      .filter(({ key }) => new TextDecoder().decode(key ?? undefined) !== PROBE).length;
  return {
    setRefusing: (topic: "orders.raw" | "dlq.validator", refusing: boolean) =>
      setRefusing(kafka, names.topic(topic), refusing),
    replay: (through: LogReader = reader) =>
      resolveDeadLetters({ kafka, reader: through, names, onUnreadable() {} }, "validator", {
        resolution: "replayed",
        selection: { id: "0@0" },
        signal: new AbortController().signal,
        now: () => new Date().toISOString(),
      }),
    /** A reader that does something when it has read for the first time. */
    thenOnce(work: () => Promise<unknown>): LogReader {
      let done = false;
      return {
        ...reader,
        async *read(topic, options) {
          yield* reader.read(topic, options);
          if (!done) {
            done = true;
            await work();
          }
        },
      };
    },
    /** How many messages there are: the broken one with its replays, the dead letter with its resolutions. */
    lengths: async () => [await lengthOf("orders.raw"), await lengthOf("dlq.validator")],
    [Symbol.asyncDispose]: () => reader.close(),
  };
}

Deno.test("resolveDeadLetters: one that another person resolves after it was read is not resolved again", async () => {
  await using log = await setUp("resolved-meanwhile.");
  const { replay, thenOnce, lengths } = log;
  const meanwhile = thenOnce(async () => assertEquals(await replay(), 1));
  await assertRejects(() => replay(meanwhile), Failure, "another process is resolving");
  assertEquals(await lengths(), [2, 2]);
});

for (const refusing of ["orders.raw", "dlq.validator"] as const) {
  Deno.test(`resolveDeadLetters: while ${refusing} refuses, neither replay nor resolution is there; then both`, async () => {
    await using log = await setUp(`${refusing}-refuses.`);
    const { replay, lengths } = log;
    await log.setRefusing(refusing, true);
    await assertRejects(() => replay());
    assertEquals(await lengths(), [1, 1]);
    await log.setRefusing(refusing, false);
    assertEquals(await replay(), 1);
    assertEquals(await lengths(), [2, 2]);
  });
}
