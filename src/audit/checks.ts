/**
 * The result of each check, when everything is read. Pure: books in, checks out.
 */
import { sumDeadLetters } from "../kafka/dead_letters.ts";
import { TOPIC_NAMES } from "../topology.ts";
import { formatMoney } from "../runtime/format.ts";
import { type Books, currencyBook } from "./books.ts";
import { CHECK_NAMES, type CheckName, CHECKS, type Offender } from "./findings.ts";
import { offsetsAhead, offsetsBehind } from "./judge_offsets.ts";
import { judgeOrder } from "./judge_order.ts";
import { FIRST_SEQUENCE, Mark, orderIdOf } from "./ledger.ts";
import { closeDeadLetters } from "./observe_dead_letters.ts";

/** One thing that must hold. */
export interface Check {
  /** G1 to G5 of the design. */
  readonly guarantee: string;
  readonly title: string;
  readonly passed: boolean;
  /** How much was looked at. */
  readonly counts: Counts;
  /** How often it failed. */
  readonly failures: number;
  /** The first few failures. */
  readonly offenders: readonly Offender[];
}

type Counts = Readonly<Record<string, number>>;

/** How many orders have each mark, and the money of those that are unfinished. */
interface Tally {
  orders: number;
  parked: number;
  readonly marks: Map<number, number>;
  /** Cents by currency: paid for orders that wait for a person to resolve a dead letter. */
  readonly held: Map<string, bigint>;
}

const COUNTED_MARKS = [
  Mark.VALIDATED,
  Mark.REJECTED,
  Mark.RESERVED,
  Mark.REFUSED,
  Mark.RELEASED,
  Mark.PROCESSED,
  Mark.FAILED,
  Mark.REFUNDED,
  Mark.CONFIRMED,
  Mark.CANCELLED,
];

/** Closes the books: call it once, when all topics and tables are read. */
export function closeBooks(books: Books): Check[] {
  findLostOrders(books);
  const tally = judgeOrders(books);
  judgeProducts(books);
  judgeCurrencies(books, tally);
  closeDeadLetters(books);
  for (const { who, what } of offsetsAhead(books)) books.findings.add("ahead", who, what);
  for (const { who, what } of offsetsBehind(books)) books.findings.add("behind", who, what);
  const counts = countsOf(books, tally);
  return CHECK_NAMES.map((name) => {
    const [guarantee, title] = CHECKS[name];
    const failures = books.findings.count(name);
    return {
      guarantee,
      title,
      passed: failures === 0,
      counts: counts[name],
      failures,
      offenders: books.findings.examples(name),
    };
  });
}

function findLostOrders({ ledger, runs, findings }: Books): void {
  for (const { runId, acknowledged } of runs) {
    for (let n = FIRST_SEQUENCE; n < FIRST_SEQUENCE + acknowledged; n++) {
      const orderId = orderIdOf(runId, n);
      if ((ledger.flags[ledger.slotOf(orderId)]! & Mark.NAMED) !== 0) continue;
      findings.add("acknowledged", orderId, "was acknowledged, but is not in orders.raw");
    }
  }
}

function judgeOrders({ ledger, findings }: Books): Tally {
  const tally: Tally = { orders: 0, parked: 0, marks: new Map(), held: new Map() };
  const marks = new Float64Array(COUNTED_MARKS.length);
  for (let slot = 0; slot < ledger.size; slot++) {
    const flags = ledger.flags[slot]!;
    if (flags === 0) continue;
    judgeOrder(flags, (check, what) => findings.add(check, ledger.idOf(slot), what));
    if (flags & Mark.PLACED) tally.orders++;
    for (const [index, mark] of COUNTED_MARKS.entries()) if (flags & mark) marks[index]!++;
    if (!(flags & Mark.PARKED)) continue;
    tally.parked++;
    if (!(flags & Mark.PROCESSED) || flags & (Mark.REFUNDED | Mark.CONFIRMED)) continue;
    const { cents, currency } = ledger.amountOf(slot);
    tally.held.set(currency, (tally.held.get(currency) ?? 0n) + BigInt(cents));
  }
  for (const [index, mark] of COUNTED_MARKS.entries()) tally.marks.set(mark, marks[index]!);
  return tally;
}

