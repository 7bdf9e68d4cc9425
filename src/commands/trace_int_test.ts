/** The command over a real log and real tables. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startTestBroker } from "../local/testing/test_broker.ts";
import { partitionForKey as partitionOfKey } from "../kafka/producer/partitioning.ts";
import { orderId, PARTITIONS } from "../audit/testing/fixture.ts";
import { createFixture, type Scenario, SCENARIOS } from "../audit/testing/scenarios.ts";
import { jsonOf, publishFixture, runCommand, storeFixture } from "./testing/fixtures.ts";

/** Enough of every scenario that some order of it is where its key belongs, and some is not. */
const COPIES = 12;

Deno.test("trace: over a real log and real tables", async (t) => {
  await using broker = await startTestBroker();
  const { bootstrap } = broker;
  const directory = await Deno.makeTempDir({ prefix: "orderflow-trace-" });
  try {
    const prefix = "trace-test.";
    const fixture = createFixture(Array.from({ length: COPIES }, () => SCENARIOS).flat(), prefix);
    await publishFixture(bootstrap, fixture);
    // So that some orders have no row.
    fixture.tables.seen_orders.length = 0;
    await storeFixture(directory, fixture);

    const trace = (...args: string[]) =>
      runCommand("commands/trace.ts", args, { bootstrap, prefix, directory });
    const orderWith = (scenario: Scenario, home: boolean) => {
      for (
        let n = SCENARIOS.indexOf(scenario);
        n < COPIES * SCENARIOS.length;
        n += SCENARIOS.length
      ) {
        if ((partitionOfKey(orderId(n), PARTITIONS) === n % PARTITIONS) === home) return orderId(n);
      }
      throw new Error(`the fixture has no such order: ${scenario}`);
    };

    await t.step("a hint names the file that it was called with", async () => {
      const file = `${directory}/.env`;
      await Deno.writeTextFile(file, "");
      const broken = await trace(orderWith("broken", true), "--env", file);
      assertMatch(broken.stdout, new RegExp(`\`deno task dlq show validator \\S+ --env ${file}\``));
      const unknown = await trace("nobody", "--env", file);
      const hint = `\`deno task trace nobody --all-partitions --env ${file}\``;
      assertStringIncludes(unknown.stderr, hint);
    });

    const timelines: [Scenario, RegExp][] = [
      ["confirmed", /\nconfirmed after .*; the stock was taken, .* were charged\.\n$/],
      ["card_declined", /\ncancelled after .*; the stock was released, nothing was charged\.\n$/],
      ["rejected", /\nrejected after .* because of unknown_customer/],
      ["broken", /dead letter +invalid_json: .*\n(.*\n)*not finished: the validator could not/],
    ];
    for (const [scenario, says] of timelines) {
      await t.step(`shows the timeline of an order that was ${scenario}`, async () => {
        const id = orderWith(scenario, true);
        const { code, stdout, stderr } = await trace(id);
        assertEquals([code, stderr], [0, ""]);
        assertMatch(stdout, new RegExp(`^order ${id}, `));
        assertMatch(stdout, says);
      });
    }

    await t.step("shows the order's rows", async () => {
      const { stdout } = await trace(orderWith("out_of_stock", true));
      assertMatch(stdout, /inventory\.reservations +state=rejected/);
      assertMatch(stdout, /payment\.payments +state=refunded/);
      assertMatch(stdout, /gateway\.charges +.*status=charged .*refunded_cents=[1-9]/);
    });

    await t.step("--json tells the same to machines", async () => {
      const id = orderWith("confirmed", true);
      const timeline = jsonOf(await trace(id, "--json"));
      assertEquals(timeline.orderId, id);
      assertEquals(timeline.steps.map((step: { event: string }) => step.event), [
        "OrderPlaced",
        "OrderValidated",
        "InventoryUpdated",
        "PaymentProcessed",
        "OrderConfirmed",
      ]);
      assertEquals(timeline.rows.length, 4);
    });

    await t.step("a misrouted order is found in all partitions, and marked", async () => {
      const id = orderWith("rejected", false);
      const narrow = await trace(id);
      assertEquals(narrow.code, 1);
      assertStringIncludes(narrow.stderr, "--all-partitions` searches the others, too");
      const wide = await trace(id, "--all-partitions");
      assertEquals(wide.code, 0);
      assertMatch(wide.stdout, /\(in partition \d+; its key belongs to \d+\)/);
    });

    await t.step(
      "a misrouted order that has rows is not taken for one without events",
      async () => {
        const { code, stdout, stderr } = await trace(orderWith("confirmed", false));
        assertEquals(code, 0);
        assertStringIncludes(stderr, "--all-partitions` searches the others, too");
        assertStringIncludes(stdout, "no event of it was found, only rows");
      },
    );

    await t.step("an unknown order exits with 1", async () => {
      const { code, stdout, stderr } = await trace("nobody", "--all-partitions");
      assertEquals([code, stdout], [1, ""]);
      assertMatch(stderr, /nothing is known of order nobody: searched all partitions/);
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
