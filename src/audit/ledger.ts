/**
 * What the audit remembers of every order: some bits and five numbers, in typed arrays, 23 bytes an
 * order. Objects an order would need half a gigabyte for a million of them.
 *
 * The orders of a run that the simulator recorded are `<runId>-<sequence>`, so that their place
 * follows from their id. Any other id (an order made by hand) costs an entry in a map, which is
 * bounded.
 */
import { Failure } from "../runtime/errors.ts";

/** What was seen of an order, one bit each. */
export const Mark = {
  /** A message of orders.raw has its name. */
  NAMED: 1 << 0,
  /** A message of orders.raw places it, and is no dead letter. */
  PLACED: 1 << 1,
  /** A message of it is a dead letter for having been placed before. */
  DUPLICATE: 1 << 2,
  /** A message of it is an open or discarded dead letter after the validator: it may stay unfinished. */
  PARKED: 1 << 3,
  // Events.
  VALIDATED: 1 << 4,
  REJECTED: 1 << 5,
  RESERVED: 1 << 6,
  REFUSED: 1 << 7,
  RELEASED: 1 << 8,
  PROCESSED: 1 << 9,
  FAILED: 1 << 10,
  REFUNDED: 1 << 11,
  CONFIRMED: 1 << 12,
  CANCELLED: 1 << 13,
  // The state of its row in `reservations`.
  ROW_RESERVED: 1 << 14,
  ROW_REJECTED: 1 << 15,
  ROW_RELEASED: 1 << 16,
  // The state of its row in `payments`.
  ROW_PROCESSED: 1 << 17,
  ROW_FAILED: 1 << 18,
  ROW_REFUNDED: 1 << 19,
  // Its row in the gateway's ledger.
  GATEWAY_CHARGED: 1 << 20,
  GATEWAY_DECLINED: 1 << 21,
  GATEWAY_REFUNDED: 1 << 22,
  // Which of the numbers are known.
  HAS_ITEMS: 1 << 23,
  HAS_AMOUNT: 1 << 24,
  HAS_PAYMENT: 1 << 25,
  HAS_PARTITION: 1 << 26,
  // Its row in `joins` has an outcome, and says that this half of it came last.
  ROW_JOINED_BY_STOCK: 1 << 27,
  ROW_JOINED_BY_PAYMENT: 1 << 28,
  /** It has events of types that have no mark of their own: see `markType`. */
  OTHER_EVENT: 1 << 29,
} as const;

/** A run that the simulator recorded. */
export interface Run {
  readonly runId: string;
  /** How many of its orders, from the first on, the cluster has acknowledged. */
  readonly acknowledged: number;
}

/** Sequence numbers count from here. */
export const FIRST_SEQUENCE = 0;
/** A sequence number has at least this many digits. */
const SEQUENCE_DIGITS = 6;

/** The id of an order of a run. */
export function orderIdOf(runId: string, sequence: number): string {
  return `${runId}-${String(sequence).padStart(SEQUENCE_DIGITS, "0")}`;
}

/** Slots are allotted by the block: sequence numbers of a run that follow each other. */
const BLOCK_BITS = 10;
const BLOCK = 1 << BLOCK_BITS;
/** How far beyond what was acknowledged a run's orders may be on their way. */
const UNACKNOWLEDGED = 100_000;
/** Ids that are not of a recorded run: about 100 bytes each. */
const MAX_OTHERS = 1_000_000;

/** Whose slots a block has: a run's, from a sequence number on, or any. */
type Block = { readonly runId: string; readonly first: number } | { readonly ids: string[] };

interface RunBlocks {
  /** Sequence numbers are below it. */
  readonly limit: number;
  /** By sequence number / BLOCK: the first slot of the block. */
  readonly blocks: Map<number, number>;
}

/** The number that stands for all further currencies. */
const OTHER_CURRENCY = 255;

export class Ledger {
  /** Bits of `Mark`, by slot. */
  flags = new Uint32Array(BLOCK);
  /** What the order's items add up to, as a hash. */
  #items = new Uint32Array(BLOCK);
  /** Cents. */
  #amounts = new Float64Array(BLOCK);
  #currencies = new Uint8Array(BLOCK);
  /** A hash of the gateway's name for the charge. */
  #payments = new Uint32Array(BLOCK);
  #partitions = new Uint16Array(BLOCK);

  readonly #blocks: Block[] = [];
  readonly #runs = new Map<string, RunBlocks>();
  readonly #others = new Map<string, number>();
  /** The block that other ids are added to, and its ids. */
  #othersBlock = { base: 0, ids: [] as string[] };
  readonly #currencyIndex = new Map<string, number>();
  /** By event type, which orders have such an event: for types that have no mark of their own. */
  readonly #types = new Map<string, Uint8Array>();

  constructor(runs: Iterable<Run>) {
    for (const { runId, acknowledged } of runs) {
      const limit = FIRST_SEQUENCE + acknowledged + UNACKNOWLEDGED;
      this.#runs.set(runId, { limit, blocks: new Map() });
    }
  }

  /** Slots are numbered from 0 to here; those without any mark belong to no order. */
  get size(): number {
    return this.#blocks.length * BLOCK;
  }

  /**
   * The slot of an order, allotted when it is new.
   *
   * @throws {Failure} there are more ids of no recorded run than can be remembered
   */
  slotOf(orderId: string): number {
    const dash = orderId.lastIndexOf("-");
    const runId = orderId.slice(0, Math.max(dash, 0));
    const run = this.#runs.get(runId);
    if (run) {
      const sequence = Number(orderId.slice(dash + 1));
      // Another spelling of the number is another order.
      if (sequence < run.limit && orderIdOf(runId, sequence) === orderId) {
        return this.#slotInRun(runId, run, sequence);
      }
    }
    return this.#others.get(orderId) ?? this.#addOther(orderId);
  }

