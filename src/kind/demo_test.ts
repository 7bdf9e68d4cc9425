import { assertEquals } from "@std/assert";
import { type Group, isBalanced, ownershipLines } from "./demo.ts";

function group(state: string, ...owned: number[][]): Group {
  return {
    service: "validator",
    group: "validator",
    state,
    lagMessages: 0,
    members: owned.map((partitions, index) => ({
      clientId: "validator-7",
      address: `10.0.0.${index}`,
      partitions: { "orders.raw": partitions },
      subscription: null,
      isForeign: false,
    })),
  };
}

Deno.test("isBalanced: as many members as asked for, each with partitions, none on the move", () => {
  assertEquals(isBalanced(group("Stable", [0, 2], [1, 3]), 2), true);
  assertEquals(isBalanced(group("PreparingRebalance", [0, 2], [1, 3]), 2), false);
  assertEquals(isBalanced(group("Stable", [0, 1, 2, 3]), 2), false);
  assertEquals(isBalanced(group("Stable", [0, 1, 2, 3], []), 2), false);
});

Deno.test("ownershipLines: pods by name, a stranger by its address", () => {
  assertEquals(
    ownershipLines(group("Stable", [0, 2], []), new Map([["10.0.0.0", "validator-abc"]])),
    ["validator-abc: orders.raw 0 2", "10.0.0.1: nothing"],
  );
});
