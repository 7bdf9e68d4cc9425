/**
 * Reads the facts of most events from their text, without decoding the rest: several times as fast. What
 * is not as `JSON.stringify` writes it, in an order of properties that was seen before, is decoded as in
 * any other service.
 */
import { decode, type Decoded } from "../../../events/codec.ts";
import { MAX_VALUE_BYTES, type OrderEvent } from "../../../events/schemas.ts";
import type { DecodedRecord } from "../../../kafka/protocol/record.ts";
import type { Topic } from "../../../topology.ts";
import { BatchText, type Place, placeOf } from "./batch_text.ts";
import { EventPattern } from "./event_pattern.ts";
import { type Fact, factOf } from "./fact.ts";
import { orderOf, UnknownSchema } from "./pattern.ts";

type DecodedFact = { readonly ok: true; readonly event: Fact } | Extract<Decoded, { ok: false }>;
type Message = Pick<DecodedRecord, "key" | "value">;

/** Orders of properties that are known of one topic; its writers have one for each type. */
const MOST = 16;

export class FactReader {
  readonly #text = new BatchText();
  readonly #patterns = new Map<Topic, Patterns>();

  /** As `decode` in src/events/codec.ts, but of the event only what the figures need. */
  readonly decode = (topic: Topic, message: Message): DecodedFact => {
    const fact = this.scan(topic, message);
    if (fact) return { ok: true, event: fact };
    const decoded = decode(topic, message.key, message.value);
    if (!decoded.ok) return decoded;
    this.#patternsOf(topic).learn(decoded.event);
    return { ok: true, event: factOf(decoded.event) };
  };

  /** Undefined when it is no event of the topic, or has to be decoded. */
  scan(topic: Topic, message: Message): Fact | undefined {
    const place = placeOf(message);
    const { keyStart, valueStart, valueEnd } = place;
    if (keyStart < 0 || valueStart < 0 || valueEnd - valueStart > MAX_VALUE_BYTES) return undefined;
    return this.#patternsOf(topic).read(this.#text.of(place), place);
  }

  #patternsOf(topic: Topic): Patterns {
    let patterns = this.#patterns.get(topic);
    if (!patterns) this.#patterns.set(topic, patterns = new Patterns());
    return patterns;
  }
}

/** Of the events of one topic. */
class Patterns {
  readonly #orders = new Set<string>();
  /** The one that matched last is the first. */
  readonly #patterns: EventPattern[] = [];
  read(text: string, place: Place): Fact | undefined {
    const patterns = this.#patterns;
    for (let i = 0; i < patterns.length; i++) {
      const fact = patterns[i]!.read(text, place);
      if (fact === undefined) continue;
      if (i > 0) [patterns[0], patterns[i]] = [patterns[i]!, patterns[0]!];
      return fact;
    }
    return undefined;
  }

  /** From now on an event with its properties in the same order needs no decoding. */
  learn(event: OrderEvent): void {
    const order = `${event.type} ${orderOf(event)}`;
    if (this.#orders.size === MOST || this.#orders.has(order)) return;
    this.#orders.add(order);
    try {
      this.#patterns.push(new EventPattern(event));
    } catch (error) {
      // Its schema has rules that only the decoder knows.
      if (!(error instanceof UnknownSchema)) throw error;
    }
  }
}
