/** Changes of the contract, each tried by hand on a copy of it: which break somebody, and what is said. */
import { assert, assertEquals } from "@std/assert";
import { TOPIC_NAMES } from "../topology.ts";
import {
  add,
  type Change,
  changed,
  compare,
  configure,
  drop,
  fields,
  message,
  type Node,
  operationsOn,
  readToo,
  remove,
  writeInstead,
} from "./testing/changes.ts";

const VALIDATED = "orders.validated: OrderValidated version 1:";
const IN_LOG = "readers would refuse events that are in the log";
const OF_BEFORE = "readers of before, such as a program outside, would not understand new events";
const NEXT =
  "leave version 1 as it was, and make this change in a version 2 that is read beside it " +
  "first (docs/contract.md)";

/** Each violates once, in these words. */
const BREAKING: [what: string, Change, says: string][] = [
  [
    "a field is gone",
    (d) => remove(message(d, "OrderValidated.v1"), "status"),
    `${VALIDATED} status is gone, and ${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "a field within a field is gone",
    (d) => remove({ payload: fields(d, "OrderValidated.v1").customer }, "tier"),
    `${VALIDATED} customer.tier is gone, and ${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "a new field that is required",
    (d) => add(d, "OrderValidated.v1", "channel", true),
    `${VALIDATED} channel is new and required, and ${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "a new field that may be missing: those of before refuse what they do not know",
    (d) => add(d, "OrderValidated.v1", "channel", false),
    `${VALIDATED} channel is new, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "another type",
    (d) => fields(d, "OrderConfirmed.v1").totalCents = { type: "string" },
    "orders.outcomes: OrderConfirmed version 1: totalCents was integer and is string, and " +
    `${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "a wider type",
    (d) => fields(d, "OrderValidated.v1").totalCents.type = "number",
    `${VALIDATED} totalCents was integer and is number, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "a narrower type",
    (d) => fields(d, "OrderPlaced.v1").totalCents.type = "integer",
    `orders.raw: OrderPlaced version 1: totalCents was number and is integer, and ${IN_LOG}: ${NEXT}`,
  ],
  [
    "a value less of a closed list",
    (d) => fields(d, "PaymentFailed.v1").reason.enum.pop(),
    `payment.events: PaymentFailed version 1: reason may no longer be "expired_card", and ${IN_LOG}: ` +
    NEXT,
  ],
  [
    "a value more of a closed list",
    (d) => fields(d, "PaymentFailed.v1").reason.enum.push("fraud"),
    `payment.events: PaymentFailed version 1: reason may be "fraud", which is new, and ${OF_BEFORE}: ` +
    NEXT,
  ],
  [
    "a tighter limit",
    (d) => fields(d, "OrderValidated.v1").items.maxItems = 50,
    `${VALIDATED} items has another maxItems (100 before, 50 now), and ${IN_LOG}: ${NEXT}`,
  ],
  [
    "a wider limit",
    (d) => fields(d, "OrderValidated.v1").items.items.properties.quantity.maximum = 5_000,
    `${VALIDATED} items[].quantity has another maximum (1000 before, 5000 now), and ${OF_BEFORE}: ` +
    NEXT,
  ],
  [
    "a limit where there was none",
    (d) => fields(d, "OrderPlaced.v1").totalCents.minimum = 0,
    "orders.raw: OrderPlaced version 1: totalCents has another minimum (none before, 0 now), and " +
    `${IN_LOG}: ${NEXT}`,
  ],
  [
    "another pattern",
    (d) => fields(d, "OrderValidated.v1").customer.properties.country.pattern = "^[A-Z]{3}$",
    `${VALIDATED} customer.country has another pattern, and ${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "a word of JSON Schema that the gate does not know",
    (d) => message(d, "OrderValidated.v1").payload.propertyNames = { maxLength: 9 },
    `${VALIDATED} the value has another propertyNames, and ${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "smaller values",
    (d) => message(d, "OrderPlaced.v1")["x-max-value-bytes"] = 1_024,
    "orders.raw: OrderPlaced version 1: the size has another maximum (65536 before, 1024 now), and " +
    `${IN_LOG}: ${NEXT}`,
  ],
  [
    "a field that may be null",
    (d) => fields(d, "OrderValidated.v1").currency.type = ["string", "null"],
    `${VALIDATED} currency was string and is string or null, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "objects that are open",
    (d) => delete fields(d, "OrderValidated.v1").customer.additionalProperties,
    `${VALIDATED} customer allows unknown fields now, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "another format",
    (d) => fields(d, "OrderValidated.v1").orderId.format = "uuid",
    `${VALIDATED} orderId has a new format, and ${IN_LOG}: ${NEXT}`,
  ],
  [
    "values that are no JSON",
    (d) => message(d, "OrderPlaced.v1").contentType = "application/avro",
    "orders.raw: OrderPlaced version 1: the value was application/json and is application/avro, and " +
    `${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ],
  [
    "headers that may have no others beside them",
    (d) => {
      const { EventHeaders } = d.components.schemas;
      message(d, "OrderPlaced.v1").headers = { ...EventHeaders, additionalProperties: false };
    },
    "orders.raw: the set of headers refuses unknown fields now, and consumers may rely on it: keep " +
    "it as it was, and add a header of another name",
  ],
  [
    "another name of a topic on the cluster",
    (d) => d.channels["dlq.payment"].address = "payment.dlq",
    "dlq.payment: the topic is gone, with what is in it and what its consumers wait for: keep it until " +
    "nobody reads it (docs/contract.md)",
  ],
  [
    "a topic that is compacted",
    configure("orders.raw", "cleanup.policy", ["compact"]),
    "orders.raw: cleanup.policy was left to the cluster and is compact, which keeps or allows less " +
    "than consumers were promised: leave it, or raise it",
  ],
  [
    "events that are kept for a second",
    configure("orders.raw", "retention.ms", 1_000),
    "orders.raw: retention.ms was left to the cluster and is 1000, which keeps or allows less than " +
    "consumers were promised: leave it, or raise it",
  ],
  [
    "a topic is gone",
    (d) => {
      delete d.channels["dlq.payment"];
      for (const [name, { channel }] of Object.entries<Node>(d.operations)) {
        if (channel.$ref === "#/channels/dlq.payment") delete d.operations[name];
      }
    },
    "dlq.payment: the topic is gone, with what is in it and what its consumers wait for: keep it until " +
    "nobody reads it (docs/contract.md)",
  ],
  [
    "an event is gone",
    drop("PaymentRefunded.v1", "payment.events"),
    "payment.events: PaymentRefunded version 1 is no longer read, and events of it are in the log: keep " +
    "reading it, beside whatever is written now (docs/contract.md)",
  ],
  [
    "an event more on a topic that others read",
    (d) => {
      const copy = structuredClone(message(d, "OrderRejected.v1"));
      copy.payload.properties.type.const = "OrderParked";
      d.components.messages["OrderParked.v1"] = copy;
      const reference = { $ref: "#/channels/orders.outcomes/messages/OrderParked.v1" };
      d.channels["orders.outcomes"].messages["OrderParked.v1"] = {
        $ref: "#/components/messages/OrderParked.v1",
      };
      for (const { messages } of operationsOn(d, "orders.outcomes")) messages.push(reference);
    },
    "orders.outcomes: OrderParked version 1 is written, a new event on a topic that inventory, payment, " +
    "analytics of before read, who would make dead letters of it: give it a topic of its own " +
    "(docs/contract.md)",
  ],
  [
    "a version is written that no release has read",
    (d) => {
      readToo("OrderRejected", "orders.outcomes")(d);
      writeInstead("OrderRejected", "orders.outcomes")(d);
    },
    "orders.outcomes: OrderRejected version 2 is written, which no release has read before, and " +
    "inventory, payment, analytics of before would make dead letters of it: first read it beside what " +
    "is written, in a release of its own (docs/contract.md)",
  ],
  [
    "another key",
    (d) => {
      for (const name of ["InventoryUpdated.v1", "InventoryRejected.v1"]) {
        message(d, name).bindings.kafka.key = { type: "integer" };
      }
    },
    "inventory.events: the key of messages is another, and events of one order would be in two " +
    "partitions: write them to a new topic (docs/contract.md)",
  ],
  [
    "another partition for a key",
    (d) => d.channels["orders.raw"]["x-partitioning"].examplesOf1000["r1-000001"]++,
    "orders.raw: keys are put into partitions in another way, and events of one order would be in two " +
    "partitions: write them to a new topic (docs/contract.md)",
  ],
  [
    "dead letters are kept for a week",
    (d) =>
      d.channels["dlq.payment"].bindings.kafka.topicConfiguration["retention.ms"] = 604_800_000,
    "dlq.payment: retention.ms was -1 and is 604800000, which keeps or allows less than consumers were " +
    "promised: leave it, or raise it",
  ],
];

for (const [what, change, says] of BREAKING) {
  Deno.test(`compareContracts: breaks somebody: ${what}`, () => {
    const { violations } = compare(changed(), changed(change));
    assertEquals(violations, [says]);
  });
}

Deno.test("compareContracts: a header that is gone is said once of each topic, not of each event", () => {
  const { violations } = compare(
    changed(),
    changed((d) => delete d.components.schemas.EventHeaders.properties["replayed-from"]),
  );
  const says =
    "the header replayed-from is gone, and consumers may rely on it: keep it as it was, and " +
    "add a header of another name";
  assertEquals(violations, TOPIC_NAMES.map((topic) => `${topic}: ${says}`));
});

Deno.test("compareContracts: a schema that others refer to is compared where it is used", () => {
  const sharing = (type: string): Change => (d) => {
    d.components.schemas.Currency = { type, anyOfThese: { $ref: "#/components/schemas/Currency" } };
    fields(d, "OrderValidated.v1").currency = { $ref: "#/components/schemas/Currency" };
  };
  const { violations } = compare(changed(sharing("string")), changed(sharing("integer")));
  assertEquals(violations, [
    `${VALIDATED} currency was string and is integer, and ${IN_LOG}, and ${OF_BEFORE}: ${NEXT}`,
  ]);
  assertEquals(compare(changed(sharing("string")), changed(sharing("string"))).violations, []);
});

Deno.test("compareContracts: an event that nobody writes any more, or another service, needs a look", () => {
  const written = (by: string): Change => (d) => {
    const sending = d.operations["payment.send.payment.events"];
    const [refunds, others] = [true, false].map((is) =>
      sending.messages.filter(({ $ref }: Node) => $ref.endsWith("PaymentRefunded.v1") === is)
    );
    sending.messages = others;
    if (by) d.operations[`${by}.send.payment.events`] = { ...sending, messages: refunds };
  };
  for (const [by, is] of [["", "nobody"], ["refunds", "refunds"]] as const) {
    assertEquals(compare(changed(), changed(written(by))), {
      violations: [],
      notes: [
        `payment.events: PaymentRefunded was written by payment, and is by ${is} (docs/contract.md)`,
      ],
    });
  }
});

/** None violates. */
const HARMLESS: [what: string, Change][] = [
  ["nothing", () => {}],
  ["words for people", (d) => {
    d.info.description = "another";
    fields(d, "OrderValidated.v1").totalCents.description = "another";
    message(d, "OrderValidated.v1").examples = [];
  }],
  ["another order of fields", (d) => {
    const { payload } = message(d, "OrderValidated.v1");
    payload.required.reverse();
    payload.properties = Object.fromEntries(Object.entries(payload.properties).toReversed());
    fields(d, "PaymentFailed.v1").reason.enum.reverse();
  }],
  ["a list of one value, or that value", (d) => {
    const { status } = fields(d, "OrderValidated.v1");
    status.enum = [status.const];
    delete status.const;
  }],
  ["a reader more", (d) => {
    d.operations["fulfillment.receive.orders.validated"] = {
      ...d.operations["payment.receive.orders.validated"],
    };
  }],
  ["a reader less", (d) => delete d.operations["analytics.receive.orders.validated"]],
  ["a topic more", (d) => {
    d.channels["returns.events"] = structuredClone(d.channels["orders.validated"]);
    d.channels["returns.events"].address = "returns.events";
    d.channels["returns.events"].messages = {
      "OrderReturned.v1": { $ref: "#/components/messages/OrderReturned.v1" },
    };
    const copy = structuredClone(message(d, "OrderValidated.v1"));
    copy.payload.properties.type.const = "OrderReturned";
    d.components.messages["OrderReturned.v1"] = copy;
  }],
  ["a header more", (d) => {
    d.components.schemas.EventHeaders.properties.tenant = { type: "string" };
  }],
  ["a reason more of a list that is open", (d) => {
    message(d, "DeadLetter").headers.properties["dlq-reason"]["x-extensible-enum"].push("late");
  }],
  ["another number of partitions", (d) => {
    d.channels["orders.raw"].bindings.kafka.partitions = 24;
  }],
  ["a setting of a topic by which nothing is deleted", configure("orders.raw", "segment.ms", 9)],
  ["dead letters without end, said anew", configure("dlq.payment", "retention.bytes", -1)],
  ["a larger dead letter", (d) => {
    d.channels["dlq.payment"].bindings.kafka.topicConfiguration["max.message.bytes"] *= 2;
  }],
];

for (const [what, change] of HARMLESS) {
  Deno.test(`compareContracts: breaks nobody: ${what}`, () => {
    assertEquals(compare(changed(), changed(change)), { violations: [], notes: [] });
  });
}

Deno.test("compareContracts: an event changes over in steps, none of which breaks anybody", () => {
  const [type, topic] = ["OrderConfirmed", "orders.outcomes"];
  const read = readToo(type, topic);
  const write = writeInstead(type, topic);
  const steps: Change[][] = [[], [read], [read, write], [read, write, drop(`${type}.v1`, topic)]];
  const documents = steps.map((changes) => changed(...changes));
  for (const [i, after] of documents.entries()) {
    if (i > 0) assertEquals(compare(documents[i - 1], after).violations, []);
  }
  // Only the last step needs somebody to look into the log.
  const notes = compare(documents[2], documents[3]).notes;
  assertEquals(notes, [
    "orders.outcomes: OrderConfirmed version 1 is no longer read: right only if the log and the dead " +
    "letters have none left (docs/contract.md)",
  ]);
  // None may be left out.
  for (const [before, after] of [[0, 2], [0, 3], [1, 3]] as const) {
    const { violations } = compare(documents[before], documents[after]);
    assert(violations.length > 0, `from step ${before} to step ${after}`);
  }
  // What is only prepared may change, or be withdrawn.
  const prepared = changed(read, (d) => remove(message(d, `${type}.v2`), "added"));
  assertEquals(compare(documents[1], prepared), { violations: [], notes: [] });
  assertEquals(compare(documents[1], documents[0]), { violations: [], notes: [] });
});
