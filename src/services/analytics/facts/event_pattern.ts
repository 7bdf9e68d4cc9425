/** Reads the facts of events of one type from their text, where their properties are in one order. */
import { type OrderEvent, SCHEMAS } from "../../../events/schemas.ts";
import type { EventType } from "../../../topology.ts";
import type { Place } from "./batch_text.ts";
import type { Fact } from "./fact.ts";
import { patternOf, propertiesOf, type Schema, UnknownSchema } from "./pattern.ts";
import { TimeReader } from "./time.ts";

/** The properties that are read, of the events that have them. */
const READ = [
  "orderId",
  "occurredAt",
  "placedAt",
  "currency",
  "totalCents",
  "reason",
  "action",
] as const;
type Read = typeof READ[number];

export class EventPattern {
  readonly #type: EventType;
  readonly #pattern: RegExp;
  /** The numbers of their groups; one that the events lack has the number of a group that is not there. */
  readonly #group: Readonly<Record<Read, number>>;
  readonly #occurredAt = new TimeReader();
  readonly #placedAt = new TimeReader();
  /** Reasons as texts of their own: a part of a text keeps all of it. */
  readonly #reasons: ReadonlyMap<string | undefined, string>;

  /**
   * @param example in whose order the properties are
   * @throws {UnknownSchema} the schema of its type has rules that only the decoder knows
   */
  constructor(example: OrderEvent) {
    const { type } = example;
    this.#type = type;
    this.#pattern = new RegExp(sourceOf(example), "y");
    const read = Object.keys(example).filter(isRead);
    const group = (name: Read) => read.indexOf(name) + 1 || read.length + 1;
    this.#group = {
      orderId: group("orderId"),
      occurredAt: group("occurredAt"),
      // An order is placed when it says so.
      placedAt: group(read.includes("placedAt") ? "placedAt" : "occurredAt"),
      currency: group("currency"),
      totalCents: group("totalCents"),
      reason: group("reason"),
      action: group("action"),
    };
    const { reason } = (SCHEMAS[type] as Schema).properties!;
    if (reason && !reason.enum) throw new UnknownSchema(reason);
    this.#reasons = new Map(reason?.enum?.map((word) => [String(word), String(word)]));
  }

  /** Undefined when it is no such event, or its key is not its orderId. */
  read(text: string, place: Place): Fact | undefined {
    const { keyStart, keyEnd, valueStart, valueEnd } = place;
    const pattern = this.#pattern;
    pattern.lastIndex = valueStart;
    const match = pattern.exec(text);
    if (match === null || pattern.lastIndex !== valueEnd) return undefined;
    const group = this.#group;
    const orderId = match[group.orderId]!;
    if (orderId.length !== keyEnd - keyStart || !text.startsWith(orderId, keyStart)) {
      return undefined;
    }
    const totalCents = match[group.totalCents];
    return new ReadFact(
      this.#type,
      this.#occurredAt.msOf(match[group.occurredAt]!),
      this.#placedAt.msOf(match[group.placedAt]!),
      match[group.currency] ?? "",
      totalCents === undefined ? 0 : Number(totalCents),
      this.#reasons.get(match[group.reason]) ?? "",
      match[group.action] ?? "",
      place,
    );
  }
}

/** Its orderId is made when somebody asks for it: most facts are counted without. */
class ReadFact implements Fact {
  constructor(
    readonly type: EventType,
    readonly occurredAtMs: number,
    readonly placedAtMs: number,
    readonly currency: string,
    readonly totalCents: number,
    readonly reason: string,
    readonly action: string,
    private readonly place: Place,
  ) {}

  get orderId(): string {
    const { batchContext, keyStart, keyEnd } = this.place;
    return batchContext.bytes.toString("latin1", keyStart, keyEnd);
  }
}

function isRead(name: string): name is Read {
  return (READ as readonly string[]).includes(name);
}

/** The source of a regular expression with a group for each property that is read. */
function sourceOf(example: OrderEvent): string {
  const fields = propertiesOf(SCHEMAS[example.type], example).map(({ name, schema, example }) => {
    const pattern = patternOf(schema, example);
    return `"${name}":${isRead(name) ? groupOf(name, schema, pattern) : pattern}`;
  });
  return `\\{${fields.join(",")}\\}`;
}

/** A text without its quotes, or a count. */
function groupOf(name: Read, schema: Schema, pattern: string): string {
  if (name === "totalCents") {
    if (schema.type !== "integer" || schema.minimum === undefined) throw new UnknownSchema(schema);
    return `(${pattern})`;
  }
  if (!pattern.startsWith(`"`)) throw new UnknownSchema(schema);
  return `"(${pattern.slice(1, -1)})"`;
}