  /** The orders of a run from a sequence number on, as far as they have slots. */
  *ordersFrom(runId: string, first: number): Generator<{ sequence: number; slot: number }> {
    for (const [number, base] of this.#runs.get(runId)?.blocks ?? []) {
      for (let n = Math.max(first - number * BLOCK, 0); n < BLOCK; n++) {
        yield { sequence: number * BLOCK + n, slot: base + n };
      }
    }
    for (const [orderId, slot] of this.#others) {
      if (!orderId.startsWith(`${runId}-`)) continue;
      const sequence = Number(orderId.slice(runId.length + 1));
      if (sequence >= first && orderIdOf(runId, sequence) === orderId) yield { sequence, slot };
    }
  }

  /** The id of the order that a slot belongs to. */
  idOf(slot: number): string {
    const block = this.#blocks[slot >>> BLOCK_BITS]!;
    const within = slot % BLOCK;
    return "ids" in block ? block.ids[within] ?? "" : orderIdOf(block.runId, block.first + within);
  }

  /** @returns false when it was marked before */
  mark(slot: number, mark: number): boolean {
    const flags = this.flags[slot]!;
    this.flags[slot] = flags | mark;
    return (flags & mark) === 0;
  }

  /** The same for an event of a type that has no mark of its own. */
  markType(slot: number, type: string): boolean {
    let marked = this.#types.get(type);
    if (!marked || slot >= marked.length) {
      const larger = new Uint8Array(this.flags.length);
      larger.set(marked ?? []);
      this.#types.set(type, marked = larger);
    }
    this.mark(slot, Mark.OTHER_EVENT);
    const isNew = marked[slot] === 0;
    marked[slot] = 1;
    return isNew;
  }

  hasType(slot: number, type: string): boolean {
    return this.#types.get(type)?.[slot] === 1;
  }

  /** Whether everything that says the order's items says the same; the first is believed. */
  agreeOnItems(slot: number, hash: number): boolean {
    if (this.mark(slot, Mark.HAS_ITEMS)) this.#items[slot] = hash;
    return this.#items[slot] === hash;
  }

  agreeOnAmount(slot: number, cents: number, currency: string): boolean {
    const index = this.#indexOf(currency);
    if (this.mark(slot, Mark.HAS_AMOUNT)) {
      this.#amounts[slot] = cents;
      this.#currencies[slot] = index;
    }
    return this.#amounts[slot] === cents && this.#currencies[slot] === index;
  }

  agreeOnPayment(slot: number, hash: number): boolean {
    if (this.mark(slot, Mark.HAS_PAYMENT)) this.#payments[slot] = hash;
    return this.#payments[slot] === hash;
  }

  agreeOnPartition(slot: number, partition: number): boolean {
    if (this.mark(slot, Mark.HAS_PARTITION)) this.#partitions[slot] = partition;
    return this.#partitions[slot] === partition;
  }

  /** Where its events are; 0 unless `agreeOnPartition` was asked. */
  partitionOf(slot: number): number {
    return this.#partitions[slot]!;
  }

  /** What was first said of the order's amount. */
  amountOf(slot: number): { cents: number; currency: string } {
    const currency = [...this.#currencyIndex.keys()][this.#currencies[slot]!] ?? "other";
    return { cents: this.#amounts[slot]!, currency };
  }

  #slotInRun(runId: string, run: RunBlocks, sequence: number): number {
    const number = Math.floor(sequence / BLOCK);
    let base = run.blocks.get(number);
    if (base === undefined) {
      base = this.#addBlock({ runId, first: number * BLOCK });
      run.blocks.set(number, base);
    }
    return base + sequence % BLOCK;
  }

  #addOther(orderId: string): number {
    const count = this.#others.size;
    if (count === MAX_OTHERS) {
      throw new Failure(
        `more than ${MAX_OTHERS} orders are of no run that the simulator recorded: too many to ` +
          "follow; are DATA_DIR and DATABASE_URL those that the simulator had?",
      );
    }
    if (count % BLOCK === 0) {
      const ids: string[] = [];
      this.#othersBlock = { base: this.#addBlock({ ids }), ids };
    }
    const slot = this.#othersBlock.base + count % BLOCK;
    this.#othersBlock.ids.push(orderId);
    this.#others.set(orderId, slot);
    return slot;
  }

  /** @returns its first slot */
  #addBlock(block: Block): number {
    const base = this.size;
    this.#blocks.push(block);
    if (this.size > this.flags.length) this.#grow();
    return base;
  }

  #grow(): void {
    const length = 2 * this.flags.length;
    const grown = <A extends Uint32Array | Float64Array | Uint16Array | Uint8Array>(
      array: A,
      larger: A,
    ) => {
      larger.set(array);
      return larger;
    };
    this.flags = grown(this.flags, new Uint32Array(length));
    this.#items = grown(this.#items, new Uint32Array(length));
    this.#amounts = grown(this.#amounts, new Float64Array(length));
    this.#currencies = grown(this.#currencies, new Uint8Array(length));
    this.#payments = grown(this.#payments, new Uint32Array(length));
    this.#partitions = grown(this.#partitions, new Uint16Array(length));
  }

  /** Currencies beyond what a byte can hold share a number: no two real ones are among them. */
  #indexOf(currency: string): number {
    let index = this.#currencyIndex.get(currency);
    if (index === undefined) {
      if (this.#currencyIndex.size === OTHER_CURRENCY) return OTHER_CURRENCY;
      index = this.#currencyIndex.size;
      this.#currencyIndex.set(currency, index);
    }
    return index;
  }
}
