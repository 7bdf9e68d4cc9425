/**
 * The stock and the reservations: input batches of orders or cancellations, output the events to
 * publish. Each batch is one database transaction. Idempotent by repeating the stored event: an order
 * that is delivered again gets, to the letter, the event it got the first time, and nothing is
 * deducted twice. See docs/write-a-service.md, "The store", for when to take which way.
 *
 * The stock rows of the batch are locked before the reservations are looked up. So a zombie (a member
 * whose partition was given away while it worked) and its successor, which handle the same orders,
 * do so one after the other, and the later one finds what the earlier one stored.
 */
import {
  eventId,
  type InventoryRejected,
  type InventoryUpdated,
  type OrderCancelled,
  type OrderValidated,
} from "../../events/schemas.ts";
import {
  type Database,
  jsonIn,
  type Row,
  table,
  type Transaction,
  unreadable,
} from "../../database/database.ts";
import type { VersionedTables } from "../../database/migrations.ts";
import { type Change, type Decision, release, reserve, type Stock } from "./reserve.ts";

/** Of owner `inventory`; pieces. Always: initial − reserved + released = on_hand ≥ 0. */
export const stock = table("stock", "product_id", {
  product_id: "text",
  initial: "integer",
  on_hand: "integer",
});

/** Of owner `inventory`: one row an order that was decided. */
export const reservations = table("reservations", "order_id", {
  order_id: "text",
  /** `reserved`, `rejected`, or `released`: was reserved, and given back. */
  state: "text",
  placed_at: "text",
  decided_at: "text",
  /** What was decided: `Decision`, JSON. */
  decision: "text",
  released_at: "text",
  /** What was given back: `Change[]`, JSON; null until then. */
  released: "text",
});
type Reservation = Row<typeof reservations>;

/** The tables that the inventory owns. */
export const inventoryTables = [stock, reservations];

/** For all who open them: the service, `deno task seed` and the demo. */
export const inventoryDatabase: VersionedTables = { owner: "inventory", tables: inventoryTables };

/**
 * Reserves stock for a batch of orders.
 *
 * @param orders in the order of the log; one that comes twice is decided once
 * @param occurredAt the time of what is decided now, ISO 8601
 * @returns one event an order, in the same order
 * @throws {RetryableError} the database does not answer
 */
export async function reserveStock(
  database: Database,
  orders: readonly Pick<OrderValidated, "orderId" | "placedAt" | "items">[],
  occurredAt: string,
): Promise<(InventoryUpdated | InventoryRejected)[]> {
  const byId = new Map(orders.map((order) => [order.orderId, order]));
  const productIds = new Set(orders.flatMap((order) => order.items.map((item) => item.productId)));
  const decidedNow = new Map<string, Decision>();
  const rows = await database.transaction(async (tx) => {
    decidedNow.clear();
    const stockRows = await lockStock(tx, productIds);
    // A batch whose products have no stock at all locks nothing: its orders are rejected either way.
    const known = await selectReservations(tx, byId.keys());
    const fresh = [...byId.values()].filter((order) => !known.has(order.orderId));
    const { decisions, left } = reserve(fresh, onHand(stockRows));
    const inserted = fresh.map(({ orderId, placedAt }, i): Reservation => ({
      order_id: orderId,
      state: decisions[i]!.state,
      placed_at: placedAt,
      decided_at: occurredAt,
      decision: JSON.stringify(decisions[i]),
      released_at: null,
      released: null,
    }));
    await tx.insert(reservations, inserted);
    await writeStock(tx, stockRows, left);
    for (const [i, row] of inserted.entries()) {
      known.set(row.order_id, row);
      decidedNow.set(row.order_id, decisions[i]!);
    }
    return known;
  });
  return orders.map(({ orderId }) => decidedEvent(rows.get(orderId)!, decidedNow.get(orderId)));
}

/**
 * Gives back the stock of cancelled orders. For an order that got none there is nothing to do, and no
 * event. That includes an order that this inventory has not decided yet, which can't be: fulfillment
 * cancels only after it has read the inventory's event, and that is published after it is stored.
 *
 * @param orders in the order of the log; one that comes twice is released once
 * @param occurredAt the time of what is released now, ISO 8601
 * @returns for each order its event, undefined where it had reserved no stock
 * @throws {RetryableError} the database does not answer
 */
