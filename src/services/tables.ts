/**
 * The tables that the audit reads, declared anew: only the columns that it looks at, and nothing of the
 * code whose work it checks. Also opens the tables of any service for reading, for the audit and for a
 * trace: that creates no table and changes none.
 */
import { Failure, RetryableError } from "../runtime/errors.ts";
import { placeOf, type TablesConfig } from "../database/settings.ts";
import { isMissingTable } from "../database/blame.ts";
import { type Database, type Row, type Table, table } from "../database/database.ts";
import { openDatabase } from "../database/open.ts";
import type { Processor } from "../topology.ts";

/** A table and the service that owns it. */
export interface Owned<T extends Table = Table> {
  readonly owner: string;
  readonly table: T;
}

/** A table that a service opens, in its own database or in a further one. */
export interface ServiceTable extends Owned {
  readonly service: Processor;
  /** It has a row an order that was worked on, by the order's id. */
  readonly isByOrder: boolean;
}

/** What the simulator placed: orders `<run_id>-<sequence>`; the first `acknowledged` of them. */
export const runs = {
  owner: "simulator",
  table: table("runs", "run_id", {
    run_id: "text",
    started_at: "text",
    acknowledged: "integer",
    finished_at: "text",
  }),
};

/** No order of a run with the sequence number `placed` or a higher one was ever handed to Kafka. */
export const placements = {
  owner: "simulator",
  table: table("placements", "run_id", { run_id: "text", placed: "integer" }),
};

/** Pieces of each product, at the beginning and now. */
export const stock = {
  owner: "inventory",
  table: table("stock", "product_id", {
    product_id: "text",
    initial: "integer",
    on_hand: "integer",
  }),
};

/** `state`: reserved, rejected or released. */
export const reservations = {
  owner: "inventory",
  table: table("reservations", "order_id", {
    order_id: "text",
    state: "text",
    /** JSON: what was decided; of what was reserved, the changes of stock. */
    decision: "text",
  }),
};

/** `state`: processed, failed or refunded. */
export const payments = {
  owner: "payment",
  table: table("payments", "order_id", {
    order_id: "text",
    state: "text",
    payment_id: "text",
    amount_cents: "integer",
    currency: "text",
  }),
};

/** The payment gateway's own ledger; its idempotency key is the order's id. */
export const charges = {
  owner: "gateway",
  table: table("charges", "idempotency_key", {
    idempotency_key: "text",
    payment_id: "text",
    status: "text",
    amount_cents: "integer",
    currency: "text",
    refunded_cents: "integer",
  }),
};

/** What fulfillment knows of an order, and which message of which order topic completed it. */
export const joins = {
  owner: "fulfillment",
  table: table("joins", "order_id", {
    order_id: "text",
    stock: "text",
    payment: "text",
    outcome: "text",
    decided_by_topic: "text",
    decided_by_offset: "integer",
  }),
};

/** Of wide rows more would not be faster, but take memory. */
const PAGE_ROWS = 2_000;

/** The services' tables, for reading. */
export interface Tables {
  /** All rows in key order, in pages; none where the table was never created. */
  scan<T extends Table>(owned: Owned<T>): AsyncIterable<Row<T>[]>;
  /** The row of a key, with all of its columns. */
  row<T extends Table>(owned: Owned<T>, key: string): Promise<Row<T> | undefined>;
  /** One line for each table that was looked for and is not there. */
  missing(): string[];
  close(): Promise<void>;
}

/**
 * @param place the settings: a PostgreSQL's url, or the folder of the SQLite files
 * @throws {Failure} (its methods) the database does not answer, or is locked
 */
export function openTables(place: TablesConfig): Tables {
  const open = new Map<string, Promise<Database>>();
  const missing = new Set<string>();
  const databaseOf = (owner: string) => {
    let database = open.get(owner);
    if (!database) {
      database = openDatabase({ ...placeOf(place), owner, tables: [] });
      open.set(owner, database);
    }
    return database;
  };
  return {
    async *scan({ owner, table }) {
      try {
        yield* (await databaseOf(owner)).scan(table, PAGE_ROWS);
      } catch (error) {
        explainUnlessMissing(error);
        missing.add(nameOf(owner, table));
      }
    },
    async row({ owner, table }, key) {
      try {
        const database = await databaseOf(owner);
        return (await database.transaction((tx) => tx.select(table, [key])))[0];
      } catch (error) {
        explainUnlessMissing(error);
        missing.add(nameOf(owner, table));
      }
    },
    missing: () => [...missing].map((name) => `there is no table ${name}`),
    async close() {
      await Promise.allSettled(
        [...open.values()].map(async (database) => (await database).close()),
      );
    },
  };
}

function nameOf(owner: string, { name }: Table): string {
  return `${owner}.${name}`;
}

/** Returns where a table is missing: nobody wrote anything yet. Throws in all other cases. */
function explainUnlessMissing(error: unknown): void {
  if (isMissingTable(error)) return;
  throw error instanceof RetryableError ? new Failure(error.message) : error;
}
