/**
 * Assigns an input partition: fences its previous owner, compares where the tables, the group and the log
 * are (start_position.ts), and from then on keeps the tables' position ahead of the group's offset.
 * docs/exactly-once.md says why in this order.
 */
import type { Logger } from "../../runtime/log.ts";
import { pause } from "../../runtime/shutdown.ts";
import type { Database, Table } from "../../database/database.ts";
import {
  adoptInputs,
  adoptsInputs,
  allPositions,
  findPosition,
  holdsRows,
  inputOf,
  NOTHING_COMMITTED,
  savePosition,
  type TablePosition,
  takePosition,
} from "../../database/positions.ts";
import type { Topic } from "../../topology.ts";
import type { ProcessorMetrics } from "../metrics.ts";
import { type Owner, ownerToken } from "./owner.ts";
import type { TopicMessages } from "kafkajs";
import { decideStart, type Pause, type Resume } from "../log_watch/start_position.ts";
import type { LogState, LogStates } from "../log_watch/log_states.ts";
import { CONFIRM_MS } from "../log_watch/topic_watch.ts";

/** What a service keeps of its own, and how far it is. */
export interface ServiceTables {
  /** Has the table `positions`. */
  readonly database: Database;
  /** Those with a row for what was worked out: not a stock, or a catalog. */
  readonly work: readonly Table[];
}

export interface Input {
  readonly topic: Topic;
  /** Its name on the cluster. */
  readonly topicName: string;
  readonly partition: number;
}

interface AssignOptions {
  readonly service: string;
  readonly group: string;
  readonly tables?: ServiceTables | undefined;
  /** Who it is assigned to. */
  readonly owner: Owner;
  readonly logs: LogStates;
  readonly log: Logger;
  readonly metrics: ProcessorMetrics;
  /** How long before a surprise is checked once more (default: 1,000). */
  readonly confirmMs?: number;
}

/** A partition that is ours: fenced, and where to go on is known. */
export interface AssignedPartition {
  /** The next offset to process. */
  readonly start: number;
  /** The leader's epoch of the last record that was worked on; null where it is not known. */
  readonly leaderEpoch: number | null;
  /** The id of its topic; null where the brokers do not tell it. */
  readonly topicId: string | null;
  /**
   * Publishes `outputs` and that everything below `nextOffset` is done.
   *
   * @param leaderEpoch of the last record below `nextOffset`; null where it is not known
   */
  commit(
    outputs: TopicMessages[],
    nextOffset: number,
    leaderEpoch: number | null,
  ): Promise<void>;
  close(): Promise<void>;
}

/** What an input partition's loop is given to write with. */
export interface PartitionWriter {
  /** The next offset to process, or undefined when the group has committed none yet. */
  readonly start: number | undefined;
  /** Publishes `outputs` and that everything below `nextOffset` is done. */
  commit(outputs: TopicMessages[], nextOffset: number): Promise<void>;
}

/** A partition could not be assigned, or is another member's by now: it is tried again. */
export class NotAssigned extends Error {
  override readonly name: string = "NotAssigned";
}

/** It is paused until a person has decided: the message says what happened, and the ways on. */
export class PausedPartition extends NotAssigned {
  override readonly name = "PausedPartition";
}

/**
 * @param open fences, and then reads the committed offset; told the token of the previous owner, if any
 * @throws {PausedPartition} the tables, the group and the log contradict each other
 * @throws {RetryableError} the database does not answer
 */
export async function assignPartition(
  input: Input,
  open: (previousOwner: string | undefined) => Promise<PartitionWriter>,
  options: AssignOptions,
): Promise<AssignedPartition> {
  const { tables } = options;
  const name = inputOf(input.topicName, input.partition);
  const before = tables && await findPosition(tables.database, name);
  const writer = await open(before?.owner);
  const committed = writer.start ?? NOTHING_COMMITTED;
  let found = await compare(input, committed, options);
  if (found.start.kind === "pause" || found.start.recreated) {
    // A broker that was away may have answered: its next answer counts.
    await pause(options.confirmMs ?? CONFIRM_MS);
    found = await compare(input, committed, options);
  }
  const { start } = found;
  if (start.kind === "pause") throw new PausedPartition(start.why);
  const onAssigned = () => report(input, start, options);
  return tables
    ? await withTables(
      writer,
      { ...found, input, start, committed, onAssigned },
      tables,
      options.owner,
    )
    : await withoutTables(writer, { ...found, start, committed, onAssigned });
}