export async function releaseStock(
  database: Database,
  orders: readonly Pick<OrderCancelled, "orderId">[],
  occurredAt: string,
): Promise<(InventoryUpdated | undefined)[]> {
  const orderIds = new Set(orders.map((order) => order.orderId));
  const rows = await database.transaction(async (tx) => {
    const known = await selectReservations(tx, orderIds, { lock: true });
    const fresh = [...orderIds].flatMap((orderId) => {
      const row = known.get(orderId);
      return row?.state === "reserved" ? [{ row, changes: reservedChanges(row) }] : [];
    });
    const productIds = new Set(fresh.flatMap(({ changes }) => changes.map((c) => c.productId)));
    const stockRows = await lockStock(tx, productIds);
    const { released, left } = release(fresh.map(({ changes }) => changes), onHand(stockRows));
    const updated = fresh.map(({ row }, i): Reservation => ({
      ...row,
      state: "released",
      released_at: occurredAt,
      released: JSON.stringify(released[i]),
    }));
    await tx.upsert(reservations, updated);
    await writeStock(tx, stockRows, left);
    for (const row of updated) known.set(row.order_id, row);
    return known;
  });
  return orders.map(({ orderId }) => {
    const row = rows.get(orderId);
    return row?.state === "released" ? releasedEvent(row) : undefined;
  });
}

type StockRows = Map<string, Row<typeof stock>>;

async function lockStock(tx: Transaction, productIds: Iterable<string>): Promise<StockRows> {
  const rows = await tx.select(stock, [...productIds], { lock: true });
  return new Map(rows.map((row) => [row.product_id, row]));
}

function onHand(rows: StockRows): Stock {
  return new Map([...rows].map(([productId, row]) => [productId, row.on_hand!]));
}

/** One row a product, however many orders of the batch changed it. */
async function writeStock(tx: Transaction, rows: StockRows, left: Stock): Promise<void> {
  const changed = [...left].map(([productId, on_hand]) => {
    const row = rows.get(productId);
    if (!row) throw new Error(`stock of ${productId} was reserved, but its row is gone`);
    return { ...row, on_hand };
  });
  await tx.upsert(stock, changed);
}

async function selectReservations(
  tx: Transaction,
  orderIds: Iterable<string>,
  options?: { lock: boolean },
): Promise<Map<string, Reservation>> {
  const rows = await tx.select(reservations, [...orderIds], options);
  return new Map(rows.map((row) => [row.order_id, row]));
}

function reservedChanges(row: Reservation): Change[] {
  const decision: Decision = jsonIn(reservations, row, "decision");
  return decision.state === "reserved" ? decision.changes : [];
}

/**
 * The event of a decision: made of the row alone, so that it is the same every time.
 *
 * @param decision what the row says, where it is known
 */
function decidedEvent(
  row: Reservation,
  decision: Decision = jsonIn(reservations, row, "decision"),
): InventoryUpdated | InventoryRejected {
  const common = { ...commonFields(row), occurredAt: row.decided_at! };
  switch (decision.state) {
    case "reserved":
      return {
        type: "InventoryUpdated",
        eventId: eventId(row.order_id, "InventoryUpdated/reserved"),
        ...common,
        action: "reserved",
        changes: decision.changes,
      };
    case "rejected":
      return {
        type: "InventoryRejected",
        eventId: eventId(row.order_id, "InventoryRejected"),
        ...common,
        reason: decision.reason,
        detail: decision.detail,
      };
    default:
      decision satisfies never;
      throw unreadable(reservations, row, "decision");
  }
}

function releasedEvent(row: Reservation): InventoryUpdated {
  return {
    type: "InventoryUpdated",
    eventId: eventId(row.order_id, "InventoryUpdated/released"),
    ...commonFields(row),
    occurredAt: row.released_at!,
    action: "released",
    changes: jsonIn(reservations, row, "released"),
  };
}

function commonFields(row: Reservation) {
  return { version: 1 as const, orderId: row.order_id, placedAt: row.placed_at! };
}
