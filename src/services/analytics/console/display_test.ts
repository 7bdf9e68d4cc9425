import { assertEquals } from "@std/assert";
import { add, createAggregate } from "../aggregate.ts";
import { type Figures, type Reading, snapshot } from "../snapshot.ts";
import { factsOf, NOON_MS, type SampleOrder, sampleOrders } from "../testing/orders.ts";
import { block, line } from "./display.ts";

const member: Reading = {
  source: "group",
  group: "analytics",
  partitions: 48,
  startedAt: "2026-01-02T11:59:00.000Z",
  notReady: null,
  progress: null,
  undecodableMessages: 0,
};

function figuresOf(orders: readonly SampleOrder[], rest: Partial<Figures> = {}): Figures {
  const aggregate = createAggregate();
  for (const event of orders.flatMap(factsOf)) add(aggregate, event);
  return { snapshot: snapshot(aggregate), reading: member, lag: null, ...rest };
}

const lag: Figures["lag"] = [
  {
    service: "validator",
    group: "validator",
    members: 1,
    lagMessages: 1_234,
    topics: [{ topic: "orders.raw", lagMessages: 1_234 }],
  },
  {
    service: "inventory",
    group: "inventory",
    members: 2,
    lagMessages: 120,
    topics: [
      { topic: "orders.validated", lagMessages: 120 },
      { topic: "orders.outcomes", lagMessages: 0 },
    ],
  },
];

/** 12,600 orders, 100 a second; placed in USD and EUR. */
const run = sampleOrders(12_600, NOON_MS, 10);

Deno.test("block: every figure with its unit and what it means", () => {
  const figures = figuresOf(run, { lag });
  assertEquals(block(figures, NOON_MS + 130_000).join("\n"), GOLDEN.trim());
});

Deno.test("line: the main figures", () => {
  assertEquals(line(figuresOf(run, { lag })), LINE);
});

Deno.test("block and line: before the first event no figure is invented", () => {
  const figures = figuresOf([], { reading: { ...member, notReady: "waiting for Kafka" } });
  assertEquals(line(figures), "no event yet");
  assertEquals(block(figures, NOON_MS).join("\n"), EMPTY.trim());
});

Deno.test("block: says that it counts the whole log, and what is odd", () => {
  const orders = run.slice(0, 1).map((order) => ({ ...order, latencyMs: -5 }));
  const reading: Reading = { ...member, source: "log", undecodableMessages: 7 };
  const lines = block(figuresOf(orders, { reading }), NOON_MS);
  assertEquals(lines[1], "counts everything in the log, 48 partitions, in no consumer group");
  assertEquals(lines.slice(-2), [
    "notes       4 events older than the order (a clock is off): latency counted as 0",
    "            7 messages left out: not an event",
  ]);
});

Deno.test("block: reasons, the most frequent first, a few to a line", () => {
  const figures = figuresOf(run.slice(0, 100));
  const rejectedByReason = { bad_price: 1, empty_order: 9, bad_quantity: 1, total_mismatch: 4 };
  const lines = block({ ...figures, snapshot: { ...figures.snapshot, rejectedByReason } }, NOON_MS);
  const first = lines.findIndex((line) => line.includes(" rejected  "));
  assertEquals(lines.slice(first, first + 2), [
    "            rejected   10  10.0 %  empty_order 9, total_mismatch 4, bad_price 1",
    "                                   bad_quantity 1",
  ]);
});

const GOLDEN = `
orderflow analytics
counts what this member of the group analytics has read since 11:59:00 UTC, 48 partitions
newest event at 12:02:06 UTC, 4 s ago; all times are those inside the events

orders                 in total  last 10 s  last 60 s
            placed       12,600      100/s      100/s  decided on by the validator
            validated    11,250       89/s       89/s  passed its checks
            settled      12,600      100/s      100/s  have their outcome
            open              0                        validated, still without outcome
outcomes    confirmed  8,550  67.9 %  in stock and paid
            cancelled  2,700  21.4 %  card_declined 1,350, out_of_stock 1,350
            rejected   1,350  10.7 %  unknown_customer 1,350
latency     from placed to outcome         p50     p95     p99  longest
            all orders                  274 ms  503 ms  519 ms   519 ms
            confirmed                   274 ms  503 ms  519 ms   519 ms
            cancelled                   274 ms  503 ms  518 ms   518 ms
            rejected                    274 ms  503 ms  519 ms   519 ms
            settled in the last minute  274 ms  503 ms  519 ms   519 ms
revenue     33,618.00 EUR confirmed of 44,235.00 EUR ordered
              by minute: 12:00 16,131.39 EUR, 12:01 16,274.78 EUR, 12:02 1,211.83 EUR so far
            16,811.00 USD confirmed of 22,114.50 USD ordered
              by minute: 12:00 8,092.42 USD, 12:01 8,116.39 USD, 12:02 602.19 USD so far
lag         consumer group  members  messages to read
            validator             1             1,234
            inventory             2               120  orders.validated 120
`;

const LINE = "12:02:06 UTC; placed 12,600 (100/s); settled 12,600 (100/s): confirmed 8,550, " +
  "cancelled 2,700, rejected 1,350; placed to outcome p50 274 ms, p99 519 ms; " +
  "revenue 33,618.00 EUR, 16,811.00 USD; lag validator 1,234, inventory 120";

const EMPTY = `
orderflow analytics
counts what this member of the group analytics has read since 11:59:00 UTC, 48 partitions
NOT READING: waiting for Kafka

orders                 in total  last 10 s  last 60 s
            placed            0          –          –  decided on by the validator
            validated         0          –          –  passed its checks
            settled           0          –          –  have their outcome
            open              0                        validated, still without outcome
outcomes    confirmed  0  –  in stock and paid
            cancelled  0  –
            rejected   0  –
latency     from placed to outcome      p50  p95  p99  longest
            all orders                    –    –    –        –
            confirmed                     –    –    –        –
            cancelled                     –    –    –        –
            rejected                      –    –    –        –
            settled in the last minute    –    –    –        –
revenue     –
lag         unknown: Kafka does not answer
`;
