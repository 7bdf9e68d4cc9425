import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { printable, printableBytes } from "./printable.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Everything that a terminal obeys rather than shows. */
// deno-lint-ignore no-control-regex
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

Deno.test("printable: no control character survives, whatever comes in", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert(!OBEYED.test(printable(text)));
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (value) => {
    for (const line of printableBytes(value)) assert(!OBEYED.test(line));
  }));
});

Deno.test("printable: shows what it escapes, and leaves the rest as it is", () => {
  const cases: [string, string][] = [
    ["plain", "plain"],
    ["Zoë 東京 😀", "Zoë 東京 😀"],
    ["a\nb\tc", "a\\nb\\tc"],
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["abc\u202edef", "abc\\u{202e}def"],
    ["half \ud83d", "half \\u{d83d}"],
  ];
  for (const [text, expected] of cases) assertEquals(printable(text), expected);
  assertEquals(printable("abcdef", 3), "abc…");
});

Deno.test("printableBytes: indents JSON, keeps text, dumps the rest", () => {
  const cases: [string, Uint8Array | null, string[]][] = [
    ["no value", null, ["(no value)"]],
    ["nothing in it", bytes(""), ["(empty)"]],
    ["JSON", bytes('{"a":[1]}'), ["{", '  "a": [', "    1", "  ]", "}"]],
    ["JSON that a round trip would change", bytes('{"a":1e999}'), ['{"a":1e999}']],
    ["text", bytes('{"type": "Ord\u0007'), ['{"type": "Ord\\u{7}']],
    [
      "not UTF-8",
      new Uint8Array([0xff, 0x41, 0x1b]),
      [`00000000  ff 41 1b${" ".repeat(41)}.A.`],
    ],
  ];
  for (const [name, value, expected] of cases) assertEquals(printableBytes(value), expected, name);
});

Deno.test("printableBytes: shows a bounded part, and says how much there is", () => {
  for (const value of [bytes("x".repeat(900_000)), new Uint8Array(900_000).fill(0xff)]) {
    const lines = printableBytes(value);
    assert(lines.join("\n").length < 25_000);
    assertEquals(lines.at(-1), "… (900000 bytes in all)");
  }
});
