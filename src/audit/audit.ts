/**
 * The audit: loads the log (committed records), the tables and the groups' committed offsets into one
 * SQLite database, and asks it what breaks each promise. It shares no code with the services whose work
 * it checks: only the events' schemas, the topology, and the readers.
 *
 * It reads against the flow, effects before causes, so that of whatever it meets the cause is there to
 * be met, even while the services work: an order on its way is then unfinished, and never an event
 * from nowhere.
 *
 * Committed offsets are read twice. Those that were there before the first record was read must not be
 * ahead of any answer: an answer is published at the latest with its offset, and so is met. Those that
 * are there after the last record was read must not be behind any answer that was met. At rest both
 * are the same, and both resolutions exact.
 */
import type { DatabaseSync } from "node:sqlite";
import type { DeadLetterCounts } from "../kafka/dead_letters.ts";
import type { LocatedUnreadable } from "../kafka/protocol/unreadable.ts";
import type { Waiting } from "../kafka/readers/backlog.ts";
import type { LogReader } from "../kafka/readers/log_reader.ts";
import type { LogRecord } from "../kafka/records.ts";
import { pause } from "../runtime/shutdown.ts";
import type { Tables } from "../services/tables.ts";
import {
  type DeadLetterTopic,
  deadLetterTopicOf,
  type Names,
  PROCESSORS,
  type Topic,
  TOPIC_NAMES,
  topicsReadBy,
} from "../topology.ts";
import { type CheckName, CHECKS } from "./checks.ts";
import { count } from "./counted.ts";
import { BulkInsert, openAuditDatabase } from "./database.ts";
import { DERIVED } from "./derive.ts";
import { judge, type Judged } from "./judge.ts";
import { LogLoader } from "./load_log.ts";
import { AUDITED_TABLES, loadTable } from "./load_tables.ts";
import { notesOfRuns, RunLedger } from "./runs.ts";
import { type Scope, scopeOf } from "./scope.ts";
import { createTables } from "./schema.ts";

export interface AuditOptions {
  readonly reader: Pick<LogReader, "ends" | "partitionsOf" | "read">;
  /** A group's committed offsets of a topic by partition; both names as on the cluster. */
  readonly committedOffsets: (group: string, topic: string) => Promise<ReadonlyMap<number, number>>;
  readonly names: Names;
  readonly tables: Pick<Tables, "scan">;
  /** The audit's database: a new file, about 0.7 GB for a million orders (default: in memory). */
  readonly database?: string;
  /**
   * Up to where the services have processed everything: orders placed behind it are not judged
   * (default: where the topics end when the audit begins).
   */
  readonly cut?: Cut;
  /** How long an offset may be seen later than what it belongs to (default: a few seconds). */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  /** Told now and then: what it does, and how many records and rows were read so far. */
  readonly onProgress?: (what: string, count: number) => void;
}

/** Offsets by topic and partition: what lies before them is judged. */
export type Cut = ReadonlyMap<Topic, ReadonlyMap<number, number>>;

export interface AuditReport {
  /** Undefined when there was nothing to audit, or it was stopped. */
  readonly checks: readonly Judged[] | undefined;
  /** How many events of each type are in the topics. */
  readonly events: Readonly<Record<string, number>>;
  /** By service, then reason. */
  readonly deadLetters: Readonly<Record<string, Readonly<Record<string, DeadLetterCounts>>>>;
  /** What it covers; undefined where nothing was judged. */
  readonly scope: Scope | undefined;
  /** What a reader of the report should know. */
  readonly notes: readonly string[];
  /** There when the services were given time to read everything, and it was not enough. */
  readonly notAtRest?: NotAtRest;
}

export interface NotAtRest {
  /** The time that they were given, seconds. */
  readonly afterS: number;
  /** What they had to read then; nothing when just then nothing was left, and more kept coming. */
  readonly waiting: readonly Waiting[];
}

const OFFSET_PATIENCE_MS = 5_000;
const OFFSET_POLL_MS = 500;

/** @throws {RetryableError} a database does not answer; and what kafkajs throws when the cluster does not */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const database = openAuditDatabase(options.database ?? ":memory:");
  try {
    return await new Audit(options, database).run();
  } finally {
    database.close();
  }
}

class Audit {
  readonly #loader: LogLoader;
  #read = 0;

  constructor(private readonly options: AuditOptions, private readonly database: DatabaseSync) {
    createTables(database);
    this.#loader = new LogLoader(database, options.names);
  }

  async run(): Promise<AuditReport> {
    const { database, options: { tables, signal } } = this;
    const runs = new RunLedger(database, tables);
    database.exec("begin");
    await runs.loadBefore();
    await this.#loadOffsets("before");
    const cut = this.options.cut ?? await cutHere(this.options);
    for (const table of AUDITED_TABLES) {
      const { name } = table.owned.table;
      await loadTable(database, tables, table, (rows) => this.#progress(name, rows));
    }
    await this.#loadLog(cut);
    database.exec("commit");
    const stopped = signal?.aborted ?? false;
    const nothing = !stopped && this.#isEmpty();
    const checks = stopped || nothing ? undefined : await this.#judge(runs);
    return {
      checks,
      scope: checks && scopeOf(database),
      events: Object.fromEntries(this.#loader.events),
      deadLetters: checks ? deadLettersIn(database) : {},
      notes: [
        ...checks ? notesOfRuns(database) : [],
        ...nothing ? ["there is nothing to audit: no order was ever placed"] : [],
        ...stopped ? ["it was stopped before everything was read"] : [],
      ],
    };
  }

  /** Derives what the promises are asked of, and asks them. */
  async #judge(runs: RunLedger): Promise<Judged[]> {
    const { database } = this;
    for (const [what, sql] of DERIVED) {
      this.#progress(what);
      database.exec(sql);
    }
    await runs.loadAfter();
    await this.#loadOffsetsAfter();
    count(database);
    return Object.values(CHECKS).map((check) => {
      this.#progress(check.promise);
      return judge(database, check);
    });
  }

  #isEmpty(): boolean {
    const { n } = this.database.prepare(
      "select (select coalesce(sum(messages), 0) from log where topic not like 'dlq.%') + " +
        "(select coalesce(sum(acknowledged_before), 0) from run) as n",
    ).get() as { n: number };
    return n === 0;
  }