function judgeProducts({ products, findings }: Books): void {
  for (const [productId, { changed, row }] of products) {
    if (!row) {
      findings.add("stock", productId, `changed by ${changed}, but the table does not have it`);
      continue;
    }
    const { initial, onHand } = row;
    if (onHand < 0) findings.add("stock", productId, `${onHand} on hand: oversold`);
    if (initial + changed === onHand) continue;
    const what = `initial ${initial}, changes ${changed}: expected ${initial + changed} on hand, ` +
      `found ${onHand}`;
    findings.add("stock", productId, what);
  }
}

function judgeCurrencies(books: Books, { held }: Tally): void {
  for (const currency of new Set([...books.currencies.keys(), ...held.keys()])) {
    const book = currencyBook(books, currency);
    const waiting = held.get(currency) ?? 0n;
    const due = book.confirmed + waiting;
    const say = (cents: bigint) => formatMoney(cents, currency);
    const confirmed = `confirmed ${say(book.confirmed)}` +
      (waiting > 0n ? `, held by dead letters ${say(waiting)}` : "");
    if (book.processed - book.refunded !== due) {
      const what = `processed ${say(book.processed)} - refunded ${
        say(book.refunded)
      }: ${confirmed}`;
      books.findings.add("balance", currency, what);
    }
    if (book.charged - book.gaveBack !== due) {
      const what =
        `the gateway charged ${say(book.charged)} and gave back ${say(book.gaveBack)}: ` +
        confirmed;
      books.findings.add("gateway", currency, what);
    }
  }
}

/** How much each check has looked at. */
function countsOf(books: Books, tally: Tally): Record<CheckName, Counts> {
  const messages = (name: string) => books.messages.get(name) ?? 0;
  const orders = (mark: number) => tally.marks.get(mark) ?? 0;
  const rows = (table: string) => books.rows.get(table) ?? 0;
  const deadLetters = sumDeadLetters(
    [...books.deadLetters.values()].flatMap((reasons) => [...reasons.values()]),
  );
  const events = TOPIC_NAMES.filter((topic) => topic !== "orders.raw")
    .reduce((sum, topic) => sum + messages(topic), 0);
  const confirmed = orders(Mark.CONFIRMED);
  const cancelled = orders(Mark.CANCELLED);
  const cents = Object.fromEntries(
    [...books.currencies].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([currency, book]) => [`${currency} cents`, Number(book.confirmed)]),
  );
  return {
    whole: { topics: rows("topics") },
    acknowledged: {
      runs: books.runs.length,
      acknowledged: books.runs.reduce((sum, run) => sum + run.acknowledged, 0),
    },
    messages: {
      messages: messages("orders.raw"),
      orders: tally.orders,
      "dead letters": books.dead,
    },
    outcome: {
      orders: tally.orders,
      confirmed,
      cancelled,
      rejected: orders(Mark.REJECTED),
      "waiting for a dead letter": tally.parked,
    },
    ahead: { "committed offsets": books.committed.before.size },
    orderless: { events },
    twice: { events },
    behind: { "committed offsets": books.committed.after.size },
    readable: { messages: events, "dead letters": books.unreadable },
    partition: { orders: tally.orders },
    validated: { validated: orders(Mark.VALIDATED), rejected: orders(Mark.REJECTED) },
    answers: {
      reserved: orders(Mark.RESERVED),
      refused: orders(Mark.REFUSED),
      paid: orders(Mark.PROCESSED),
      failed: orders(Mark.FAILED),
    },
    confirmed: { confirmed },
    cancelled: { cancelled },
    joins: { rows: rows("joins") },
    stock: { products: books.products.size },
    items: { reserved: orders(Mark.RESERVED), released: orders(Mark.RELEASED) },
    released: { cancelled, released: orders(Mark.RELEASED) },
    reservations: { rows: rows("reservations") },
    amounts: { payments: orders(Mark.PROCESSED) + orders(Mark.FAILED), confirmed },
    refunded: { cancelled, refunded: orders(Mark.REFUNDED) },
    balance: cents,
    payments: { rows: rows("payments") },
    gateway: { rows: rows("charges") },
    deadLetters: { ...deadLetters },
    replays: { replayed: deadLetters.replayed },
  };
}
