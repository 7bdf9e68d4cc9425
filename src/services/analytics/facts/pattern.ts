/**
 * A schema as a regular expression over JSON text, with its properties in one order: V8 makes machine code
 * of it, and nothing is decoded.
 *
 * It matches only what `JSON.stringify` writes of values that need no escapes: ASCII, no spaces, small
 * numbers. So what it matches is valid, but not all that is valid is matched: for the rest there is the
 * decoder of src/events.
 */
import type { TSchema } from "typebox";

/** As far as it is read here. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
}

export class UnknownSchema extends Error {
  override readonly name = "UnknownSchema";

  constructor(schema: object) {
    super(`no pattern for the schema ${JSON.stringify(schema)}`);
  }
}

/**
 * The source of a regular expression without groups that capture; of a text it has the quotes around it.
 *
 * @param example of the schema: its objects say in which order their properties are
 * @throws {UnknownSchema} the schema says something that is not known here
 */
export function patternOf(schema: TSchema | Schema, example: unknown): string {
  const { type, properties, items, description: _, ...rules } = schema as Schema;
  if (rules.const !== undefined) {
    only(rules, "const");
    return oneOf([rules.const]);
  }
  if (rules.enum) {
    only(rules, "enum");
    return oneOf(rules.enum);
  }
  if (type === "string") return textPattern(rules);
  if (type === "integer") return integerPattern(rules);
  if (type === "number") return numberPattern(rules);
  if (type === "array" && items) {
    only(rules, "minItems", "maxItems");
    const { minItems = 0, maxItems = Infinity } = rules;
    // An empty list has no item as an example.
    if (minItems < 1) throw new UnknownSchema(rules);
    const item = patternOf(items, (example as readonly unknown[])[0]);
    return `\\[${item}(?:,${item})${times(minItems - 1, maxItems - 1)}\\]`;
  }
  if (type === "object" && properties) {
    const fields = propertiesOf(schema, example).map(({ name, schema, example }) =>
      `${escaped(JSON.stringify(name))}:${patternOf(schema, example)}`
    );
    return `\\{${fields.join(",")}\\}`;
  }
  throw new UnknownSchema(schema);
}

/**
 * The properties of a closed object without optional ones, in the order of the example.
 *
 * @throws {UnknownSchema} it is none
 */
export function propertiesOf(schema: TSchema | Schema, example: unknown) {
  const { type: _, description: __, properties = {}, required, additionalProperties, ...others } =
    schema as Schema;
  only(others);
  const isClosed = additionalProperties === false &&
    Object.keys(properties).every((name) =>
      required?.includes(name) && Object.hasOwn(example as object, name)
    );
  if (!isClosed) throw new UnknownSchema(schema);
  return Object.entries(example as object).map(([name, example]) => ({
    name,
    schema: properties[name]!,
    example: example as unknown,
  }));
}

/** Of a value of a schema, all that decides the order of properties in its pattern. */
export function orderOf(value: unknown): string {
  if (Array.isArray(value)) return `[${orderOf(value[0])}]`;
  if (typeof value !== "object" || value === null) return "";
  const properties = Object.entries(value).map(([name, value]) => name + orderOf(value));
  return `{${properties.join()}}`;
}

/** @throws {UnknownSchema} there is a rule beside these */
function only(rules: object, ...known: string[]): void {
  if (Object.keys(rules).some((rule) => !known.includes(rule))) throw new UnknownSchema(rules);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function oneOf(values: readonly unknown[]): string {
  const literals = values.map((value) => escaped(JSON.stringify(value)));
  const isText = values.every((value) => typeof value === "string");
  if (isText) return `"(?:${literals.map((literal) => literal.slice(1, -1)).join("|")})"`;
  return `(?:${literals.join("|")})`;
}

function times(least: number, most: number): string {
  return `{${least},${most < Infinity ? most : ""}}`;
}

/** What JSON does not escape; nor does it take several bytes. */
const PLAIN = "[ !#-\\[\\]-~]";
/** The patterns of src/events/schemas.ts: what they match is plain. */
const PATTERNS: ReadonlySet<string> = new Set([
  "^[A-Za-z0-9_.-]{1,64}$",
  "^[A-Z]{2}$",
  "^[A-Z]{3}$",
  "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{3}Z$",
]);

function textPattern(rules: Schema): string {
  const { pattern, minLength = 0, maxLength = Infinity } = rules;
  if (pattern === undefined) {
    only(rules, "minLength", "maxLength");
    return `"${PLAIN}${times(minLength, maxLength)}"`;
  }
  only(rules, "pattern");
  if (!PATTERNS.has(pattern)) throw new UnknownSchema(rules);
  return `"${pattern.slice(1, -1).replaceAll("(", "(?:")}"`;
}

/** Up to here all integers of as many digits are exact in a double. */
const MAX_DIGITS = 15;

/** With fewer digits than the maximum has: the few others are left to the decoder. */
function integerPattern(rules: Schema): string {
  only(rules, "minimum", "maximum");
  const { minimum, maximum = Number.MAX_SAFE_INTEGER } = rules;
  if (minimum !== undefined && minimum !== 0 && minimum !== 1) throw new UnknownSchema(rules);
  const digits = Math.min(MAX_DIGITS, String(maximum).length - 1);
  const positive = `[1-9]\\d${times(0, digits - 1)}`;
  if (minimum === 1) return positive;
  // JSON.stringify writes no -0.
  return minimum === 0 ? `(?:0|${positive})` : `(?:0|-?${positive})`;
}

/** At least 0, with decimals or without. */
function numberPattern(rules: Schema): string {
  only(rules, "minimum");
  if ((rules.minimum ?? 0) > 0) throw new UnknownSchema(rules);
  return `(?:0|[1-9]\\d${times(0, MAX_DIGITS - 1)})(?:\\.\\d+)?`;
}
