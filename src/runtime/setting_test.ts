import { assertEquals, assertThrows } from "@std/assert";
import { formatAddress, newFile, parseAddress } from "./setting.ts";

Deno.test("parseAddress, formatAddress: names, IPv4, and IPv6 in brackets", () => {
  const cases: [string, string, number][] = [
    ["kafka-1.example:9092", "kafka-1.example", 9092],
    ["127.0.0.1:1", "127.0.0.1", 1],
    ["[::1]:65535", "::1", 65_535],
    ["[2001:db8::a:1]:9092", "2001:db8::a:1", 9092],
    ["[::ffff:10.0.0.1]:9092", "::ffff:10.0.0.1", 9092],
  ];
  for (const [text, host, port] of cases) {
    assertEquals(parseAddress(text), { host, port });
    assertEquals(formatAddress({ host, port }), text);
  }
});

Deno.test("parseAddress: anything else is undefined", () => {
  const none = ["", "kafka", ":9092", "kafka:", "kafka:0", "kafka:65536", "a b:1", "::1:9092"];
  const brackets = ["[::1]", "::1", "[kafka]:9092", "[::1:9092", "[]:9092", "x[::1]:9092"];
  for (const text of [...none, ...brackets]) assertEquals(parseAddress(text), undefined, text);
});

Deno.test("newFile: one that is there is refused, with the way out", async () => {
  const path = await Deno.makeTempFile();
  const { read } = newFile({ fallback: "", help: "", expected: "a file" });
  const readNow = () => read(path, Deno.readTextFileSync);
  try {
    assertThrows(readNow, Error, "this one is there already: remove it, or name another");
  } finally {
    await Deno.remove(path);
  }
  assertEquals(readNow(), path);
});
