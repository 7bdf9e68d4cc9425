/** A story as lines for a person; nothing that came from outside reaches the terminal raw. Pure. */
import { printable } from "../../runtime/printable.ts";
import type { Step, TableRow, Timeline } from "../../order_history/timeline.ts";

/** Characters of a column that are shown; --json shows all. */
const MAX_COLUMN = 80;

export function timelineLines(story: Timeline): string[] {
  const { orderId, placedAt, steps, rows, conclusion } = story;
  const head = `order ${printable(orderId)}` +
    (placedAt === null ? ", when it was placed cannot be read" : `, placed at ${placedAt}`);
  return [
    head,
    ...table(steps.map(stepCells)),
    ...(rows.length > 0 ? ["rows:", ...table(rows.map(rowCells))] : ["rows: none"]),
    printable(conclusion, 1_000),
  ];
}

function stepCells({ sinceMs, topic, partition, offset, event, text }: Step): string[] {
  const since = `${sinceMs < 0 ? "-" : "+"}${(Math.abs(sinceMs) / 1_000).toFixed(3)} s`;
  return [since.padStart(9), topic, `${partition}@${offset}`, printable(event), printable(text)];
}

/** Without the key, which is the order's id, and without what is empty. */
function rowCells({ table, row }: TableRow): string[] {
  const columns = Object.entries(row).slice(1).filter(([, value]) => value !== null);
  return [
    table,
    columns.map(([name, value]) => `${name}=${printable(String(value), MAX_COLUMN)}`).join("  "),
  ];
}

/** Cells in columns, each as wide as its widest; the last as it is. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    "  " + row.map((cell, index) => index < row.length - 1 ? cell.padEnd(widths[index]!) : cell)
      .join("  ")
  );
}
