import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatTraceparent, isSampled, parseTraceparent } from "./traceparent.ts";

const [TRACE, SPAN] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
const id = (length: number) =>
  fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => !/^0+$/.test(text));

Deno.test("traceparent: what is written is read again", () => {
  fc.assert(fc.property(id(32), id(16), fc.nat(255), (traceId, spanId, traceFlags) => {
    const context = { traceId, spanId, traceFlags };
    assertEquals(parseTraceparent(formatTraceparent(context)), context);
    assertEquals(isSampled(context), traceFlags % 2 === 1);
  }));
});

Deno.test("traceparent: a later version may have more at its end", () => {
  const context = { traceId: TRACE, spanId: SPAN, traceFlags: 1 };
  assertEquals(parseTraceparent(`01-${TRACE}-${SPAN}-01-what-the-future-will-be`), context);
  assertEquals(parseTraceparent(`00-${TRACE}-${SPAN}-01-more`), undefined);
  assertEquals(parseTraceparent(`01-${TRACE}-${SPAN}-01.more`), undefined);
});

Deno.test("traceparent: anything else is none", () => {
  const others = [
    ...["", "00", `00-${TRACE}-${SPAN}`, `00-${TRACE}-${SPAN}-1`, ` 00-${TRACE}-${SPAN}-01`],
    ...[`ff-${TRACE}-${SPAN}-01`, `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ...[`00-${"0".repeat(32)}-${SPAN}-01`, `00-${TRACE}-${"0".repeat(16)}-01`],
  ];
  for (const text of others) assertEquals(parseTraceparent(text), undefined, text);
});
