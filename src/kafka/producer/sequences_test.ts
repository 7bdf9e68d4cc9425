import { assertEquals } from "@std/assert";
import { createSequences } from "./delivery.ts";

Deno.test("Sequences: each partition counts for itself, and no number is handed out twice", () => {
  const sequences = createSequences();
  const handedOut = [
    sequences.next("orders.raw", 0, 3),
    sequences.next("orders.raw", 1, 5),
    sequences.next("orders.raw", 0, 1),
    sequences.next("orders.validated", 0, 2),
    sequences.next("orders.raw", 0, 1),
  ];
  assertEquals(handedOut, [0, 0, 3, 0, 4]);
});

/** As Kafka's DefaultRecordBatch.incrementSequence: after 2^31 - 1 comes 0. */
for (
  const [first, count, expected] of [
    [2 ** 31 - 1, 1, 0],
    [2 ** 31 - 1, 2, 1],
    [2 ** 31 - 3, 2, 2 ** 31 - 1],
    [2 ** 31 - 3, 5, 2],
  ] as const
) {
  Deno.test(`Sequences: ${count} numbers after ${first}: the next is ${expected}`, () => {
    const sequences = createSequences(first);
    sequences.next("orders.raw", 0, count);
    assertEquals(sequences.next("orders.raw", 0, 1), expected);
  });
}
