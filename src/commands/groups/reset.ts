/**
 * `deno task groups reset`: sets where a service continues, in its consumer group and in its tables
 * alike.
 *
 * The group first: Kafka refuses it while the group has members, and then nothing has changed. Before
 * that each partition is fenced, as its next owner would do: a transaction that a dead member left open
 * can commit no offset later.
 */
import { Failure } from "../../runtime/errors.ts";
import type { Database } from "../../database/database.ts";
import {
  allPositions,
  findPosition,
  idsDiffer,
  inputOf,
  positionAt,
  type TablePosition,
  takePosition,
} from "../../database/positions.ts";
import type { GroupState } from "../../kafka/offsets/group_lag.ts";
import { nameOfForeign } from "../../kafka/group/foreign_members.ts";
import { type GroupOffsets, openGroupOffsets } from "../../kafka/offsets/committed_offsets.ts";
import { createLogStates, type LogStates } from "../../kafka/log_watch/log_states.ts";
import { ownerOf } from "../../kafka/processor/owner.ts";
import { type Processor, PROCESSORS, type Service } from "../../topology.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";
import { readGroups } from "./list.ts";
import { type Input, makePlan, type Plan, planLines, type Step, type Target } from "./plan.ts";
import { readPublished } from "./published.ts";

export interface ResetRequest {
  readonly service: Service;
  readonly to: Target;
  /** Only this topic, by its name in the topology or on the cluster. */
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
}

interface ResetOptions {
  /** The service's tables; undefined for a service without. */
  readonly database: Database | undefined;
  /** Where they are, for people. */
  readonly tablesIn: string;
  readonly print: (line: string) => void;
  /** Asks the user; undefined: there is no terminal to ask at. */
  readonly confirm: () => Promise<boolean | undefined>;
  readonly signal: AbortSignal;
}

/**
 * @returns whether it was done
 * @throws {Failure} it cannot be done, and nothing was changed
 */
export async function resetGroup(
  log: OpenLog,
  request: ResetRequest,
  { database, tablesIn, print, confirm, signal }: ResetOptions,
): Promise<boolean> {
  const { service, to } = request;
  const group = openGroupOffsets(log.kafka, log.names.group(service));
  try {
    const state = await emptyGroup(log, service, signal);
    const chosen = chosenFrom(state, request, log);
    if (database) await refuseHalf(database, state, chosen, log);
    await fence(log, chosen, { service, group, database });
    const inputs = await inputsOf(log, chosen, { service, to, group, database, signal });
    const plan = makePlan(inputs, to);
    if (plan.faults.length > 0) {
      throw new Failure(["nothing was changed:", ...plan.faults].join("\n  "));
    }
    const tables = database ? `, tables ${tablesIn}` : "";
    print(`group ${log.names.group(service)}${tables}, to ${to}:`);
    planLines(plan, to).forEach(print);
    const answer = await confirm();
    if (answer === undefined) {
      throw new Failure("nothing was changed: there is no terminal to ask at; --yes does not ask");
    }
    if (!answer) {
      print("nothing was changed");
      return false;
    }
    await apply(log, plan, { service, to, group, database, signal });
    print(`done: ${plan.steps.length} partitions; start ${service} again`);
    return true;
  } finally {
    await group.close();
  }
}

/** @throws {Failure} it has members */
async function emptyGroup(
  log: OpenLog,
  service: Service,
  signal: AbortSignal,
): Promise<GroupState> {
  const state = (await readGroups(log, signal, service))[0]!;
  if (state.memberList.length === 0) return state;
  const names = state.memberList.map((member) =>
    member.isForeign ? nameOfForeign(member) : `${member.clientId} at ${member.host}`
  );
  throw new Failure(
    `nothing was changed: the group ${state.group} has members, ${names.join(", ")}: stop them ` +
      "first (Kafka forgets one that was killed after its session timeout)",
  );
}

type Place = Pick<Input, "topic" | "name" | "partition" | "first" | "end">;

function chosenFrom(
  { positions, service }: GroupState,
  { topic: wanted, partition: number }: ResetRequest,
  { names }: OpenLog,
): Place[] {
  const chosen = positions
    .map(({ topic, partition, first, end }) => (
      { topic, name: names.topic(topic), partition, first, end }
    ))
    .filter(({ topic, name }) => wanted === undefined || wanted === topic || wanted === name)
    .filter(({ partition }) => number === undefined || number === partition);
  if (chosen.length > 0) return chosen;
  const what = number === undefined ? wanted : `partition ${number} of ${wanted ?? "any topic"}`;
  const topics = new Set(positions.map(({ topic }) => topic));
  throw new Failure(
    `${service} does not read ${what}: it reads ${[...topics].join(", ")}, ` +
      `${positions.length / topics.size} partitions each`,
  );
}

/**
 * Where the tables know one input, a service reads an input that neither they nor the group know from
 * its beginning, as a new one.
 *
 * @throws {Failure} that would happen to an input that was not chosen
 */
