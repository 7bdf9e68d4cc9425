import { assert, assertEquals } from "@std/assert";
import { PROCESSORS } from "../../topology.ts";
import { runWithEvidence } from "../pipeline.ts";
import { RUN_ID } from "../pipeline/shop.ts";
import { auditedViolations } from "./audit.ts";
import { type Evidence, historiesOf } from "./evidence.ts";
import { violationsOf } from "./promises.ts";

const RUN = {
  shape: {
    services: PROCESSORS,
    brokers: 1,
    partitions: 2,
    replicas: 2,
    orders: 30,
    maxBatch: 10,
    guarantee: "exactly_once",
    transactionTimeoutMs: 60_000,
    placedForMs: 500,
    horizonMs: 10_000,
  },
  onStage({ at, replicas }) {
    at(500, () => replicas.kill("payment-1"));
    at(2_000, () => replicas.start("payment-1"));
  },
} satisfies Omit<Parameters<typeof runWithEvidence>[0], "seed">;

const linesOf = (violations: readonly { promise: string; what: string }[]) =>
  violations.map(({ promise, what }) => `${promise} ${what}`);

Deno.test("auditedViolations: the audit finds nothing in schedules that keep their promises", async () => {
  for (const seed of [1, 2, 3]) {
    const { outcome, evidence } = await runWithEvidence({ ...RUN, seed });
    assertEquals(linesOf(outcome.violations), []);
    assertEquals(linesOf(await auditedViolations(evidence, RUN_ID)), []);
  }
});

/** What is left out of the log, by the type of its event. */
for (const kind of ["OrderConfirmed", "OrderRejected", "PaymentRefunded", "Released"] as const) {
  Deno.test(`auditedViolations: without a ${kind}, the audit and these promises name its order`, async () => {
    const { evidence } = await runWithEvidence({ ...RUN, seed: 2 });
    const { orders } = historiesOf(evidence, []);
    const [event] = [...orders.values()].flatMap(({ events }) => events.get(kind) ?? []);
    assert(event, `there is a ${kind}`);
    const { topic, partition, offset } = event.at;
    const spoilt: Evidence = {
      ...evidence,
      records: (name) =>
        evidence.records(name).filter((record) =>
          name !== topic || record.partition !== partition || record.offset !== offset
        ),
    };
    for (const found of [violationsOf(spoilt), await auditedViolations(spoilt, RUN_ID)]) {
      assert(
        linesOf(found).some((line) => line.includes(event.orderId)),
        linesOf(found).join("\n"),
      );
    }
  });
}
