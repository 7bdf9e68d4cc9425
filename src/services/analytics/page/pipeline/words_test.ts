import { assertEquals } from "@std/assert";
import { briefWait } from "./words.ts";

Deno.test("briefWait: from 100 s on in minutes, from two hours on in hours", () => {
  const wait = (ms: number, atLeast = false) => briefWait({ messages: 1, ms, atLeast });
  assertEquals(
    [wait(400), wait(9_500), wait(99_000), wait(139_000), wait(600_000, true), wait(9_000_000)],
    ["< 1 s", "9.5 s", "99 s", "2 min", "≥ 10 min", "2 h"],
  );
});
