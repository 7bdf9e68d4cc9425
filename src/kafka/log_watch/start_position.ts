/**
 * Where to go on in an input partition, by what its service's tables, its consumer group and its log say
 * of it. Where they contradict each other the partition is paused until a person
 * decides, by `deno task groups reset`.
 *
 * What is in the log is never skipped; what is missing in it is counted and said.
 */
import {
  idsDiffer,
  inputOf,
  NOTHING_COMMITTED,
  type TablePosition,
} from "../../database/positions.ts";
import type { LossReason } from "../../events/reasons.ts";

export interface StartFacts {
  readonly service: string;
  readonly group: string;
  /** Its name on the cluster. */
  readonly topic: string;
  readonly partition: number;
  /** The group's committed offset, or NOTHING_COMMITTED. */
  readonly committed: number;
  readonly log: {
    /** The first offset that is still there. */
    readonly first: number;
    /** The offset after the last record. */
    readonly end: number;
    /** Where the records of the position's leader epoch end; undefined where that is not known. */
    readonly endOfEpoch?: number | undefined;
  };
  /** Null where the brokers do not tell it. */
  readonly clusterId: string | null;
  readonly topicId: string | null;
  /** Absent: the service has none. */
  readonly tables?: {
    readonly position: TablePosition | undefined;
    /** Some input of the service has a position. */
    readonly others: boolean;
    /** They are older than positions. */
    readonly adopts: boolean;
    /** They hold what the service has worked out. */
    readonly work: boolean;
  };
}

export interface Resume {
  readonly kind: "resume";
  /** The next offset to process. */
  readonly offset: number;
  /** The topic was deleted and created anew since. */
  readonly recreated?: true;
  /** The tables are older than positions, and go by the group. */
  readonly adopts?: true;
  /** Offsets whose records are not in the log any more. */
  readonly lost?: { readonly why: LossReason; readonly records: number };
  /** For people. */
  readonly message?: string;
}

export interface Pause {
  readonly kind: "pause";
  /** For people: what happened, and the commands that go on. */
  readonly why: string;
}

export function decideStart(facts: StartFacts): Resume | Pause {
  const { tables, committed } = facts;
  if (!tables) return withoutTables(facts);
  const { position } = tables;
  // One that nothing was ever read of says nothing of the cluster or the topic.
  if (!position || position.workTo === NOTHING_COMMITTED) return withoutPosition(facts, tables);
  if (idsDiffer(position.clusterId, facts.clusterId)) {
    return pause(
      facts,
      `the tables are of another cluster (${position.clusterId}; this one is ${facts.clusterId})`,
      ...(committed === NOTHING_COMMITTED
        ? []
        : [["committed", "keeps them, and goes on from the group's offset"] as const]),
      ["earliest", "keeps them, and reads this cluster's log from its beginning"],
    );
  }
  if (idsDiffer(position.topicId, facts.topicId)) return recreated(facts, position);
  const { workFrom, workTo } = position;
  if (committed < workFrom) return tablesAhead(facts, position);
  if (committed > workTo) {
    return tablesBehind(
      facts,
      `the tables end at offset ${workTo}, ${committed - workTo} behind the group's ${committed}`,
    );
  }
  return inLog(facts, committed);
}

/**
 * A log that ends before the group's offset was cut; or a broker answers that does not know that it leads no
 * more, and what lies there has been published. With tables the leader's epoch tells the two apart.
 */
function withoutTables(facts: StartFacts): Resume | Pause {
  const { group, committed, log: { end } } = facts;
  const start = inLog(facts, committed);
  if (start.lost?.why !== "truncated") return start;
  return pause(
    facts,
    `the group ${group} has committed ${committed}, but the log ends at ${end} (a broker that is out of ` +
      "date answered; or, if it stays so, an unclean leader election, or a disk that was lost)",
    ["latest", "goes on at the log's end"],
    EARLIEST,
  );
}

function withoutPosition(
  facts: StartFacts,
  { others, adopts, work }: NonNullable<StartFacts["tables"]>,
): Resume | Pause {
  const { committed, group } = facts;
  // Where the log begins says nothing: what the group has committed may have expired behind it.
  const isNew = committed <= 0;
  const behind = () =>
    tablesBehind(
      facts,
      `the tables have nothing of it, but the group ${group} has committed ${committed}`,
    );
  if (others) {
    if (isNew) return inLog(facts, committed);
    if (adopts) return { ...inLog(facts, committed), adopts: true };
    return behind();
  }
  if (committed === NOTHING_COMMITTED) {
    return work ? offsetsGone(facts, "the tables hold work") : inLog(facts, committed);
  }
  if (work) {
    const start = inLog(facts, committed);
    const message = `the tables are older than positions: they go on where the group ${group} is`;
    return { ...start, adopts: true, message: start.message ?? message };
  }
  return isNew ? inLog(facts, committed) : behind();
}

