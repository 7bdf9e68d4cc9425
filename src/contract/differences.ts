/**
 * What differs between two JSON Schemas, and in which direction. A difference narrows when the new schema
 * refuses what the old one allowed: new readers cannot read what is in the log. It widens when it allows
 * what the old one refused: readers of before cannot read what is new. Pure.
 *
 * Knows the words that our schemas use; a change of any other is taken for both.
 */
import { isDeepStrictEqual } from "node:util";
import type { Json } from "./headers.ts";

export interface Difference {
  /** Such as `customer.tier` or `items[].quantity`; empty: the whole. */
  readonly field: string;
  /** What is said of the field, such as `is new and required`. */
  readonly what: string;
  readonly narrows: boolean;
  readonly widens: boolean;
}

export interface JsonSchema {
  readonly [word: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema | boolean;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
}

/** Of the schemas that are a word: `true` allows anything, `false` nothing. */
const asObject = (schema: JsonSchema | boolean): JsonSchema =>
  typeof schema === "boolean" ? schema ? {} : { not: {} } : schema;

/** They say nothing about which values are allowed. */
const ANNOTATIONS: readonly string[] = [
  "title",
  "description",
  "examples",
  "default",
  "deprecated",
  "$comment",
  "$id",
];
const isAnnotation = (word: string) => ANNOTATIONS.includes(word);
/** Bounds, and whether a larger one allows more. */
const BOUNDS: Readonly<Record<string, boolean>> = {
  minimum: false,
  exclusiveMinimum: false,
  minLength: false,
  minItems: false,
  maximum: true,
  exclusiveMaximum: true,
  maxLength: true,
  maxItems: true,
};
/** Compared by functions of their own. */
const STRUCTURE = [
  "type",
  "const",
  "enum",
  "anyOf",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "x-extensible-enum",
];
const CONSTRAINTS = ["pattern", "format", "multipleOf", "uniqueItems"];
const COMPARED = [...Object.keys(BOUNDS), ...STRUCTURE, ...CONSTRAINTS];

export function* differences(
  old: JsonSchema | boolean,
  now: JsonSchema | boolean,
  field = "",
): Generator<Difference> {
  const [before, after] = [asObject(old), asObject(now)];
  if (isDeepStrictEqual(before, after)) return;
  if (before.anyOf || after.anyOf) {
    yield* branches(before, after, field);
    return;
  }
  const otherType = typeChange(before, after, field);
  if (otherType) {
    yield otherType;
    if (otherType.narrows && otherType.widens) return;
  }
  yield* values(before, after, field);
  for (const word of Object.keys(BOUNDS)) yield* bound(word, before, after, field);
  for (const word of CONSTRAINTS) yield* constraint(word, before, after, field);
  yield* fields(before, after, field);
  yield* differences(before.items ?? true, after.items ?? true, `${field}[]`);
  const words = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const word of words) {
    if (
      isAnnotation(word) || COMPARED.includes(word) || isDeepStrictEqual(before[word], after[word])
    ) continue;
    yield { field, what: `has another ${word}`, narrows: true, widens: true };
  }
}

/** Alternatives without an equal are gone, or new; with further words beside them all may be otherwise. */
function* branches(before: JsonSchema, after: JsonSchema, field: string): Generator<Difference> {
  const [old, now] = [before, after].map((schema) => schema.anyOf ?? [schema]);
  const without = (some: readonly JsonSchema[], others: readonly JsonSchema[]) =>
    some.filter((one) => !others.some((other) => [...differences(one, other)].length === 0));
  const isMixed = [before, after].some((schema) =>
    schema.anyOf && Object.keys(schema).some((word) => word !== "anyOf" && !isAnnotation(word))
  );
  const narrows = isMixed || without(old!, now!).length > 0;
  const widens = isMixed || without(now!, old!).length > 0;
  if (narrows || widens) yield { field, what: "has other alternatives", narrows, widens };
}

function typesOf({ type, const: constant, enum: words }: JsonSchema): Set<string> {
  if (type !== undefined) return new Set([type].flat() as string[]);
  const values = words as Json[] ?? (constant === undefined ? [] : [constant]);
  return new Set(
    values.map((value) => value === null ? "null" : Array.isArray(value) ? "array" : typeof value),
  );
}

function typeChange(before: JsonSchema, after: JsonSchema, field: string): Difference | undefined {
  const [old, now] = [typesOf(before), typesOf(after)];
  const within = (some: Set<string>, others: Set<string>) =>
    others.size === 0 ||
    some.size > 0 &&
      [...some].every((type) => others.has(type) || type === "integer" && others.has("number"));
  const [narrows, widens] = [!within(old, now), !within(now, old)];
  if (!narrows && !widens) return undefined;
  const said = (types: Set<string>) => [...types].join(" or ") || "anything";
  return { field, what: `was ${said(old)} and is ${said(now)}`, narrows, widens };
}

