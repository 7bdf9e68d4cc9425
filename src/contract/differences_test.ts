import { assert } from "@std/assert";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { differences, type JsonSchema } from "./differences.ts";

const bound = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });
const word = fc.constantFrom("a", "b", "ab", "");

/** Without the words that a schema leaves out. */
const schemaOf = (words: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(words).map((schema) =>
    Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined))
  );

/** Of few words and values, so that two of them are often related. */
const { schema } = fc.letrec<{ schema: JsonSchema; leaf: JsonSchema }>((tie) => ({
  leaf: fc.oneof(
    schemaOf({
      type: fc.constant("string"),
      minLength: bound,
      maxLength: bound,
      pattern: fc.constantFrom(undefined, undefined, "^a", "b$"),
    }),
    schemaOf({
      type: fc.constantFrom("integer", "number"),
      minimum: bound,
      maximum: bound,
    }),
    schemaOf({ enum: fc.uniqueArray(word, { minLength: 1 }) }),
    schemaOf({ const: word }),
    schemaOf({ type: fc.constant("string"), const: word }),
    schemaOf({ type: fc.constantFrom("null", "boolean") }),
  ) as fc.Arbitrary<JsonSchema>,
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("leaf"),
    schemaOf({
      type: fc.constant("array"),
      items: fc.oneof(tie("schema"), fc.constantFrom(true, false, undefined)),
      minItems: bound,
      maxItems: bound,
    }) as fc.Arbitrary<JsonSchema>,
    fc.dictionary(fc.constantFrom("x", "y"), tie("schema")).chain((properties) =>
      fc.subarray(Object.keys(properties)).map((required) => ({
        type: "object",
        properties,
        required,
        additionalProperties: false,
      }))
    ) as fc.Arbitrary<JsonSchema>,
    fc.array(tie("leaf"), { minLength: 1, maxLength: 2 }).map((anyOf) => ({ anyOf })),
  ),
}));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(word, fc.constantFrom("aaa", "bbbb")),
    fc.constantFrom(0, 1, 2, 3, 4, 1.5, -1, null, true),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("x", "y"), tie("value")),
  ),
}));

/** A schema, and another: any, or one that has a single word of that, or one field more. */
const pair = fc.tuple(schema, schema, fc.nat()).map(([one, other, n]) => {
  const words = Object.keys({ ...one, ...other });
  const word = words[n % words.length]!;
  if (one.type !== other.type || n % 5 === 0) return [one, other] as const;
  const changed = word === "properties"
    ? { ...one, properties: { ...other.properties, ...one.properties } }
    : { ...one, [word]: other[word] };
  if (changed[word] === undefined) delete changed[word];
  return [one, changed] as const;
});

Deno.test("differences: whatever one schema allows and the other does not, they name in that direction", () => {
  const seen = { narrows: 0, widens: 0, neither: 0 };
  fc.assert(
    fc.property(pair, fc.array(value, { minLength: 20, maxLength: 20 }), ([before, after], all) => {
      const found = [...differences(before, after)];
      const [old, now] = [before, after].map((one) => Compile(one as unknown as TSchema));
      const said = (direction: "narrows" | "widens") => found.some((one) => one[direction]);
      for (const one of all) {
        const [was, is] = [old!.Check(one), now!.Check(one)];
        if (was === is) continue;
        const direction = was ? "narrows" : "widens";
        seen[direction]++;
        assert(said(direction), `${JSON.stringify(one)}: ${JSON.stringify(found)}`);
      }
      if (found.length === 0) seen.neither++;
    }),
    { numRuns: 1_000 },
  );
  assert(Math.min(...Object.values(seen)) > 20, JSON.stringify(seen));
});
