/**
 * The simulator's ledger against the log. Of a run's orders those that were acknowledged must be in
 * orders.raw, those that were never placed must not be, and those between are unknown: they were on
 * their way when the simulator was cut off.
 *
 * The ledger is read twice, since orders may flow meanwhile: what was acknowledged before the log is
 * read must be in it, and only what is not placed after it was read must not be.
 */
import { placements, runs, type Tables } from "../services/tables.ts";
import type { Books } from "./books.ts";
import { FIRST_SEQUENCE, Mark, type Run } from "./ledger.ts";
import { formatCount } from "../runtime/format.ts";

/** A run as the ledger has it. */
export interface RunState extends Run {
  /** How many of its orders, from the first on, may have been handed to Kafka; absent if not recorded. */
  readonly placed: number | undefined;
  readonly isFinished: boolean;
}

/** @throws {RetryableError} the database does not answer */
export async function readRuns(tables: Pick<Tables, "scan">): Promise<RunState[]> {
  const found: RunState[] = [];
  for await (const rows of tables.scan(runs)) {
    for (const { run_id: runId, acknowledged, finished_at: finishedAt } of rows) {
      const isFinished = finishedAt !== null;
      found.push({ runId, acknowledged: acknowledged ?? 0, placed: undefined, isFinished });
    }
  }
  // After the runs: what they acknowledged is placed.
  const placed = new Map<string, number | null>();
  for await (const rows of tables.scan(placements)) {
    for (const row of rows) placed.set(row.run_id, row.placed);
  }
  return found.map((run) => ({ ...run, placed: placed.get(run.runId) ?? undefined }));
}

/**
 * Finds orders that nobody placed; call it when the topics are read.
 *
 * @param states as the ledger has them then
 * @returns what a reader of the report should know
 */
export function judgeRuns({ ledger, findings }: Books, states: readonly RunState[]): string[] {
  const notes = states.length > 0
    ? []
    : ["no run of the simulator is recorded: lost orders could not be looked for"];
  for (const { runId, acknowledged, placed, isFinished } of states) {
    const unfinished = `run ${runId} has not finished: ${formatCount(acknowledged)} acknowledged`;
    if (placed === undefined) {
      if (!isFinished) notes.push(`${unfinished}; how many more were on their way is not recorded`);
      continue;
    }
    let arrived = 0;
    for (const { sequence, slot } of ledger.ordersFrom(runId, FIRST_SEQUENCE + acknowledged)) {
      if ((ledger.flags[slot]! & Mark.NAMED) === 0) continue;
      if (sequence < FIRST_SEQUENCE + placed) arrived++;
      else {
        const what = `is in orders.raw, but run ${runId} placed only ${formatCount(placed)} orders`;
        findings.add("acknowledged", ledger.idOf(slot), what);
      }
    }
    const unknown = placed - acknowledged;
    if (!isFinished) {
      const onTheirWay = unknown === 0
        ? "none on their way"
        : `${formatCount(unknown)} more on their way, of which ${formatCount(arrived)} arrived`;
      notes.push(`${unfinished}, ${onTheirWay}`);
    } else if (unknown !== 0) {
      const what = `is finished, but placed ${formatCount(placed)} orders and acknowledged ` +
        formatCount(acknowledged);
      findings.add("acknowledged", `run ${runId}`, what);
    }
  }
  return notes;
}
