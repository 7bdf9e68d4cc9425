/** A dead letter excuses what depends on its message, and nothing else. */
import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../kafka/records.ts";
import { type Processor, PROCESSORS, type Topic, topicsReadBy } from "../topology.ts";
import type { CheckName } from "./checks.ts";
import { DUTIES, type Duty, explainedBy, type Kind, kindOf } from "./duties.ts";
import { passed, reportLines } from "./report.ts";
import { addDeadLetter, eventIn, type Fixture, orderId } from "./testing/fixture.ts";
import { auditFixture, checkOf } from "./testing/audit_fixture.ts";
import { KNOWN } from "./testing/other_services.ts";
import { createFixture, type Scenario } from "./testing/scenarios.ts";

const ORDERS: readonly Scenario[] = ["confirmed", "out_of_stock", "card_declined", "rejected"];

/** Which other checks must notice a missing event. */
const NOTICED_BY: { readonly [K in Kind]?: CheckName } = {
  OrderConfirmed: "outcome",
  OrderCancelled: "outcome",
  InventoryReleased: "released",
  PaymentRefunded: "refunded",
};

function kindIn(record: LogRecord): Kind | undefined {
  const event = eventIn(record);
  return event && kindOf(event);
}

const OUTCOMES: Kind[] = ["OrderConfirmed", "OrderCancelled"];
const UNDONE: Kind[] = ["InventoryReleased", "PaymentRefunded"];

/** What our own services write. */
const OURS = new Set(
  DUTIES.filter(({ service }) => KNOWN.includes(service)).flatMap(({ answers }) => answers),
);

/** By the dead letter's service and the topic of its message. */
const EXPLAINED: Readonly<Record<string, readonly Kind[]>> = {
  "inventory orders.validated": ["InventoryReserved", "InventoryRejected", ...OUTCOMES, ...UNDONE],
  "payment orders.validated": ["PaymentProcessed", "PaymentFailed", ...OUTCOMES, ...UNDONE],
  "fulfillment inventory.events": [...OUTCOMES, ...UNDONE],
  "fulfillment payment.events": [...OUTCOMES, ...UNDONE],
  "inventory orders.outcomes": ["InventoryReleased"],
  "payment orders.outcomes": ["PaymentRefunded"],
};

Deno.test("explainedBy: the answers to the message, and what they lead to", () => {
  for (const [reading, kinds] of Object.entries(EXPLAINED)) {
    const [service, topic] = reading.split(" ") as [Processor, Topic];
    // Services of your own may come after ours.
    const ours = [...explainedBy(service, topic)].filter((kind) => OURS.has(kind));
    assertEquals(ours.toSorted(), kinds.toSorted(), reading);
  }
});

/** The order's message on a topic that a service reads. */
function messageOn(fixture: Fixture, topic: Topic): LogRecord | undefined {
  return fixture.records.find((record) => record.topic === fixture.names.topic(topic));
}

/** What a service answered to the order. */
function answersOf(fixture: Fixture, { answers }: Duty): LogRecord[] {
  return fixture.records.filter((record) => answers.includes(kindIn(record)!));
}

interface Excuse {
  readonly scenario: Scenario;
  /** It has a dead letter for the order's message on `topic`. */
  readonly service: Processor;
  readonly topic: Topic;
  /** Has not been done. */
  readonly duty: Duty;
}

/** Every dead letter beside every missing answer that it does not explain. */
const EXCUSES: readonly Excuse[] = ORDERS.flatMap((scenario) => {
  const fixture = createFixture([scenario]);
  return PROCESSORS.flatMap((service) => topicsReadBy(service).map((topic) => ({ service, topic })))
    .filter(({ topic }) => topic !== "orders.raw" && messageOn(fixture, topic))
    .flatMap(({ service, topic }) =>
      DUTIES.filter((duty) => {
        const explained = explainedBy(service, topic);
        return answersOf(fixture, duty).length > 0 &&
          !duty.answers.some((kind) => explained.has(kind)) &&
          // Without the message there is no dead letter for it.
          !answersOf(fixture, duty).includes(messageOn(fixture, topic)!);
      }).map((duty) => ({ scenario, service, topic, duty }))
    );
});

for (const { scenario, service, topic, duty } of EXCUSES) {
  const [missing] = answersOf(createFixture([scenario]), duty);
  const name = `${service}'s for ${topic}, without ${kindIn(missing!)}`;
  Deno.test(`audit: a dead letter excuses no other service: ${scenario}: ${name}`, async () => {
    const fixture = createFixture([scenario]);
    addDeadLetter(fixture, service, messageOn(fixture, topic)!, "processing_failed");
    const gone = answersOf(fixture, duty);
    fixture.records = fixture.records.filter((record) => !gone.includes(record));
    const report = await auditFixture(fixture);
    const { offenders } = checkOf(report, "answered");
    assert(
      offenders.some(({ who, what }) =>
        who === orderId(0) && what.startsWith(`${duty.service} has not answered `)
      ),
      reportLines(report).join("\n"),
    );
    const noticed = NOTICED_BY[kindIn(gone[0]!)!];
    if (noticed) {
      assertEquals(checkOf(report, noticed).offenders[0]?.who, orderId(0), noticed);
    }
    assert(!passed(report));
  });
}

Deno.test("audit: each reading and each duty is in the table above", () => {
  const readings = new Set(EXCUSES.map(({ service, topic }) => `${service} ${topic}`));
  for (const service of PROCESSORS) {
    for (const topic of topicsReadBy(service)) {
      assert(topic === "orders.raw" || readings.has(`${service} ${topic}`), `${service} ${topic}`);
    }
  }
  const duties = new Set(EXCUSES.map(({ duty }) => duty));
  // The messages of each other of our services lead to the outcome, or come after it: its dead letter
  // explains that there is none.
  const others = DUTIES.filter(({ service }) =>
    service !== "validator" && service !== "fulfillment"
  );
  assertEquals(others.filter((duty) => !duties.has(duty)), []);
});
