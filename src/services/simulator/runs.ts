/**
 * The simulator's ledger: how far each run has come, for the audit, and for the simulator that goes on
 * with a run that was cut off. Whenever a simulator dies:
 *
 * - every order below `acknowledged` is in the log: the count is written after the acknowledgement;
 * - of those from `acknowledged` to `placed`, any may be there: they were on their way;
 * - no order from `placed` on is there: the count is written before an order is handed to Kafka.
 */
import { Failure } from "../../runtime/errors.ts";
import { type Database, jsonIn, type Row, table } from "../../database/database.ts";
import { asOptions, type OrderSettings } from "./settings.ts";

/** Of owner `simulator`, like `placements`. */
export const runs = table("runs", "run_id", {
  run_id: "text",
  seed: "integer",
  /** ISO 8601. */
  started_at: "text",
  /** Every order whose sequence number is below it was acknowledged. */
  acknowledged: "integer",
  /** ISO 8601; null until the run has ended with every order acknowledged. */
  finished_at: "text",
});

/** What `runs` had no columns for when it was new. */
export const placements = table("placements", "run_id", {
  run_id: "text",
  /** No order with this sequence number or a higher one was ever handed to Kafka. */
  placed: "integer",
  /** The orders from `acknowledged` to `placed` were sent at this time or later; epoch milliseconds. */
  unknown_since_ms: "integer",
  /** What its orders follow from: `OrderSettings`, as JSON. */
  made_with: "text",
  /** Counts the simulators that the run has had: the last one fences those before it. */
  epoch: "integer",
});

export const simulatorTables = [runs, placements] as const;

/** How far a run has come, in sequence numbers. */
export interface Reach {
  /** Every order below it was acknowledged. */
  readonly acknowledged: number;
  /** No order from it on was handed to Kafka. */
  readonly placed: number;
}

export interface RunRecord {
  /** How far the run had come before; 0 and 0 when it is new. */
  readonly before: Reach;
  /** The orders of `before` that are not acknowledged were sent at this time or later; epoch ms. */
  readonly unknownSinceMs: number;
  /**
   * Call it before a batch goes out, and after its acknowledgement.
   *
   * @param nowMs epoch milliseconds
   * @throws {RetryableError} the database does not answer
   * @throws {Failure} another simulator has the run now
   */
  save(reach: Reach, nowMs: number): Promise<void>;
  /** How many orders are unknown when a simulator ends at `reach`. */
  unknownAt(reach: Reach): number;
  /** Records the end: the run is finished if no order is unknown. Throws as `save` does. */
  end(reach: Reach, nowMs: number): Promise<void>;
}

/**
 * Begins a run, or goes on with one that was cut off. Whoever worked on it before can record nothing
 * any more, and so sends no further batch.
 *
 * @param run.orders what its orders follow from
 * @param nowMs epoch milliseconds
 * @throws {Failure} the run is finished, or was begun with other settings, or by a simulator that did
 * not record what it placed
 * @throws {RetryableError} the database does not answer
 */
export async function beginRun(
  database: Database,
  run: { runId: string; orders: OrderSettings },
  nowMs: number,
): Promise<RunRecord> {
  const { runId, orders } = run;
  const row: Row<typeof runs> = {
    run_id: runId,
    seed: orders.seed,
    started_at: toIso(nowMs),
    acknowledged: 0,
    finished_at: null,
  };
  const placement: Row<typeof placements> = {
    run_id: runId,
    placed: 0,
    unknown_since_ms: nowMs,
    made_with: JSON.stringify(orders),
    epoch: 1,
  };
  return await database.transaction(async (tx) => {
    const isNew = (await tx.insert(runs, [row])).length === 0;
    if (isNew) {
      await tx.insert(placements, [placement]);
      return createRecord(database, row, placement);
    }
    // First the lock: whoever holds it is still writing.
    const [last] = await tx.select(placements, [runId], { lock: true });
    const [found] = await tx.select(runs, [runId]);
    const next = continued(run, found!, last);
    await tx.upsert(placements, [next]);
    return createRecord(database, found!, next);
  });
}

/** The placement of a run that is gone on with. @throws {Failure} it cannot be */
function continued(
  { runId, orders }: { runId: string; orders: OrderSettings },
  { finished_at: finishedAt }: Row<typeof runs>,
  last: Row<typeof placements> | undefined,
): Row<typeof placements> {
  const wayOut = "choose another name, or leave it out";
  if (finishedAt !== null) {
    throw new Failure(`--run: there was a run ${runId} already, and it is finished: ${wayOut}`);
  }
  if (!last) {
    throw new Failure(
      `--run: run ${runId} was cut off, and what it had placed was not recorded: ${wayOut}`,
    );
  }
  const madeWith: OrderSettings = jsonIn(placements, last, "made_with");
  const differing = (Object.keys(orders) as (keyof OrderSettings)[])
    .filter((name) => orders[name] !== madeWith[name]);
  if (differing.length > 0) {
    throw new Failure(
      `--run: run ${runId} was begun with ${asOptions(madeWith, differing)}, and cannot go on ` +
        `with ${asOptions(orders, differing)}: use the same, or choose another name`,
    );
  }
  return { ...last, epoch: last.epoch! + 1 };
}

function createRecord(
  database: Database,
  firstRow: Row<typeof runs>,
  firstPlacement: Row<typeof placements>,
): RunRecord {
  const { run_id: runId, epoch } = firstPlacement;
  const before = { acknowledged: firstRow.acknowledged!, placed: firstPlacement.placed! };
  let acknowledged = before.acknowledged;
  let unknownSinceMs = firstPlacement.unknown_since_ms!;
  // What an earlier simulator handed out stays handed out, however far this one has come.
  const placedAt = ({ placed }: Reach) => Math.max(before.placed, placed);

  async function write(reach: Reach, nowMs: number, finishedAt: string | null): Promise<void> {
    // What was on its way before is older than anything that this simulator does.
    const known = reach.acknowledged > acknowledged && reach.acknowledged >= before.placed;
    const sinceMs = known ? nowMs : unknownSinceMs;
    const placed = placedAt(reach);
    const row = { ...firstRow, acknowledged: reach.acknowledged, finished_at: finishedAt };
    await database.transaction(async (tx) => {
      const [found] = await tx.select(placements, [runId], { lock: true });
      if (found?.epoch !== epoch) {
        throw new Failure(`another simulator has run ${runId} now: this one ends`);
      }
      await tx.upsert(placements, [{ ...firstPlacement, placed, unknown_since_ms: sinceMs }]);
      await tx.upsert(runs, [row]);
    });
    acknowledged = reach.acknowledged;
    unknownSinceMs = sinceMs;
  }

  const unknownAt = (reach: Reach) => placedAt(reach) - reach.acknowledged;
  return {
    before,
    unknownSinceMs,
    save: (reach, nowMs) => write(reach, nowMs, null),
    unknownAt,
    end: (reach, nowMs) => write(reach, nowMs, unknownAt(reach) > 0 ? null : toIso(nowMs)),
  };
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}
