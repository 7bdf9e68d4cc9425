/**
 * Checks the bytes of a JSON value against its schema where they lie: nothing is decoded or allocated.
 *
 * It accepts only what `JSON.stringify` writes of values that need no escapes: ASCII, no spaces, small
 * integers. So what it accepts is valid, but not all that is valid is accepted: for the rest there is the
 * decoder of src/events.
 */
import type { TSchema } from "typebox";

/** Checks the value that begins at `at`. @returns where it ends, or `REFUSED` */
export type Scan = (bytes: Uint8Array, at: number) => number;

export const REFUSED = -1;

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

/**
 * @throws {UnknownSchema} it says something that is not known here
 */
export function scanOf(schema: TSchema | Schema): Scan {
  const { type, properties, items, description: _, ...rules } = schema as Schema;
  if (rules.const !== undefined) return literalScan([rules.const]);
  if (rules.enum) return literalScan(rules.enum);
  if (type === "string") return textScan(rules);
  if (type === "integer") return integerScan(rules);
  if (type === "number") return numberScan(rules);
  if (type === "array" && items) return listScan(scanOf(items), rules);
  if (type === "object" && properties) return new ObjectScanner(schema).scan;
  throw new UnknownSchema(schema);
}

export class UnknownSchema extends Error {
  override readonly name = "UnknownSchema";

  constructor(schema: object) {
    super(`no scanner for the schema ${JSON.stringify(schema)}`);
  }
}

/** @throws {UnknownSchema} there is a rule beside these */
function only(rules: object, ...known: string[]): void {
  if (Object.keys(rules).some((rule) => !known.includes(rule))) throw new UnknownSchema(rules);
}

const utf8 = new TextEncoder();
const code = (character: string) => character.charCodeAt(0);
const [QUOTE, COMMA, MINUS, POINT, ZERO] = [`"`, ",", "-", ".", "0"].map(code) as number[];

export function hasAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  if (at + expected.length > bytes.length) return false;
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

/** One of several constants. */
function literalScan(values: readonly unknown[]): Scan {
  const literals = values.map((value) => utf8.encode(JSON.stringify(value)));
  return (bytes, at) => {
    for (const literal of literals) if (hasAt(bytes, at, literal)) return at + literal.length;
    return REFUSED;
  };
}

/** What a text may consist of; for each byte the kinds that it belongs to. */
const KIND = { plain: 1, id: 2, capital: 4 };
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  // What JSON escapes is not plain; nor is what takes several bytes.
  return (/[ !#-[\]-~]/.test(character) ? KIND.plain : 0) |
    (/[A-Za-z0-9_.-]/.test(character) ? KIND.id : 0) |
    (/[A-Z]/.test(character) ? KIND.capital : 0);
});

/** The patterns of src/events/schemas.ts. */
const PATTERNS = new Map<string, Scan>([
  ["^[A-Za-z0-9_.-]{1,64}$", kindScan(KIND.id, 1, 64)],
  ["^[A-Z]{2}$", kindScan(KIND.capital, 2, 2)],
  ["^[A-Z]{3}$", kindScan(KIND.capital, 3, 3)],
  [
    "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])" +
    "T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{3}Z$",
    timeScan,
  ],
]);

function textScan(rules: Schema): Scan {
  const { pattern, minLength = 0, maxLength = Infinity } = rules;
  if (pattern === undefined) {
    only(rules, "minLength", "maxLength");
    return kindScan(KIND.plain, minLength, maxLength);
  }
  only(rules, "pattern");
  const scan = PATTERNS.get(pattern);
  if (!scan) throw new UnknownSchema(rules);
  return scan;
}

function kindScan(kind: number, minLength: number, maxLength: number): Scan {
  return (bytes, at) => {
    if (bytes[at] !== QUOTE) return REFUSED;
    let end = at + 1;
    while (end < bytes.length && (KINDS[bytes[end]!]! & kind) !== 0) end++;
    const length = end - at - 1;
    if (bytes[end] !== QUOTE || length < minLength || length > maxLength) return REFUSED;
    return end + 1;
  };
}

/** Of digits that were checked. */
export function digitsAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 10 + bytes[i]! - ZERO!;
  return value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO! && byte <= ZERO! + 9;
}

const TIME_FORMAT = utf8.encode(`"0000-00-00T00:00:00.000Z"`);

function timeScan(bytes: Uint8Array, at: number): number {
  const end = at + TIME_FORMAT.length;
  if (end > bytes.length) return REFUSED;
  for (let i = 0; i < TIME_FORMAT.length; i++) {
    const [byte, format] = [bytes[at + i]!, TIME_FORMAT[i]!];
    if (format === ZERO ? !isDigit(byte) : byte !== format) return REFUSED;
  }
  const month = digitsAt(bytes, at + 6, at + 8);
  const day = digitsAt(bytes, at + 9, at + 11);
  const isTime = month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
    digitsAt(bytes, at + 12, at + 14) <= 23 && digitsAt(bytes, at + 15, at + 17) <= 59 &&
    digitsAt(bytes, at + 18, at + 20) <= 59;
  return isTime ? end : REFUSED;
}

/** Up to here all integers of as many digits are exact in a double. */
const MAX_DIGITS = 15;

