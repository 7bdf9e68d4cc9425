import { assertEquals } from "@std/assert";
import { textHeaders } from "./records.ts";

Deno.test("textHeaders: several of one name are joined; what has no value is empty", () => {
  const headers = { one: Buffer.from("ä"), two: [Buffer.from("a"), "b", null], none: null };
  assertEquals(textHeaders(headers), { one: "ä", two: "a,b,", none: "" });
  assertEquals(textHeaders(undefined), {});
});
