/**
 * The simulator's ledger of its runs. Of a run's orders those that were acknowledged must be in
 * orders.raw, those that were never placed must not be, and those between are unknown: they were on
 * their way when the simulator was cut off.
 *
 * The ledger is read twice, since orders may flow meanwhile: what was acknowledged before the log is
 * read must be in it, and only what is not placed after it was read must not be.
 */
import type { DatabaseSync } from "node:sqlite";
import { formatCount } from "../runtime/format.ts";
import { placements, runs, type Tables } from "../services/tables.ts";

export class RunLedger {
  constructor(
    private readonly database: DatabaseSync,
    private readonly tables: Pick<Tables, "scan">,
  ) {}

  /** @throws {RetryableError} the database does not answer */
  async loadBefore(): Promise<void> {
    const insert = this.database.prepare(
      "insert into run (run_id, acknowledged_before, is_finished) values (?, ?, 0)",
    );
    for await (const rows of this.tables.scan(runs)) {
      for (const row of rows) insert.run(row.run_id, row.acknowledged ?? 0);
    }
  }

  /** @throws {RetryableError} the database does not answer */
  async loadAfter(): Promise<void> {
    const set = this.database.prepare(
      "insert into run (run_id, acknowledged_before, acknowledged, is_finished) " +
        "values (?, 0, ?, ?) on conflict do update set acknowledged = excluded.acknowledged, " +
        "is_finished = excluded.is_finished",
    );
    for await (const rows of this.tables.scan(runs)) {
      for (const row of rows) {
        set.run(row.run_id, row.acknowledged ?? 0, row.finished_at === null ? 0 : 1);
      }
    }
    // After the runs: what they acknowledged is placed.
    const place = this.database.prepare("update run set placed = ? where run_id = ?");
    for await (const rows of this.tables.scan(placements)) {
      for (const row of rows) place.run(row.placed, row.run_id);
    }
  }
}

/** What a reader of the report should know about the runs. */
export function notesOfRuns(database: DatabaseSync): string[] {
  const found = database.prepare(ARRIVED).all();
  if (found.length === 0) {
    return ["no run of the simulator is recorded: lost orders could not be looked for"];
  }
  return found.filter(({ is_finished }) => !is_finished).map((row) => {
    const acknowledged = Number(row.acknowledged);
    const unfinished = `run ${row.run_id} has not finished: ${
      formatCount(acknowledged)
    } acknowledged`;
    if (row.placed === null) {
      return `${unfinished}; how many more were on their way is not recorded`;
    }
    const unknown = Number(row.placed) - acknowledged;
    if (unknown === 0) return `${unfinished}, none on their way`;
    return `${unfinished}, ${formatCount(unknown)} more on their way, of which ` +
      `${formatCount(Number(row.arrived))} arrived`;
  });
}

/** Runs, with how many of the orders that were not acknowledged are in orders.raw. */
const ARRIVED = `
with named (order_id) as (
  select order_id from orders where OrderPlaced is not null
  union
  select order_id from mention where topic = 'orders.raw'
)
select run_id, coalesce(acknowledged, acknowledged_before) as acknowledged, placed, is_finished, (
  select count(*) from named
  where not is_finished and order_id > run_id || '-' and order_id < run_id || '.'
    and cast(substr(order_id, length(run_id) + 2) as integer) >= acknowledged
    and cast(substr(order_id, length(run_id) + 2) as integer) < placed
) as arrived
from run order by run_id`;
