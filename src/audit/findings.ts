/**
 * What the audit checks, and what it found wrong: how often, and the first few of each check with what
 * is wrong. Bounded, whatever goes wrong how often.
 */

/** By guarantee of the design, in the order of the report. */
export const CHECKS = {
  whole: ["G1", "the topics are there from their first message on"],
  acknowledged: ["G1", "every acknowledged order is in orders.raw, and none that was not placed"],
  messages: ["G1", "every message of orders.raw is an order once, or a dead letter once"],
  outcome: ["G1", "every order has exactly one outcome"],
  ahead: ["G1", "no committed offset is past a message without its answer, or past the log's end"],
  orderless: ["G1", "no event without its order"],
  twice: ["G2", "no event twice"],
  behind: ["G2", "no committed offset is before a message that was answered, or missing"],
  readable: ["G2", "every further message is an event of its topic, or a dead letter"],
  partition: ["G2", "all events of an order are in one partition number"],
  validated: ["G2", "stock, payment and outcome only after OrderValidated, or else OrderRejected"],
  answers: ["G2", "stock and payment each say one thing: yes or no"],
  confirmed: ["G2", "confirmed: reserved and paid, nothing given back"],
  cancelled: ["G2", "cancelled: stock or payment refused"],
  joins: ["G2", "the table of joins says the same as the events"],
  stock: ["G3", "per product: initial + changes = on hand, never below zero"],
  items: ["G3", "reserved = ordered, released = reserved"],
  released: ["G3", "released: what was reserved for a cancelled order, all of it, nothing else"],
  reservations: ["G3", "the table of reservations says the same as the events"],
  amounts: ["G4", "charged, refunded and confirmed is the order's total"],
  refunded: ["G4", "refunded: what was paid for a cancelled order, all of it, nothing else"],
  balance: ["G4", "per currency: processed - refunded = confirmed"],
  payments: ["G4", "the table of payments says the same as the events"],
  gateway: ["G4", "the gateway's own ledger says the same: charged once, refunded when cancelled"],
  deadLetters: ["G5", "every dead letter is about a message that is there, and is true"],
  replays: ["G5", "every replayed dead letter arrived once, and no message claims it falsely"],
} as const satisfies Record<string, readonly [guarantee: string, title: string]>;

export type CheckName = keyof typeof CHECKS;
export const CHECK_NAMES = Object.keys(CHECKS) as CheckName[];

/** One thing that is wrong. */
export interface Offender {
  /** An order's id; or the product, topic, run, dead letter or currency that it is about. */
  readonly who: string;
  readonly what: string;
}

const MAX_EXAMPLES = 5;

export class Findings {
  readonly #byCheck = new Map<CheckName, { count: number; examples: Offender[] }>();

  add(check: CheckName, who: string, what: string): void {
    let found = this.#byCheck.get(check);
    if (!found) this.#byCheck.set(check, found = { count: 0, examples: [] });
    found.count++;
    if (found.examples.length < MAX_EXAMPLES) found.examples.push({ who, what });
  }

  /** How often a check failed. */
  count(check: CheckName): number {
    return this.#byCheck.get(check)?.count ?? 0;
  }

  /** The first few failures of a check. */
  examples(check: CheckName): readonly Offender[] {
    return this.#byCheck.get(check)?.examples ?? [];
  }
}
