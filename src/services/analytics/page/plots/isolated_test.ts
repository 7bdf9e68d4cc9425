import { assertEquals } from "@std/assert";
import { isolated } from "./isolated.ts";

Deno.test("isolated: values without a neighbour, also at the ends", () => {
  assertEquals(isolated([1, null, 0, null, 2, 3, null, null, 4]), [0, 2, 8]);
  assertEquals(isolated([1, 2]), []);
  assertEquals(isolated([5]), [0]);
  assertEquals(isolated([]), []);
});