/** The end of the digits from `at` on; none, too many, and a leading zero are refused. */
function endOfDigits(bytes: Uint8Array, at: number): number {
  let end = at;
  while (isDigit(bytes[end])) end++;
  const count = end - at;
  if (count === 0 || count > MAX_DIGITS || count > 1 && bytes[at] === ZERO) return REFUSED;
  return end;
}

function integerScan(rules: Schema): Scan {
  only(rules, "minimum", "maximum");
  const { minimum = -Infinity, maximum = Infinity } = rules;
  return (bytes, at) => {
    const first = bytes[at] === MINUS ? at + 1 : at;
    const end = endOfDigits(bytes, first);
    if (end === REFUSED) return REFUSED;
    const amount = digitsAt(bytes, first, end);
    // JSON.stringify writes no -0.
    if (first > at && amount === 0) return REFUSED;
    const value = first > at ? -amount : amount;
    return value >= minimum && value <= maximum ? end : REFUSED;
  };
}

/** At least 0, with decimals or without. */
function numberScan(rules: Schema): Scan {
  only(rules, "minimum");
  if ((rules.minimum ?? 0) > 0) throw new UnknownSchema(rules);
  return (bytes, at) => {
    let end = endOfDigits(bytes, at);
    if (end === REFUSED || bytes[end] !== POINT) return end;
    if (!isDigit(bytes[++end])) return REFUSED;
    while (isDigit(bytes[end])) end++;
    return end;
  };
}

const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = ["[", "]", "{", "}"].map(code);

function listScan(item: Scan, rules: Schema): Scan {
  only(rules, "minItems", "maxItems");
  const { minItems = 0, maxItems = Infinity } = rules;
  return (bytes, start) => {
    if (bytes[start] !== OPEN_LIST) return REFUSED;
    let at = start;
    let count = 0;
    do {
      at = item(bytes, at + 1);
      if (at === REFUSED) return REFUSED;
      count++;
    } while (bytes[at] === COMMA);
    return bytes[at] === CLOSE_LIST && count >= minItems && count <= maxItems ? at + 1 : REFUSED;
  };
}

/** Of a closed object without optional properties. */
export class ObjectScanner {
  readonly #properties: Readonly<Record<string, Schema>>;
  readonly #names: readonly string[];
  /** As in the bytes: `"name":`. */
  readonly #labels: readonly Uint8Array[];
  readonly #scans: readonly Scan[];
  /** Where the value of each property begins and ends, of what was scanned last. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** Properties in the order of the last object: the next one is most likely of the same writer. */
  readonly #order: Uint8Array;

  /** @throws {UnknownSchema} the schema says something that is not known here */
  constructor(schema: TSchema | Schema) {
    const { type: _, properties = {}, required, additionalProperties, ...others } =
      schema as Schema;
    only(others);
    this.#properties = properties;
    this.#names = Object.keys(properties);
    const isClosed = additionalProperties === false &&
      this.#names.every((name) => required?.includes(name));
    if (!isClosed) throw new UnknownSchema(schema);
    this.#labels = this.#names.map((name) => utf8.encode(`${JSON.stringify(name)}:`));
    this.#scans = this.#names.map((name) => scanOf(properties[name]!));
    this.#starts = new Int32Array(this.#names.length);
    this.#ends = new Int32Array(this.#names.length);
    this.#order = Uint8Array.from(this.#names.keys());
  }

  readonly scan: Scan = (bytes, start) => {
    if (bytes[start] !== OPEN_OBJECT) return REFUSED;
    const count = this.#order.length;
    let at = start;
    for (let i = 0; i < count; i++) {
      if (i > 0 && bytes[at] !== COMMA) return REFUSED;
      at++;
      const property = this.#propertyAt(bytes, at, i);
      if (property === undefined) return REFUSED;
      at += this.#labels[property]!.length;
      this.#starts[property] = at;
      at = this.#scans[property]!(bytes, at);
      if (at === REFUSED) return REFUSED;
      this.#ends[property] = at;
    }
    return bytes[at] === CLOSE_OBJECT ? at + 1 : REFUSED;
  };

  /** The property whose name is at `at`, if it is none of the `done` ones before it. */
  #propertyAt(bytes: Uint8Array, at: number, done: number): number | undefined {
    const order = this.#order;
    for (let i = done; i < order.length; i++) {
      const property = order[i]!;
      if (!hasAt(bytes, at, this.#labels[property]!)) continue;
      order[i] = order[done]!;
      order[done] = property;
      return property;
    }
    return undefined;
  }

  /**
   * The place of a property, for `startOf`; undefined when the schema has none of the name. An integer is
   * at least 0.
   *
   * @throws {UnknownSchema} it is of another type
   */
  indexOf(name: string, type: "string" | "integer"): number | undefined {
    const property = this.#properties[name];
    if (property === undefined) return undefined;
    const isOfType = property.enum?.every((value) => typeof value === type) ??
      (property.type === type && (type === "string" || property.minimum! >= 0));
    if (!isOfType) throw new UnknownSchema(property);
    return this.#names.indexOf(name);
  }

  /** Where the value of a property begins, of the object that was scanned last. */
  startOf(index: number): number {
    return this.#starts[index]!;
  }

  endOf(index: number): number {
    return this.#ends[index]!;
  }
}