  #progress(what: string, by = 0): void {
    this.#read += by;
    this.options.onProgress?.(what, this.#read);
  }

  async #loadLog(cut: Cut): Promise<void> {
    for (const service of PROCESSORS) {
      await this.#loadTopic(
        deadLetterTopicOf(service),
        (record) => this.#loader.addDeadLetter(service, record),
      );
    }
    for (const topic of TOPIC_NAMES.toReversed()) {
      await this.#loadTopic(
        topic,
        (record) => this.#loader.addMessage(topic, record),
        cut.get(topic),
      );
    }
    this.#loader.flush();
  }

  async #loadTopic(
    topic: Topic | DeadLetterTopic,
    onRecord: (record: LogRecord) => void,
    cut?: ReadonlyMap<number, number>,
  ): Promise<void> {
    const { database, options: { reader, names, signal } } = this;
    const name = names.topic(topic);
    const columns = ["topic", "partition", "first", "first_at", "cut", "end", "messages"];
    const log = new BulkInsert(database, "log", columns);
    const ends = await reader.partitionsOf(name) && await reader.ends(name);
    if (!ends) {
      log.add(topic, null, null, null, null, null, 0);
      return log.flush();
    }
    const unreadable = new BulkInsert(
      database,
      "unreadable_batch",
      ["topic", "partition", "first", "next", "why"],
    );
    const onUnreadable = ({ partition, offset, next, why }: LocatedUnreadable) =>
      unreadable.add(topic, partition, offset, next, why);
    const messages = new Map<number, number>();
    const firstAt = new Map<number, number>();
    const partitions = [...ends.keys()];
    for await (const records of reader.read(name, { partitions, onUnreadable, signal })) {
      for (const record of records) {
        const { partition, timestamp } = record;
        messages.set(partition, (messages.get(partition) ?? 0) + 1);
        if (!firstAt.has(partition)) firstAt.set(partition, timestamp);
        onRecord(record);
      }
      this.#progress(name, records.length);
    }
    for (const [partition, { first, end }] of ends) {
      log.add(
        topic,
        partition,
        first,
        firstAt.get(partition) ?? null,
        cut?.get(partition) ?? end,
        end,
        messages.get(partition) ?? 0,
      );
    }
    log.flush();
    unreadable.flush();
  }

  /** What the groups have committed now. */
  async #loadOffsets(when: "before" | "after"): Promise<void> {
    const { database, options: { reader, names, committedOffsets } } = this;
    const set = database.prepare(
      `insert into committed (service, topic, partition, "${when}") values (?, ?, ?, ?) ` +
        `on conflict do update set "${when}" = excluded."${when}"`,
    );
    for (const service of PROCESSORS) {
      for (const topic of topicsReadBy(service)) {
        const name = names.topic(topic);
        const partitions = await reader.partitionsOf(name);
        if (!partitions) continue;
        const offsets = await committedOffsets(names.group(service), name);
        for (const partition of new Set([...partitions, ...offsets.keys()])) {
          set.run(service, topic, partition, offsets.get(partition) ?? null);
        }
      }
    }
  }

  /**
   * The same when all is read. Kafka ends a transaction partition by partition: its outputs may be there
   * a moment before its offset is. So what seems to be behind is looked at again.
   */
  async #loadOffsetsAfter(): Promise<void> {
    const { signal, patienceMs = OFFSET_PATIENCE_MS } = this.options;
    const deadline = performance.now() + patienceMs;
    const behind = this.database.prepare(CHECKS.behind.sql);
    while (!signal?.aborted) {
      await this.#loadOffsets("after");
      if (behind.iterate().next().done || performance.now() >= deadline) return;
      await pause(OFFSET_POLL_MS, signal);
    }
  }
}

/** Where the order topics end now. */
async function cutHere({ reader, names }: AuditOptions): Promise<Cut> {
  const cut = new Map<Topic, Map<number, number>>();
  for (const topic of TOPIC_NAMES) {
    const name = names.topic(topic);
    const ends = await reader.partitionsOf(name) && await reader.ends(name);
    if (ends) cut.set(topic, new Map([...ends].map(([partition, { end }]) => [partition, end])));
  }
  return cut;
}

function deadLettersIn(database: DatabaseSync): AuditReport["deadLetters"] {
  const found: Record<string, Record<string, DeadLetterCounts>> = Object.fromEntries(
    PROCESSORS.map((service) => [service, {}]),
  );
  const rows = database.prepare(
    "select service, reason, " +
      ["open", "replayed", "discarded"].map((state) =>
        `count(*) filter (where state = '${state}') as ${state}`
      ).join(", ") +
      " from dead_letter_state group by service, reason order by min(partition), min(offset)",
  ).all();
  for (const { service, reason, open, replayed, discarded } of rows) {
    found[String(service)]![String(reason)] = {
      open: Number(open),
      replayed: Number(replayed),
      discarded: Number(discarded),
    };
  }
  return found;
}

export type { CheckName };
