/** The services' tables as tables of the audit's database, by the same names. */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { table } from "../../database/database.ts";
import {
  charges,
  joins,
  type Owned,
  payments,
  reservations,
  type ServiceTable,
  stock,
  type Tables,
} from "../../services/tables.ts";
import { BulkInsert } from "../database.ts";
import { piecesByProduct } from "./messages.ts";

type StoredRow = Readonly<Record<string, SQLInputValue | undefined>>;

interface Column {
  readonly name: string;
  readonly type: "text" | "integer" | undefined;
  readonly valueOf: (row: StoredRow) => SQLInputValue;
}

export interface AuditedTable {
  readonly owned: Owned;
  readonly columns: readonly Column[];
}

/** @param changed columns that are not loaded as they are stored: null leaves one out */
function audited(
  owned: Owned,
  changed: Readonly<Record<string, Column["valueOf"] | null>> = {},
): AuditedTable {
  const { columns } = owned.table;
  const stored = Object.keys(columns).filter((name) => !(name in changed));
  const derived = Object.entries(changed).filter(([, valueOf]) => valueOf !== null);
  return {
    owned,
    columns: [
      ...stored.map((name) => ({
        name,
        type: columns[name],
        valueOf: (row: StoredRow) => row[name] ?? null,
      })),
      ...derived.map(([name, valueOf]) => ({ name, type: "text" as const, valueOf: valueOf! })),
    ],
  };
}

/** Without the halves of the join: whole events, of which the log tells. */
const JOINS = table("joins", "order_id", {
  order_id: "text",
  outcome: "text",
  decided_by_topic: "text",
  decided_by_offset: "integer",
});

/** In the order of reading. */
export const AUDITED_TABLES: readonly AuditedTable[] = [
  audited({ owner: joins.owner, table: JOINS }, {
    // Of a stored event its type is enough.
    outcome: ({ outcome }) => typeof outcome === "string" ? String(parse(outcome)?.type) : null,
  }),
  audited(stock),
  audited(reservations, {
    decision: null,
    items: ({ decision }) => {
      if (typeof decision !== "string") return null;
      const decided = parse(decision);
      // Other pieces than any event's.
      if (!decided) return '"unreadable"';
      const { changes } = decided;
      if (!Array.isArray(changes)) return null;
      return piecesByProduct(changes.map((change) => [change?.productId, -change?.delta]));
    },
  }),
  audited(payments),
  audited(charges),
];

export async function loadTable(
  database: DatabaseSync,
  tables: Pick<Tables, "scan">,
  { owned, columns }: AuditedTable,
  onRows: (rows: number) => void,
): Promise<void> {
  const insert = new BulkInsert(database, owned.table.name, columns.map(({ name }) => name));
  for await (const page of tables.scan(owned)) {
    for (const row of page as StoredRow[]) {
      insert.add(columns.map(({ valueOf }) => valueOf(row)));
    }
    onRows(page.length);
  }
  insert.flush();
}

/** Loads which orders a table has a row for. */
export async function loadOrderTable(
  database: DatabaseSync,
  tables: Pick<Tables, "scan">,
  { service, owner, table: { name, key } }: ServiceTable,
  onRows: (rows: number) => void,
): Promise<void> {
  const { lastInsertRowid: id } = database.prepare(
    "insert into order_table (service, name) values (?, ?)",
  ).run(service, `${owner}.${name}`);
  const insert = new BulkInsert(database, "order_row", ["table_id", "order_id"]);
  for await (const page of tables.scan({ owner, table: table(name, key, { [key]: "text" }) })) {
    for (const row of page as StoredRow[]) insert.add([id, row[key] ?? null]);
    onRows(page.length);
  }
  insert.flush();
}

function parse(json: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
