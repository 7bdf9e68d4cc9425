import { assertEquals } from "@std/assert";
import { PartitionStalls } from "./stalls.ts";

Deno.test("PartitionStalls: the longest time between two outcomes of one partition", () => {
  const stalls = new PartitionStalls();
  stalls.seen(0, 100);
  stalls.seen(1, 150);
  stalls.seen(0, 300);
  assertEquals(stalls.longestMs, 200);
  stalls.seen(1, 700);
  stalls.seen(0, 710);
  assertEquals(stalls.longestMs, 550);
});

Deno.test("PartitionStalls: others do not end a partition's stall, and nothing before begin counts", () => {
  const stalls = new PartitionStalls();
  stalls.seen(0, 0);
  stalls.seen(0, 9_000);
  stalls.begin();
  assertEquals(stalls.longestMs, 0);
  stalls.seen(0, 20_000);
  for (let ms = 20_000; ms < 21_000; ms += 10) stalls.seen(1, ms);
  stalls.seen(0, 21_000);
  assertEquals(stalls.longestMs, 1_000);
});