interface Comparison {
  readonly start: Resume | Pause;
  readonly state: LogState;
  readonly position: TablePosition | undefined;
}

async function compare(
  { topicName: topic, partition }: Input,
  committed: number,
  { service, group, tables, logs }: AssignOptions,
): Promise<Comparison> {
  const position = tables && await findPosition(tables.database, inputOf(topic, partition));
  const state = await logs.of({ topic, partition }, position);
  const facts = { service, group, topic, partition, committed, ...state };
  if (!tables) return { start: decideStart(facts), state, position };
  const { database, work } = tables;
  const isNew = position === undefined;
  const start = decideStart({
    ...facts,
    tables: {
      position,
      others: !isNew || (await allPositions(database)).length > 0,
      adopts: isNew && await adoptsInputs(database),
      work: !isNew || await holdsRows(database, work),
    },
  });
  return { start, state, position };
}

/** Whether the group has to be told where it is now. */
function isJump({ offset }: Resume, committed: number): boolean {
  return offset !== Math.max(0, committed);
}

interface Begun extends Comparison {
  readonly start: Resume;
  readonly committed: number;
  /** Nobody else has it. Reported before the group is told: rather twice than never. */
  readonly onAssigned: () => void;
}

async function withoutTables(
  writer: PartitionWriter,
  { start, state: { topicId }, committed, onAssigned }: Begun,
): Promise<AssignedPartition> {
  onAssigned();
  // At once, so that it is reported once.
  if (isJump(start, committed)) await writer.commit([], start.offset);
  return {
    start: start.offset,
    leaderEpoch: null,
    topicId,
    commit: (outputs, nextOffset) => writer.commit(outputs, nextOffset),
    close: () => Promise.resolve(),
  };
}

async function withTables(
  writer: PartitionWriter,
  { input, start, state, position, committed, onAssigned }: Begun & { input: Input },
  { database }: ServiceTables,
  owner: Owner,
): Promise<AssignedPartition> {
  const { offset } = start;
  const ids = { clusterId: state.clusterId, topicId: state.topicId };
  const before = position ?? {
    input: inputOf(input.topicName, input.partition),
    ...ids,
    workFrom: committed,
    workTo: committed,
    leaderEpoch: null,
    owner: "",
  };
  const jumps = isJump(start, committed);
  let now: TablePosition = { ...before, owner: ownerToken(owner) };
  // The ids of a topic that was created anew come last: until then it is one that was created anew.
  if (!start.recreated) {
    now = {
      ...now,
      clusterId: ids.clusterId ?? now.clusterId,
      topicId: ids.topicId ?? now.topicId,
    };
    // Wherever this ends, before the commit or behind it, the group is found in this range.
    if (jumps) {
      now = {
        ...now,
        workFrom: Math.min(now.workFrom, offset),
        workTo: Math.max(now.workTo, offset),
      };
    }
  }
  if (start.adopts) await adoptInputs(database);
  if (!await takePosition(database, now, position)) throw fenced(now.input);
  onAssigned();
  const save = async (next: TablePosition) => {
    if (!await savePosition(database, next)) throw fenced(next.input);
    now = next;
  };
  if (jumps || start.recreated) {
    await writer.commit([], offset);
    await save({ ...now, ...ids, workFrom: offset, workTo: offset, leaderEpoch: null });
  }
  let done = jumps || start.recreated ? offset : committed;
  return {
    start: offset,
    leaderEpoch: now.leaderEpoch,
    topicId: state.topicId,
    async commit(outputs, nextOffset, leaderEpoch) {
      // An owner before may have saved more, and still commit it.
      const more = nextOffset >= now.workTo ? { workTo: nextOffset, leaderEpoch } : {};
      await save({ ...now, workFrom: done, ...more });
      await writer.commit(outputs, nextOffset);
      done = nextOffset;
    },
    async close() {
      // The last commit is known to have succeeded: the next owner need not allow for it.
      if (done === now.workTo && now.workFrom < done) {
        await save({ ...now, workFrom: done }).catch(() => {});
      }
    },
  };
}

function fenced(input: string): NotAssigned {
  return new NotAssigned(`${input}: another member has been assigned it since`);
}

function report(input: Input, { lost, recreated, message }: Resume, options: AssignOptions): void {
  const { log, metrics } = options;
  const { topic } = input;
  if (lost) metrics.recordsLost.inc({ topic, why: lost.why }, lost.records);
  if (recreated) metrics.recreations.inc({ topic });
  if (!message) return;
  if (recreated || lost && lost.why !== "before_start") log.warn(message);
  else log.info(message);
}
