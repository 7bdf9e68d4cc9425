import { assertEquals } from "@std/assert";
import { createStall } from "./tally.ts";
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