/** As the tables and the group agree; the log may have changed under both. */
function inLog(
  { topic, partition, log: { first, end, endOfEpoch } }: Pick<
    StartFacts,
    "topic" | "partition" | "log"
  >,
  committed: number,
): Resume {
  const input = inputOf(topic, partition);
  const offset = committed === NOTHING_COMMITTED ? 0 : committed;
  if (offset < first) {
    const records = first - offset;
    const isStart = committed === NOTHING_COMMITTED;
    return {
      kind: "resume",
      offset: first,
      lost: { why: isStart ? "before_start" : "deleted", records },
      message: isStart
        ? `${input} begins at offset ${first}: what was before was deleted before the group first read it`
        : `${records} records of ${input} were deleted before they were read (offsets ${offset} to ` +
          `${first - 1}; retention, or kafka-delete-records): going on at ${first}`,
    };
  }
  const cut = Math.max(first, endOfEpoch ?? end);
  if (offset <= cut) return { kind: "resume", offset };
  return {
    kind: "resume",
    offset: cut,
    lost: { why: "truncated", records: offset - cut },
    message:
      `the log of ${input} lost its records from offset ${cut} on, of which ${offset - cut} had ` +
      `been processed (an unclean leader election, or a disk that was lost): going on at ${cut}`,
  };
}

function recreated(facts: StartFacts, position: TablePosition): Resume {
  const { topic, partition, log: { first } } = facts;
  return {
    kind: "resume",
    offset: first,
    recreated: true,
    message: `${topic} was deleted and created anew: of the old ${inputOf(topic, partition)} ` +
      `everything before offset ${position.workTo} had been read, and what came after is gone; ` +
      `going on at the new one's first offset, ${first}`,
  };
}

function offsetsGone(facts: StartFacts, tables: string): Pause {
  return pause(
    facts,
    `${tables}, but the group ${facts.group} has no committed offset (it was deleted, or had no ` +
      "members for longer than offsets.retention.minutes)",
    ...(facts.tables?.position ? [AS_TABLES] : []),
    PUBLISHED,
    EARLIEST,
  );
}

function tablesAhead(facts: StartFacts, { workFrom }: TablePosition): Pause {
  const { committed, group } = facts;
  if (committed === NOTHING_COMMITTED) {
    return offsetsGone(facts, `the tables are at offset ${workFrom}`);
  }
  const ahead = workFrom - committed;
  return pause(
    facts,
    `the tables are at offset ${workFrom}, ${ahead} ahead of the group ${group}, which ` +
      `has committed ${committed} (offsets were reset, or lost)`,
    AS_TABLES,
    PUBLISHED,
    ["committed", `publishes those ${ahead} again`],
    EARLIEST,
  );
}

function tablesBehind(facts: StartFacts, what: string): Pause {
  const { tables } = facts;
  return pause(
    facts,
    `${what} (a restored backup, another database, or a second pipeline with the same groups)`,
    ...(tables?.position
      ? [["tables", "works off what they lack, and publishes it again"] as const]
      : []),
    ["committed", "leaves out what they lack"],
    EARLIEST,
  );
}

/** An argument of `--to`, and what it repeats or skips. */
type Way = readonly [string, string];
const AS_TABLES: Way = ["tables", "repeats at most the last batch"];
const PUBLISHED: Way = ["published", "from the first input that has no output in the log"];
const EARLIEST: Way = ["earliest", "publishes all that is still in the log again"];

function pause({ topic, partition, service }: StartFacts, what: string, ...ways: Way[]): Pause {
  const [first, ...more] = ways;
  const command = `\`deno task groups reset ${service} --to ${first![0]}\` (${first![1]})`;
  const others = more.map(([to, effect]) => `, or \`--to ${to}\` (${effect})`).join("");
  return {
    kind: "pause",
    why:
      `${inputOf(topic, partition)} is not worked on: ${what}. Stop the service's members, then ` +
      command + others,
  };
}

/** Where a reader that publishes nothing goes on; it was to read at `committed` next. */
export function startAt(
  topic: string,
  partition: number,
  committed: number,
  state: Pick<StartFacts, "log" | "clusterId" | "topicId">,
): Resume {
  return inLog({ topic, partition, ...state }, committed);
}
