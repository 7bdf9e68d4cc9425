import { assertEquals } from "@std/assert";
import { ordersNamedIn } from "./messages.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("ordersNamedIn: finds what a broken message is about, and nothing that is no id", () => {
  const cases: [string, string | null, string | null, string[]][] = [
    ["a good one", "o-1", '{"orderId":"o-1"}', ["o-1"]],
    ["no value", "o-1", null, ["o-1"]],
    ["no key", null, '{"orderId":"o-1"}', ["o-1"]],
    ["a key that differs", "o-1", '{"orderId":"o-2"}', ["o-1", "o-2"]],
    ["no JSON", "o-1", '{"orderId":"o-', ["o-1"]],
    ["null", null, "null", []],
    ["a number for an id", null, '{"orderId":7}', []],
    ["no id", "two words", '{"orderId":"\\u001b[31m"}', []],
    ["the longest key", "x".repeat(64), null, ["x".repeat(64)]],
    ["a longer key", "x".repeat(65), null, []],
    ["too large to be read", null, `{"orderId":"o-1","pad":"${"x".repeat(70_000)}"}`, []],
    ["nothing", null, null, []],
  ];
  for (const [name, key, value, expected] of cases) {
    const found = ordersNamedIn(
      key === null ? null : bytes(key),
      value === null ? null : bytes(value),
    );
    assertEquals([...found], expected, name);
  }
});
