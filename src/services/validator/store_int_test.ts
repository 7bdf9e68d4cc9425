import { assertEquals } from "@std/assert";
import { eachStore } from "../../database/testing/stores.ts";
import { processedOrders, recordFirstSources } from "./store.ts";

const source = (orderId: string, offset: number, partition = 0) => ({ orderId, partition, offset });

eachStore(
  "recordFirstSources: the first message of an order has no first one, all others have",
  async ({ open }) => {
    const db = await open("validator", [processedOrders]);
    const [a, b] = [source("a", 5), source("b", 6)];
    assertEquals(await recordFirstSources(db, []), []);
    const batch = [a, b, source("a", 7), source("b", 8)];
    for (let delivery = 0; delivery < 2; delivery++) {
      assertEquals(await recordFirstSources(db, batch), [undefined, undefined, a, b]);
    }
    // A partition's offset is no other partition's.
    assertEquals(await recordFirstSources(db, [source("a", 5, 1), source("c", 5, 1), a]), [
      a,
      undefined,
      undefined,
    ]);
    // Later in the log, yet recorded first by an earlier delivery: that one stays the first.
    assertEquals(await recordFirstSources(db, [source("b", 2), b]), [b, undefined]);
  },
);

eachStore(
  "recordFirstSources: the same orders at two offsets by two members at once, one is the first",
  async ({ open }) => {
    const [one, other] = [
      await open("validator", [processedOrders]),
      await open("validator", [processedOrders]),
    ];
    for (let round = 0; round < 20; round++) {
      const orders = Array.from({ length: 20 }, (_, i) => `o${round}-${i}`);
      const copies = [0, 1_000].map((from) => orders.map((id, i) => source(id, from + i)));
      const [left, right] = await Promise.all([
        recordFirstSources(one!, copies[0]!),
        recordFirstSources(other!, copies[1]!.toReversed()),
      ]);
      for (const i of orders.keys()) {
        const [mine, theirs] = [left![i], right!.at(-1 - i)];
        // Exactly one of the two is told of the other.
        const expected = mine === undefined ? copies[0]![i] : copies[1]![i];
        assertEquals([mine, theirs].filter((first) => first !== undefined), [expected]);
      }
    }
  },
);
