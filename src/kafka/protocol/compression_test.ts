import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { COMPRESSIONS } from "../access.ts";
import { compress, decompress, idOf } from "./compression.ts";
import { snappyCompress } from "@platformatic/wasm-utils";

const CODECS = COMPRESSIONS.filter((name) => name !== "none");
const text = Buffer.from(Array.from({ length: 2_000 }, (_, i) => `order ${i * 7_919};`).join(" "));
/** The library in WASM bears 1,985 of them. */
const OFTEN = { gzip: 1, zstd: 1, lz4: 2_500, snappy: 2_500 };

for (const name of COMPRESSIONS) {
  Deno.test(`decompress: ${name}: what compress made`, () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.nat(60), (bytes, times) => {
      const input = Buffer.concat(Array(times).fill(bytes));
      assertEquals(Buffer.compare(decompress(idOf(name), compress(name, input)), input), 0);
    }));
  });
}

for (const name of CODECS) {
  Deno.test(`decompress: ${name}: damaged data is an error that says so, and the next is read`, () => {
    const whole = compress(name, text);
    const changed = Buffer.from(whole);
    changed.fill(0xff, 0, 8);
    const half = whole.subarray(0, whole.length >> 1);
    // Of half a zstd frame node:zlib makes nothing, and no error: then the records do not add up.
    for (const damaged of [changed, Uint8Array.of(7, 7), ...name === "zstd" ? [] : [half]]) {
      for (let i = 0; i < OFTEN[name]; i++) {
        assertThrows(() => decompress(idOf(name), damaged), Error, `its ${name} data is damaged (`);
      }
    }
    assertEquals(Buffer.compare(decompress(idOf(name), whole), text), 0);
  });
}

Deno.test("decompress: snappy: one raw block, as librdkafka writes it", () => {
  assertEquals(Buffer.compare(decompress(idOf("snappy"), snappyCompress(text)), text), 0);
});

Deno.test("decompress: snappy: a block that says that it becomes gigabytes is refused", () => {
  const huge = Buffer.concat([Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f), snappyCompress(text)]);
  assertThrows(() => decompress(idOf("snappy"), huge), Error, "more than");
});

Deno.test("decompress: a number that is no codec is named", () => {
  for (const id of [5, 6, 7]) {
    assertThrows(() => decompress(id, text), Error, `its codec has the number ${id}`);
  }
});
