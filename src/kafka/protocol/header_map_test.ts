import { assertEquals } from "@std/assert";
import { headersAsText } from "./header_map.ts";

Deno.test("headersAsText: several of one name are joined; what has no value is empty", () => {
  const headers = { one: Buffer.from("ä"), two: [Buffer.from("a"), "b", null], none: null };
  assertEquals({ ...headersAsText(headers) }, { one: "ä", two: "a,b,", none: "" });
  assertEquals({ ...headersAsText(undefined) }, {});
});
