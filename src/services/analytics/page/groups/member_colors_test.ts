import { assertEquals } from "@std/assert";
import { keepSlots } from "./member_colors.ts";

Deno.test("keepSlots: who stays keeps its slot, a new one gets the first that is free", () => {
  const three = keepSlots(new Map(), ["a", "b", "c"]);
  assertEquals([...three], [["a", 0], ["b", 1], ["c", 2]]);
  const without = keepSlots(three, ["b", "c"]);
  assertEquals([...without], [["b", 1], ["c", 2]]);
  const joined = keepSlots(without, ["aa", "b", "bb", "c"]);
  assertEquals(joined, new Map([["b", 1], ["c", 2], ["aa", 0], ["bb", 3]]));
});
