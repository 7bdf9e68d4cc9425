/**
 * The simulator's ledger of its runs. Of a run's orders those that were acknowledged must be in
 * orders.raw, those that were never placed must not be, and those between are unknown: they were on
 * their way when the simulator was cut off.
 *
 * The ledger is read twice, since orders may flow meanwhile: what was acknowledged before the log is
 * read must be in it, and only what is not placed after it was read must not be.
 */
import type { DatabaseSync } from "node:sqlite";
import { placements, runs, type Tables } from "../../services/tables.ts";

/** @throws {RetryableError} the database does not answer */
export async function loadRunsBefore(
  database: DatabaseSync,
  tables: Pick<Tables, "scan">,
): Promise<void> {
  const insert = database.prepare(
    "insert into run (run_id, started_at, acknowledged_before, is_finished) values (?, ?, ?, 0)",
  );
  for await (const rows of tables.scan(runs)) {
    for (const row of rows) insert.run(row.run_id, startOf(row.started_at), row.acknowledged ?? 0);
  }
}

/** @throws {RetryableError} the database does not answer */
export async function loadRunsAfter(
  database: DatabaseSync,
  tables: Pick<Tables, "scan">,
): Promise<void> {
  const set = database.prepare(
    "insert into run (run_id, started_at, acknowledged_before, acknowledged, is_finished) " +
      "values (?, ?, 0, ?, ?) on conflict do update set acknowledged = excluded.acknowledged, " +
      "is_finished = excluded.is_finished",
  );
  for await (const rows of tables.scan(runs)) {
    for (const row of rows) {
      const isFinished = row.finished_at === null ? 0 : 1;
      set.run(row.run_id, startOf(row.started_at), row.acknowledged ?? 0, isFinished);
    }
  }
  // After the runs: what they acknowledged is placed.
  const place = database.prepare("update run set placed = ? where run_id = ?");
  for await (const rows of tables.scan(placements)) {
    for (const row of rows) place.run(row.placed, row.run_id);
  }
}

function startOf(iso: string | null | undefined): number | null {
  const at = Date.parse(iso ?? "");
  return Number.isNaN(at) ? null : at;
}