/** The values of a closed list; undefined where there is none. */
function listOf({ const: constant, enum: words }: JsonSchema): readonly Json[] | undefined {
  if (constant === undefined) return words as readonly Json[] | undefined;
  return [constant as Json].filter((value) =>
    (words as Json[] | undefined)?.includes(value) ?? true
  );
}

function* values(before: JsonSchema, after: JsonSchema, field: string): Generator<Difference> {
  const [old, now] = [listOf(before), listOf(after)];
  const gone = (some: readonly Json[], others: readonly Json[]) =>
    some.filter((value) => !others.includes(value)).map((value) => JSON.stringify(value));
  if (old && now) {
    for (const value of gone(old, now)) {
      yield { field, what: `may no longer be ${value}`, narrows: true, widens: false };
    }
    for (const value of gone(now, old)) {
      yield { field, what: `may be ${value}, which is new`, narrows: false, widens: true };
    }
  } else if (now) {
    const list = now.map((value) => JSON.stringify(value)).join(", ");
    yield { field, what: `may only be ${list} now`, narrows: true, widens: false };
  } else if (old) {
    yield { field, what: "is no closed list any more", narrows: false, widens: true };
  }
  // Of an open list: who reads it expects further values, but may wait for those that it knows.
  const open = "x-extensible-enum";
  for (const value of gone(before[open] as Json[] ?? [], after[open] as Json[] ?? [])) {
    yield { field, what: `is never ${value} any more`, narrows: false, widens: true };
  }
}

function* bound(
  word: string,
  before: JsonSchema,
  after: JsonSchema,
  field: string,
): Generator<Difference> {
  const none = BOUNDS[word] ? Infinity : -Infinity;
  const [old, now] = [before, after].map((schema) => schema[word] as number | undefined ?? none);
  if (old === now) return;
  const said = (limit: number) => Number.isFinite(limit) ? String(limit) : "none";
  const widens = BOUNDS[word] ? now! > old! : now! < old!;
  yield {
    field,
    what: `has another ${word} (${said(old!)} before, ${said(now!)} now)`,
    narrows: !widens,
    widens,
  };
}

function* constraint(
  word: string,
  before: JsonSchema,
  after: JsonSchema,
  field: string,
): Generator<Difference> {
  const [old, now] = [before[word] || undefined, after[word] || undefined];
  if (isDeepStrictEqual(old, now)) return;
  const verb = old === undefined ? "has a new" : now === undefined ? "has no more" : "has another";
  yield {
    field,
    what: `${verb} ${word}`,
    narrows: now !== undefined,
    widens: old !== undefined,
  };
}

/** A closed object refuses fields that it does not know; an open one leaves them to whoever reads them. */
function* fields(before: JsonSchema, after: JsonSchema, parent: string): Generator<Difference> {
  const [old, now] = [before.properties ?? {}, after.properties ?? {}];
  const [wasClosed, isClosed] = [before, after].map((schema) =>
    schema.additionalProperties === false
  );
  if (wasClosed !== isClosed) {
    const what = isClosed ? "refuses unknown fields now" : "allows unknown fields now";
    yield { field: parent, what, narrows: isClosed!, widens: wasClosed! };
  } else if (
    !isDeepStrictEqual(before.additionalProperties ?? true, after.additionalProperties ?? true)
  ) {
    yield { field: parent, what: "has other unknown fields", narrows: true, widens: true };
  }
  const [wasRequired, isRequired] = [before, after].map((schema) => new Set(schema.required));
  const names = [...Object.keys(old), ...Object.keys(now), ...wasRequired!, ...isRequired!];
  for (const name of new Set(names)) {
    const field = parent ? `${parent}.${name}` : name;
    const [was, is] = [wasRequired!.has(name), isRequired!.has(name)];
    if (old[name] && !now[name]) {
      // Who reads it misses it, unless it was never sure to be there.
      yield { field, what: "is gone", narrows: isClosed! || is, widens: was || !isClosed };
    } else if (now[name] && !old[name]) {
      const what = is ? "is new and required" : "is new";
      if (is || wasClosed) yield { field, what, narrows: is, widens: wasClosed! || was };
    } else {
      if (is !== was) {
        const what = is ? "is required now" : "may be missing now";
        yield { field, what, narrows: is, widens: was };
      }
      if (old[name] && now[name]) yield* differences(old[name], now[name], field);
    }
  }
}
