/**
 * What the simulator leaves for the audit: how many orders of a run the cluster has acknowledged. The
 * count is written after the acknowledgement, never before, so that it is at most the truth, whenever
 * the simulator dies.
 */
import { Failure } from "../../runtime/program.ts";
import { type Database, type Row, table } from "../../store/database.ts";

/** Of owner `simulator`. */
export const runs = table("runs", "run_id", {
  run_id: "text",
  seed: "integer",
  /** ISO 8601. */
  started_at: "text",
  /** Every order whose sequence number is below it was acknowledged. */
  acknowledged: "integer",
  /** ISO 8601; null until the run has ended in order. */
  finished_at: "text",
});

export interface RunRecord {
  /** @throws {Unavailable} the database does not answer */
  acknowledge(count: number): Promise<void>;
  /** @throws {Unavailable} the database does not answer */
  finish(finishedAt: string): Promise<void>;
}

/**
 * Records the beginning of a run.
 *
 * @param run.startedAt ISO 8601
 * @throws {Failure} there was a run of that name: its orders would be taken for this one's
 * @throws {Unavailable} the database does not answer
 */
export async function beginRun(
  database: Database,
  run: { runId: string; seed: number; startedAt: string },
): Promise<RunRecord> {
  const row: Row<typeof runs> = {
    run_id: run.runId,
    seed: run.seed,
    started_at: run.startedAt,
    acknowledged: 0,
    finished_at: null,
  };
  await database.transaction(async (tx) => {
    if ((await tx.select(runs, [run.runId])).length > 0) {
      throw new Failure(
        `--run: there was a run ${run.runId} already: choose another name, or leave it out`,
      );
    }
    await tx.insert(runs, [row]);
  });
  const save = () => database.transaction((tx) => tx.upsert(runs, [row]));
  return {
    acknowledge(count) {
      row.acknowledged = count;
      return save();
    },
    finish(finishedAt) {
      row.finished_at = finishedAt;
      return save();
    },
  };
}
