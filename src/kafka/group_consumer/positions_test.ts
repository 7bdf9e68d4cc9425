import { assertEquals } from "@std/assert";
import { createPositions } from "./positions.ts";

Deno.test("Positions: what is done is committed once", () => {
  const positions = createPositions();
  assertEquals(positions.next("a", 0), 0);
  positions.advance("a", 0, 5);
  positions.advance("a", 1, 7);
  positions.advance("a", 0, 9);
  assertEquals([positions.next("a", 0), positions.next("a", 1)], [9, 7]);
  const uncommitted = positions.uncommitted();
  assertEquals(uncommitted, [
    { topic: "a", partition: 0, offset: 9 },
    { topic: "a", partition: 1, offset: 7 },
  ]);
  positions.committed(uncommitted);
  assertEquals(positions.uncommitted(), []);
});

Deno.test("Positions.committed: what advanced in the meantime is still to be committed", () => {
  const positions = createPositions();
  positions.advance("a", 0, 5);
  const uncommitted = positions.uncommitted();
  positions.advance("a", 0, 6);
  positions.committed(uncommitted);
  assertEquals(positions.uncommitted(), [{ topic: "a", partition: 0, offset: 6 }]);
});

Deno.test("Positions.reassigned: nothing is committed for a partition that may be another's", () => {
  const positions = createPositions();
  positions.advance("a", 0, 5);
  positions.reassigned();
  assertEquals(positions.uncommitted(), []);
  assertEquals(positions.next("a", 0), 5, "nothing is handled twice");
});

Deno.test("Positions.advance: what is read again takes nothing back, and is committed", () => {
  const positions = createPositions();
  positions.advance("a", 0, 50);
  positions.reassigned();
  positions.advance("a", 0, 20);
  assertEquals(positions.next("a", 0), 50);
  assertEquals(positions.uncommitted(), [{ topic: "a", partition: 0, offset: 50 }]);
});

Deno.test("move: goes on where it is told, and that is committed, too", () => {
  const positions = createPositions();
  positions.advance("orders.raw", 0, 200);
  positions.move("orders.raw", 0, 5);
  assertEquals(positions.next("orders.raw", 0), 5);
  assertEquals(positions.uncommitted(), [{ topic: "orders.raw", partition: 0, offset: 5 }]);
  positions.advance("orders.raw", 0, 7);
  assertEquals(positions.next("orders.raw", 0), 7);
});

Deno.test("forget: what was handled of the topic counts for nothing, other topics stay", () => {
  const positions = createPositions();
  positions.advance("a", 0, 200);
  positions.advance("ab", 0, 7);
  positions.reassigned();
  positions.advance("a", 1, 100);
  positions.forget("a");
  assertEquals([0, 1].map((partition) => positions.next("a", partition)), [0, 0]);
  assertEquals(positions.uncommitted(), []);
  assertEquals(positions.next("ab", 0), 7);
});
