import { assertEquals } from "@std/assert";
import { sizesUpTo } from "./growth.ts";

Deno.test("sizesUpTo: powers of ten, and the most that was asked for", () => {
  assertEquals(sizesUpTo(5_000_000), [10_000, 100_000, 1_000_000, 5_000_000]);
  assertEquals(sizesUpTo(60_000), [10_000, 60_000]);
  assertEquals(sizesUpTo(10_000), [10_000]);
  assertEquals(sizesUpTo(1_000), [1_000]);
});
