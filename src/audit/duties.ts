/**
 * What the messages ask of the services that read them, and where each order's are.
 *
 * A message is answered by an event of its duty, or by a dead letter. Much of what a service reads asks
 * nothing of it: an order that was confirmed, a replay for another service, one half of a join as long
 * as the other is not there.
 */
import type { Processor, Topic } from "../topology.ts";
import { Mark } from "./ledger.ts";

/** The messages that ask for something, by what they say of their order: bits of `Mark`. */
export interface Ask {
  readonly topic: Topic;
  readonly events: number;
  /** Where several ask together: the mark of an order for which this was the last one to be read. */
  readonly last?: number;
}

/** What a service owes to an order once it has read all of `asks`. */
export interface Duty {
  readonly service: Processor;
  readonly asks: readonly Ask[];
  /** Owed only to an order with this mark: what was not taken is not given back. */
  readonly taken?: number;
  /** Any of these events, bits of `Mark`. */
  readonly answers: number;
}

export const DUTIES: readonly Duty[] = [
  {
    service: "validator",
    asks: [{ topic: "orders.raw", events: Mark.PLACED }],
    answers: Mark.VALIDATED | Mark.REJECTED,
  },
  {
    service: "inventory",
    asks: [{ topic: "orders.validated", events: Mark.VALIDATED }],
    answers: Mark.RESERVED | Mark.REFUSED,
  },
  {
    service: "payment",
    asks: [{ topic: "orders.validated", events: Mark.VALIDATED }],
    answers: Mark.PROCESSED | Mark.FAILED,
  },
  {
    service: "fulfillment",
    asks: [
      {
        topic: "inventory.events",
        events: Mark.RESERVED | Mark.REFUSED,
        last: Mark.ROW_JOINED_BY_STOCK,
      },
      {
        topic: "payment.events",
        events: Mark.PROCESSED | Mark.FAILED,
        last: Mark.ROW_JOINED_BY_PAYMENT,
      },
    ],
    answers: Mark.CONFIRMED | Mark.CANCELLED,
  },
  {
    service: "inventory",
    asks: [{ topic: "orders.outcomes", events: Mark.CANCELLED }],
    taken: Mark.RESERVED,
    answers: Mark.RELEASED,
  },
  {
    service: "payment",
    asks: [{ topic: "orders.outcomes", events: Mark.CANCELLED }],
    taken: Mark.PROCESSED,
    answers: Mark.REFUNDED,
  },
];

/** What the messages of a topic may ask of a service. */
const ASKS = new Map<string, Ask>(
  DUTIES.flatMap(({ service, asks }) => asks.map((ask) => [`${service} ${ask.topic}`, ask])),
);

/**
 * @param topic one that the service reads
 * @returns undefined where nobody has said what the service owes to whom
 */
export function askOf(service: Processor, topic: Topic): Ask | undefined {
  return ASKS.get(`${service} ${topic}`);
}

/**
 * Where each order's messages are that ask for something: one offset for each kind, 4 bytes, 28 bytes
 * an order. Offsets count from the first one that is still in the log, so that 32 bits are enough.
 */
export class Asked {
  /** By slot: offset + 1, or 0 for none. */
  readonly #offsets = new Map<Ask, Uint32Array>();

  /** Of several messages of one kind the first asks; what the others are, other checks say. */
  note(ask: Ask, slot: number, offset: number): void {
    let offsets = this.#offsets.get(ask) ?? new Uint32Array(1_024);
    if (slot >= offsets.length) {
      const larger = new Uint32Array(2 ** Math.ceil(Math.log2(slot + 1)));
      larger.set(offsets);
      offsets = larger;
    }
    this.#offsets.set(ask, offsets);
    if (offsets[slot] === 0) offsets[slot] = offset + 1;
  }

  /** @returns undefined where no such message was seen */
  offsetOf(ask: Ask, slot: number): number | undefined {
    const offset = this.#offsets.get(ask)?.[slot];
    return offset ? offset - 1 : undefined;
  }
}
