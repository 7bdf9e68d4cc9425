/**
 * The audit: reads the log (committed records), the tables and the groups' committed offsets, and says
 * whether every order is accounted for. It shares no code with the services whose work it checks:
 * only the events' schemas, the topology, and the readers.
 *
 * It reads against the flow, effects before causes, so that of whatever it meets the cause is there to
 * be met, even while the services work: an order on its way is then unfinished, and never an event
 * from nowhere.
 *
 * Committed offsets are read twice. Those that were there before the first record was read must not be
 * ahead of any answer: an answer is published at the latest with its offset, and so is met. Those that
 * are there after the last record was read must not be behind any answer that was met. At rest both
 * are the same, and both verdicts exact.
 */
import { pause } from "../runtime/shutdown.ts";
import type { Waiting } from "../kafka/offsets/backlog.ts";
import type { LocatedUnreadable } from "../kafka/protocol/unreadable.ts";
import type { LogReader } from "../kafka/readers/log_reader.ts";
import type { LogRecord } from "../kafka/records.ts";
import { deadLetterTopicOf, type Names, PROCESSORS, type Topic, TOPIC_NAMES } from "../topology.ts";
import { charges, joins, payments, reservations, stock, type Tables } from "../services/tables.ts";
import {
  type Books,
  Committed,
  count,
  type LetterCounts,
  openBooks,
  openLogs,
  READINGS,
} from "./books.ts";
import { type Check, closeBooks } from "./checks.ts";
import { offsetsBehind } from "./judge_offsets.ts";
import { observe } from "./observe_record.ts";
import { observeLetter, observeVerdict } from "./observe_letters.ts";
import {
  observeCharge,
  observeJoin,
  observePayment,
  observeReservation,
  observeStock,
} from "./observe_rows.ts";
import { judgeRuns, readRuns } from "./runs.ts";

export interface AuditOptions {
  readonly reader: Pick<LogReader, "ends" | "partitionsOf" | "read">;
  /** A group's committed offsets of a topic by partition; both names as on the cluster. */
  readonly committedOffsets: (group: string, topic: string) => Promise<ReadonlyMap<number, number>>;
  readonly names: Names;
  readonly tables: Pick<Tables, "scan">;
  /** How long an offset may be seen later than what it belongs to; a few seconds unless said. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
  /** Told now and then: what is being read, and how many records and rows were read so far. */
  readonly onProgress?: (what: string, count: number) => void;
}

export interface AuditReport {
  /** Undefined when there was nothing to audit, or it was stopped. */
  readonly checks: readonly Check[] | undefined;
  /** How many events of each type are in the topics. */
  readonly events: Readonly<Record<string, number>>;
  /** By service, then reason. */
  readonly deadLetters: Readonly<Record<string, Readonly<Record<string, LetterCounts>>>>;
  /** What a reader of the verdict should know. */
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
  const { reader, names, tables, signal } = options;
  const notes: string[] = [];
  const books = openBooks(await readRuns(tables));
  let read = 0;
  const progress = (what: string, by: number) => {
    read += by;
    options.onProgress?.(what, read);
  };

  const inspect = async (name: string, topic?: Topic) => {
    count(books.rows, "topics");
    const ends = await reader.partitionsOf(name) && await reader.ends(name);
    if (!ends) return books.findings.add("whole", name, "there is no such topic");
    for (const [partition, { first }] of ends) {
      if (first === 0) continue;
      const what = `its first ${first} offsets are gone: the older messages cannot be audited`;
      books.findings.add("whole", `${name} ${partition}`, what);
    }
    if (topic) books.logs.set(topic, openLogs(name, ends));
    return [...ends.keys()];
  };
  const readTopic = async (
    name: string,
    partitions: readonly number[],
    onRecord: (record: LogRecord) => void,
  ) => {
    const onUnreadable = ({ partition, offset, next, why }: LocatedUnreadable) => {
      const what = `its offsets ${offset} to ${next - 1} cannot be read (${why}) nor audited`;
      books.findings.add("whole", `${name} ${partition}`, what);
    };
    for await (const records of reader.read(name, { partitions, onUnreadable, signal })) {
      for (const record of records) onRecord(record);
      progress(name, records.length);
    }
  };

  const orderTopicOf = (name: string) => TOPIC_NAMES.find((topic) => names.topic(topic) === name);
  books.committed.before = await readOffsets(options);
  for (const service of PROCESSORS) {
    const name = names.topic(deadLetterTopicOf(service));
    const partitions = await inspect(name);
    if (!partitions) continue;
    await readTopic(name, partitions, (record) => observeVerdict(books, record));
    await readTopic(
      name,
      partitions,
      (record) => observeLetter(books, service, record, orderTopicOf),
    );
  }
  for (const topic of TOPIC_NAMES.toReversed()) {
    const name = names.topic(topic);
    const partitions = await inspect(name, topic);
    if (!partitions) continue;
    await readTopic(name, partitions, (record) => observe(books, topic, record));
  }
  await readTables(books, tables, progress);
  await readOffsetsAfter(books, options);

  const stopped = signal?.aborted ?? false;
  if (!stopped) notes.push(...judgeRuns(books, await readRuns(tables)));
  const nothing = books.messages.size === 0 &&
    books.runs.every(({ acknowledged }) => acknowledged === 0);
  if (nothing) notes.push("there is nothing to audit: no order was ever placed");
  if (stopped) notes.push("it was stopped before everything was read");
  return {
    checks: nothing || stopped ? undefined : closeBooks(books),
    events: Object.fromEntries(books.events),
    deadLetters: Object.fromEntries(
      [...books.letters].map(([service, reasons]) => [service, Object.fromEntries(reasons)]),
    ),
    notes,
  };
}

/** What the groups have committed now. */
async function readOffsets(
  { reader, names, committedOffsets }: AuditOptions,
): Promise<Committed> {
  const committed = new Committed();
  for (const { service, topic } of READINGS) {
    const name = names.topic(topic);
    if (!await reader.partitionsOf(name)) continue;
    committed.set({ service, topic }, await committedOffsets(names.group(service), name));
  }
  return committed;
}

/**
 * The same when all is read. Kafka ends a transaction partition by partition: its outputs may be there
 * a moment before its offset is. So what seems to be behind is looked at again.
 */
async function readOffsetsAfter(books: Books, options: AuditOptions): Promise<void> {
  const { signal, patienceMs = OFFSET_PATIENCE_MS } = options;
  const deadline = performance.now() + patienceMs;
  while (!signal?.aborted) {
    books.committed.after = await readOffsets(options);
    if (offsetsBehind(books).next().done || performance.now() >= deadline) return;
    await pause(OFFSET_POLL_MS, signal);
  }
}

async function readTables(
  books: Books,
  tables: Pick<Tables, "scan">,
  progress: (what: string, by: number) => void,
): Promise<void> {
  const readTable = async <T>(
    name: string,
    pages: AsyncIterable<T[]>,
    onRow: (books: Books, row: T) => void,
  ) => {
    for await (const page of pages) {
      for (const row of page) onRow(books, row);
      count(books.rows, name, page.length);
      progress(name, page.length);
    }
  };
  await readTable("joins", tables.scan(joins), observeJoin);
  await readTable("stock", tables.scan(stock), observeStock);
  await readTable("reservations", tables.scan(reservations), observeReservation);
  await readTable("payments", tables.scan(payments), observePayment);
  await readTable("charges", tables.scan(charges), observeCharge);
}
