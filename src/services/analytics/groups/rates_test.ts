import { assertEquals } from "@std/assert";
import type { Service } from "../../../topology.ts";
import { Rates } from "./lag.ts";

function group(service: Service, committed: number, end: number) {
  const topic = "orders.validated" as const;
  return { service, positions: [0, 1].map((partition) => ({ topic, partition, committed, end })) };
}

Deno.test("Rates: offsets a second, of all partitions, each topic once", () => {
  const rates = new Rates();
  rates.note(0, [group("inventory", 0, 10), group("payment", 0, 10)]);
  assertEquals(rates.growthPerSecond("orders.validated"), null, "one moment is none to compare");
  rates.note(2_000, [group("inventory", 10, 30), group("payment", 4, 30)]);
  assertEquals(rates.growthPerSecond("orders.validated"), 20);
  assertEquals(rates.readPerSecond("inventory", "orders.validated"), 10);
  assertEquals(rates.readPerSecond("payment", "orders.validated"), 4);
  assertEquals(rates.readPerSecond("payment", "orders.outcomes"), 0);
});

Deno.test("Rates: over the last five seconds; what goes back is 0", () => {
  const rates = new Rates();
  for (let second = 0; second <= 20; second++) {
    const end = second < 10 ? 0 : 100 * (second - 10);
    rates.note(second * 1_000, [group("inventory", 20 - second, end)]);
  }
  assertEquals(rates.growthPerSecond("orders.validated"), 200);
  assertEquals(rates.readPerSecond("inventory", "orders.validated"), 0);
});
