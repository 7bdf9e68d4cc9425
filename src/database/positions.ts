/**
 * How far a service's tables are in each of its input partitions, so that whoever is assigned a partition
 * can compare it with the offset that the consumer group has committed.
 *
 * It is a range, because the tables are never behind the group: everything below `workFrom` is done and
 * committed; what lies in [workFrom, workTo) is done in the tables, while its outputs and offset are
 * being committed. A healthy service finds workFrom ≤ committed offset ≤ workTo.
 */
import { batched } from "../runtime/batched.ts";
import { type Database, type Row, type Table, table } from "./database.ts";

/** Each service that has tables has this one, too. */
export const positions = table("positions", "input", {
  /** `TOPIC/PARTITION`, the topic's name on the cluster. */
  input: "text",
  /** Null when it is unknown. */
  cluster_id: "text",
  topic_id: "text",
  /** -1: the group had committed nothing yet. */
  work_from: "integer",
  work_to: "integer",
  /** The leader's epoch of the last record below `work_to`; null when it is unknown. */
  leader_epoch: "integer",
  /** The token of the last owner that was assigned the partition; no other may move its position. */
  owner: "text",
});

export interface TablePosition {
  /** See `inputOf`. */
  readonly input: string;
  /** Null when it is unknown. */
  readonly clusterId: string | null;
  readonly topicId: string | null;
  /** -1: the group had committed nothing yet. */
  readonly workFrom: number;
  readonly workTo: number;
  /** The leader's epoch of the last record below `workTo`; null when it is unknown. */
  readonly leaderEpoch: number | null;
  readonly owner: string;
}

/** Kafka's value for an offset that was never committed. */
export const NOTHING_COMMITTED = -1;

/** @param topic its name on the cluster */
export function inputOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/** Whether two ids of a cluster or a topic differ; an unknown id differs from none. */
export function idsDiffer(stored: string | null, now: string | null): boolean {
  return stored !== null && now !== null && stored !== now;
}

/** What a reset writes: the tables are at `offset`, which the group has committed; with a new owner. */
export function positionAt(input: string, offset: number): TablePosition {
  return {
    input,
    // The next owner of the partition writes the present ones.
    clusterId: null,
    topicId: null,
    workFrom: offset,
    workTo: offset,
    leaderEpoch: null,
    owner: crypto.randomUUID(),
  };
}

const SINGLE = { single: true };

/** @throws {RetryableError} the database does not answer */
export async function findPosition(
  database: Database,
  input: string,
): Promise<TablePosition | undefined> {
  const [row] = await database.transaction((tx) => tx.select(positions, [input]), SINGLE);
  return row && toPosition(row);
}

/** All inputs, in the order of their keys. */
export async function allPositions(database: Database): Promise<TablePosition[]> {
  const all: TablePosition[] = [];
  for await (const rows of database.scan(positions)) all.push(...rows.map(toPosition));
  return all.filter(({ input }) => input !== EVERY_INPUT);
}

/** The key of a row that no input has: see `adoptInputs`. */
const EVERY_INPUT = "*";

/**
 * Notes that these tables are older than the positions: an input without one is where its group is,
 * whichever member is assigned it first.
 *
 * @throws {RetryableError} the database does not answer; it may be written
 */
export async function adoptInputs(database: Database): Promise<void> {
  const ids = { clusterId: null, topicId: null, leaderEpoch: null };
  const row = toRow({ input: EVERY_INPUT, ...ids, workFrom: 0, workTo: 0, owner: "" });
  await database.transaction((tx) => tx.insert(positions, [row]), SINGLE);
}

/** Whether `adoptInputs` was called. */
export async function adoptsInputs(database: Database): Promise<boolean> {
  return await findPosition(database, EVERY_INPUT) !== undefined;
}

/**
 * Writes a partition's position with a new owner: from now on no other can move it. Whoever was replaced,
 * and does not know it yet, must not undo what the present owner has saved and is about to commit: so the
 * position has to be as it was found.
 *
 * @param before what `findPosition` returned
 * @returns false, and nothing is written, when it was taken or moved since
 * @throws {RetryableError} the database does not answer; it may be written
 */
export function takePosition(
  database: Database,
  position: TablePosition,
  before: TablePosition | undefined,
): Promise<boolean> {
  return database.transaction(async (tx) => {
    if (before === undefined) return (await tx.insert(positions, [toRow(position)])).length === 0;
    const [row] = await tx.select(positions, [position.input], { lock: true });
    const found = row && toPosition(row);
    // The first try may have been committed, and only its answer lost.
    if (found?.owner !== position.owner && (!found || hasMoved(before, found))) return false;
    await tx.upsert(positions, [toRow(position)]);
    return true;
  });
}

/** `workFrom` does not count: an owner that closes raises it, and a lower one does no harm. */
function hasMoved(before: TablePosition, now: TablePosition): boolean {
  return now.owner !== before.owner || now.workTo !== before.workTo ||
    now.clusterId !== before.clusterId || now.topicId !== before.topicId;
}

/**
 * Moves partitions' positions, all in one transaction; to be called after the work, and before the offsets
 * are committed.
 *
 * @param moved of an input that comes twice, the last one counts
 * @returns the inputs that another owner has now, or nobody: of these nothing is written, of the others it is
 * @throws {RetryableError} the database does not answer; they may be written
 */
export async function savePositions(
  database: Database,
  moved: readonly TablePosition[],
): Promise<Set<string>> {
  if (moved.length === 0) return new Set();
  const rows = [...new Map(moved.map((each) => [each.input, toRow(each)])).values()];
  return await database.transaction((tx) => tx.update(positions, rows, "owner"), SINGLE);
}

const savers = new WeakMap<Database, (position: TablePosition) => Promise<boolean>>();

/**
 * As `savePositions`, of one; together with what else is asked for while that of others is saved.
 *
 * @returns false, and nothing is written, when another owner has it now
 */
export function savePosition(database: Database, position: TablePosition): Promise<boolean> {
  const save = savers.get(database) ?? batched(async (moved: readonly TablePosition[]) => {
    const lost = await savePositions(database, moved);
    // This process may have been assigned an input twice: only the last one's was saved.
    const saved = new Map(moved.map(({ input, owner }) => [input, owner]));
    return moved.map(({ input, owner }) => !lost.has(input) && saved.get(input) === owner);
  });
  savers.set(database, save);
  return save(position);
}

/** Whether any of `tables` has a row. */
export async function holdsRows(database: Database, tables: readonly Table[]): Promise<boolean> {
  for (const table of tables) {
    for await (const _ of database.scan(table, 1)) return true;
  }
  return false;
}

function toRow(position: TablePosition): Row<typeof positions> {
  return {
    input: position.input,
    cluster_id: position.clusterId,
    topic_id: position.topicId,
    work_from: position.workFrom,
    work_to: position.workTo,
    leader_epoch: position.leaderEpoch,
    owner: position.owner,
  };
}

function toPosition(row: Row<typeof positions>): TablePosition {
  return {
    input: row.input,
    clusterId: row.cluster_id,
    topicId: row.topic_id,
    workFrom: row.work_from!,
    workTo: row.work_to!,
    leaderEpoch: row.leader_epoch,
    owner: row.owner!,
  };
}
