import { assertEquals } from "@std/assert";
import { DEAD_LETTER_HEADERS } from "../kafka/dead_letters.ts";
import type { LogRecord } from "../kafka/records.ts";
import { createStall, createTally, figures } from "./tally.ts";
import { waitingFor } from "./settle_orders.ts";

// Samples, one a second, of how many orders are settled and acknowledged; then the present and the
// longest stall, in seconds.
const CASES = [
  ["nothing was placed yet", [[0, 0], [0, 0], [0, 0]], 0, 0],
  ["the first outcome is waited for, too", [[0, 0], [0, 5], [0, 5], [1, 5]], 0, 3],
  ["an outcome ends it", [[1, 5], [1, 5], [1, 5], [1, 5], [2, 5], [2, 5]], 1, 4],
  ["outcomes all the time", [[1, 5], [2, 5], [3, 5], [4, 5], [5, 5]], 0, 1],
  ["nothing is open", [[5, 5], [5, 5], [5, 5], [6, 9]], 0, 1],
  ["a message that is no order is settled, too", [[6, 5], [6, 5]], 0, 0],
  ["one that does not end", [[1, 5], [2, 5], [2, 5], [2, 5], [2, 5]], 3, 1],
] as const;
for (const [what, samples, present, longest] of CASES) {
  Deno.test(`createStall: ${what}`, () => {
    const stall = createStall();
    for (const [second, [settled, acknowledged]] of samples.entries()) {
      stall.sample({ settled, acknowledged }, 1_000 * second);
    }
    assertEquals([stall.presentMs, stall.longestMs], [1_000 * present, 1_000 * longest]);
  });
}

Deno.test("figures: the dead letters of every service, by service and reason", () => {
  const counter = createTally();
  const deadLetter = (reason: string) => {
    const headers = { [DEAD_LETTER_HEADERS.topic]: "t", [DEAD_LETTER_HEADERS.reason]: reason };
    return { headers } as unknown as LogRecord;
  };
  const resolution = { headers: {} } as unknown as LogRecord;
  counter.addDeadLetters("payment", [deadLetter("processing_failed"), resolution]);
  counter.addDeadLetters("validator", ["a", "b", "b", "duplicate_order"].map(deadLetter));
  const phase = {
    name: "",
    placing: { acknowledged: 3, longestStallMs: 0 },
    tally: counter.tally,
  };
  const lines = figures([phase]);
  assertEquals(
    lines.at(-1),
    "dead letters         5           validator 4 (b 2, a 1, duplicate_order 1), " +
      "payment 1 (processing_failed 1)",
  );
  assertEquals(
    figures([{ ...phase, name: "One" }, { ...phase, name: "Two" }])
      .filter((line) => /^\w.*:$|^dead/.test(line)),
    [
      "One:",
      "Two:",
      "In all:",
      "dead letters        10           validator 8 (b 4, a 2, duplicate_order 2), " +
      "payment 2 (processing_failed 2)",
    ],
  );
  // An order that a later service could not process is still open, and so is not settled.
  assertEquals(counter.tally.settled, 3);
});

Deno.test("waitingFor: which service has how many messages of which topic to read", () => {
  const lag = (topic: "orders.validated" | "orders.outcomes", lagMessages: number) => ({
    topic,
    lagMessages,
  });
  const groups = [
    { service: "analytics", topics: [lag("orders.validated", 7)] },
    { service: "payment", topics: [lag("orders.validated", 1_204), lag("orders.outcomes", 1)] },
    { service: "inventory", topics: [lag("orders.validated", 0), lag("orders.outcomes", 2)] },
  ] as const;
  assertEquals(
    waitingFor(groups, 3),
    "Waiting: inventory has 2 messages of orders.outcomes to read; payment has 1,204 messages of " +
      "orders.validated and 1 message of orders.outcomes to read",
  );
  assertEquals(waitingFor(groups.slice(0, 1), 0), undefined);
  assertEquals(
    waitingFor([], 1),
    "Waiting: 1 order without outcome, although the services have read all",
  );
});