async function refuseHalf(
  database: Database,
  { positions }: GroupState,
  chosen: readonly Place[],
  { names }: OpenLog,
): Promise<void> {
  const known = new Set((await allPositions(database)).map(({ input }) => input));
  for (const { name, partition } of chosen) known.add(inputOf(name, partition));
  const lost = positions.find(({ topic, partition, stored, end }) =>
    end > 0 && stored === undefined && !known.has(inputOf(names.topic(topic), partition))
  );
  if (!lost) return;
  throw new Failure(
    `nothing was changed: neither the group nor the tables know where ${names.topic(lost.topic)}/` +
      `${lost.partition} is: reset all partitions first, without --topic and --partition`,
  );
}

/** Fences whoever may still have the partitions. */
async function fence(
  { names }: OpenLog,
  places: readonly Place[],
  { service, group, database }: Pick<Parts, "service" | "group" | "database">,
): Promise<void> {
  if (!isProcessor(service)) return;
  const stored = database ? await allPositions(database) : [];
  const owners = new Map(stored.map(({ input, owner }) => [input, ownerOf(owner)]));
  const ids = places.map(({ topic, name, partition }) =>
    owners.get(inputOf(name, partition))?.transactionalId ??
      names.transactionalId(service, topic, partition)
  );
  for (const id of new Set(ids)) await group.fence(id);
}

interface Parts extends Pick<ResetOptions, "database" | "signal">, Pick<ResetRequest, "service"> {
  readonly to: Target;
  readonly group: GroupOffsets;
}

async function inputsOf(
  log: OpenLog,
  places: readonly Place[],
  { service, to, group, database, signal }: Parts,
): Promise<Input[]> {
  const tables = new Map(
    (database ? await allPositions(database) : []).map((position) => [position.input, position]),
  );
  const logs = createLogStates(log.kafka);
  const published = to === "published" && isProcessor(service)
    ? await readPublished(log, service, partitionsByTopic(places), signal)
    : undefined;
  const inputs: Input[] = [];
  try {
    for (const place of places) {
      inputs.push({
        ...place,
        committed: await group.committed({ topic: place.name, partition: place.partition }),
        ...await tablesAt(place, tables.get(inputOf(place.name, place.partition)), logs),
        published: published?.get(place.topic)?.get(place.partition),
      });
    }
  } finally {
    await logs.close();
  }
  if (signal.aborted) throw new Failure("nothing was changed: stopped before it began");
  return inputs;
}

/** Where the tables are, if that is of the log that is there now. */
async function tablesAt(
  { name: topic, partition, first }: Place,
  position: TablePosition | undefined,
  logs: LogStates,
): Promise<Pick<Input, "tables" | "otherLog">> {
  if (!position) return { tables: undefined };
  const { workFrom, workTo } = position;
  // Nothing was ever read of it: it says nothing of the cluster or the topic.
  if (workTo < 0) return { tables: { from: first, to: first, isNew: true } };
  const { clusterId, topicId } = await logs.of({ topic, partition }, position);
  if (idsDiffer(position.clusterId, clusterId)) {
    return { tables: undefined, otherLog: "the tables are those of another cluster" };
  }
  if (idsDiffer(position.topicId, topicId)) {
    return {
      tables: undefined,
      otherLog: "the topic was created anew after the tables were written",
    };
  }
  // Below 0: nothing was committed when the partition was assigned.
  const inLog = (offset: number) => offset < 0 ? first : offset;
  return { tables: { from: inLog(workFrom), to: inLog(workTo), isNew: workFrom < 0 } };
}

function partitionsByTopic(places: readonly Place[]) {
  const byTopic = Map.groupBy(places, ({ topic }) => topic);
  return new Map(
    [...byTopic].map(([topic, list]) => [topic, list.map(({ partition }) => partition)]),
  );
}

async function apply(log: OpenLog, { steps }: Plan, parts: Parts): Promise<void> {
  const { service, to, group, database } = parts;
  await fence(log, steps, parts);
  for (const { name, partition, committed } of steps) {
    if (await group.committed({ topic: name, partition }) !== committed) {
      throw new Failure(
        `nothing was changed: another process committed an offset of ${name}/${partition} meanwhile`,
      );
    }
  }
  const offsets = steps.map(({ name, partition, to }) => ({ topic: name, partition, offset: to }));
  if (to !== "committed" && !await group.commit(offsets)) {
    throw new Failure(`nothing was changed: ${service} has members again: stop them first`);
  }
  try {
    for (const step of steps) if (database) await setTables(database, step);
  } catch (error) {
    throw new Failure(
      `the group's offsets are set, but not the tables: run it again with --to committed ` +
        `(${(error as Error).message})`,
    );
  }
}

/** With a new owner: the one before cannot move the position any more. */
async function setTables(database: Database, { name, partition, to }: Step): Promise<void> {
  const input = inputOf(name, partition);
  const before = await findPosition(database, input);
  if (!await takePosition(database, positionAt(input, to), before)) {
    throw new Error(`another process took ${input} meanwhile`);
  }
}

function isProcessor(service: Service): service is Processor {
  return (PROCESSORS as readonly Service[]).includes(service);
}
