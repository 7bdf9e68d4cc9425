/**
 * The joins, one row an order: its two halves, and the outcome with the message that completed it.
 *
 * An outcome belongs to the message that completed the join. When that message is delivered again (its
 * transaction failed), the stored outcome is returned again; any other message of the order, the
 * other half delivered again included, returns nothing. So the outcome is published exactly once,
 * by the transaction that consumes that message.
 */
import type { OrderCancelled, OrderConfirmed } from "../../events/schemas.ts";
import { type Database, jsonIn, type Row, table, unreadable } from "../../database/database.ts";
import type { Topic } from "../../topology.ts";
import { decide, evolve, type HalfEvent, type Join } from "./join.ts";

/** Of owner `fulfillment`. */
export const joins = table("joins", "order_id", {
  order_id: "text",
  /** `Answer` of the stock, JSON. */
  stock: "text",
  /** `Answer` of the payment with its amount, JSON. */
  payment: "text",
  /** `Decided`, JSON; null until both halves are there. */
  outcome: "text",
  /** The message that completed the join. */
  decided_by_topic: "text",
  decided_by_offset: "integer",
});

/** Of an outcome, what the halves and the message do not say. (Earlier rows have the whole event.) */
type Decided = Pick<OrderConfirmed | OrderCancelled, "type" | "occurredAt">;

export interface Half {
  readonly event: HalfEvent;
  readonly topic: Topic;
  readonly offset: number;
}

/**
 * Joins a batch, in one transaction.
 *
 * @param halves in the order of the log, of one topic: so none of them completes the join of an order
 * whose first half is among them
 * @param occurredAt the time of what is decided now, ISO 8601
 * @returns for each half the outcome that it completed, now or when it was first delivered
 * @throws {RetryableError} the database does not answer
 */
export async function joinHalves(
  database: Database,
  halves: readonly Half[],
  occurredAt: string,
): Promise<(OrderConfirmed | OrderCancelled | undefined)[]> {
  const outcomes: (OrderConfirmed | OrderCancelled | undefined)[] = halves.map(() => undefined);
  const relevant = [...halves.entries()].filter(([, { event }]) => evolve({}, event) !== undefined);
  if (relevant.length === 0) return outcomes;
  // What the batch alone says of its orders: all there is to say of those whose first half it brings.
  const first = new Map<string, Join>();
  for (const [, { event }] of relevant) {
    first.set(event.orderId, evolve(first.get(event.orderId) ?? {}, event)!);
  }
  return await database.transaction(async (tx) => {
    // Insert first: a row must be there to be locked, and the other half may be joined by another
    // member right now.
    const added = [...first].map(([id, join]) => toRow(id, join));
    const known = await tx.insert(joins, added, { lock: true });
    const rows = new Map(known.map((row) => [row.order_id, row]));
    const changed = new Map<string, Row<typeof joins>>();
    for (const [i, { event, topic, offset }] of relevant) {
      // The transaction may be tried again.
      outcomes[i] = undefined;
      const row = rows.get(event.orderId);
      if (row === undefined) continue;
      if (row.outcome !== null) {
        if (row.decided_by_topic === topic && row.decided_by_offset === offset) {
          outcomes[i] = outcomeOf(row, event);
        }
        continue;
      }
      const join = evolve(toJoin(row), event)!;
      Object.assign(row, halvesOf(join));
      const outcome = decide(join, event, occurredAt);
      if (outcome) {
        const decided: Decided = { type: outcome.type, occurredAt };
        row.outcome = JSON.stringify(decided);
        row.decided_by_topic = topic;
        row.decided_by_offset = offset;
        outcomes[i] = outcome;
      }
      changed.set(row.order_id, row);
    }
    await tx.upsert(joins, [...changed.values()]);
    return outcomes;
  });
}

/** The outcome that was decided when `event` completed the join, to the letter. */
function outcomeOf(row: Row<typeof joins>, event: HalfEvent): OrderConfirmed | OrderCancelled {
  const decided: Decided = jsonIn(joins, row, "outcome");
  const outcome = decide(toJoin(row), event, decided.occurredAt);
  if (outcome?.type !== decided.type) throw unreadable(joins, row, "outcome");
  return outcome;
}

/** A join that lacks its other half. */
function toRow(orderId: string, join: Join): Row<typeof joins> {
  return {
    order_id: orderId,
    ...halvesOf(join),
    outcome: null,
    decided_by_topic: null,
    decided_by_offset: null,
  };
}

function halvesOf({ stock, payment }: Join): { stock: string | null; payment: string | null } {
  return {
    stock: stock ? JSON.stringify(stock) : null,
    payment: payment ? JSON.stringify(payment) : null,
  };
}

function toJoin(row: Row<typeof joins>): Join {
  return {
    ...(row.stock !== null && { stock: jsonIn(joins, row, "stock") }),
    ...(row.payment !== null && { payment: jsonIn(joins, row, "payment") }),
  };
}
