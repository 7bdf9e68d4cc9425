/**
 * The audit: reads the log (committed records) and the tables, and says whether every order is
 * accounted for. It shares no code with the services whose work it checks: only the events' schemas,
 * the topology, and the readers.
 *
 * It reads against the flow, effects before causes, so that of whatever it meets the cause is there to
 * be met, even while the services work: an order on its way is then unfinished, and never an event
 * from nowhere.
 */
import type { LogReader, LogRecord } from "../../stream/log_reader.ts";
import { deadLetterTopicOf, type Names, PROCESSORS, TOPIC_NAMES } from "../../topology.ts";
import { charges, payments, reservations, stock, type Tables } from "../tables.ts";
import { type Books, count, type LetterCounts, openBooks } from "./books/books.ts";
import { type Check, closeBooks } from "./checks.ts";
import { observe } from "./observe/record.ts";
import { observeLetter, observeVerdict } from "./observe/letters.ts";
import { observeCharge, observePayment, observeReservation, observeStock } from "./observe/rows.ts";
import { judgeRuns, readRuns } from "./runs.ts";

export interface AuditOptions {
  readonly reader: Pick<LogReader, "ends" | "partitionsOf" | "read">;
  readonly names: Names;
  readonly tables: Pick<Tables, "scan">;
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
}

/** @throws {Unavailable} a database does not answer; and what kafkajs throws when the cluster does not */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { reader, names, tables, signal } = options;
  const notes: string[] = [];
  const books = openBooks(await readRuns(tables));
  let read = 0;
  const progress = (what: string, by: number) => {
    read += by;
    options.onProgress?.(what, read);
  };

  const inspect = async (topic: string) => {
    count(books.rows, "topics");
    const ends = await reader.partitionsOf(topic) && await reader.ends(topic);
    if (!ends) return books.findings.add("whole", topic, "there is no such topic");
    for (const [partition, { first }] of ends) {
      if (first === 0) continue;
      const what = `its first ${first} offsets are gone: the older messages cannot be audited`;
      books.findings.add("whole", `${topic} ${partition}`, what);
    }
    return ends;
  };
  const readTopic = async (topic: string, onRecord: (record: LogRecord) => void) => {
    for await (const records of reader.read(topic, { signal })) {
      for (const record of records) onRecord(record);
      progress(topic, records.length);
    }
  };

  const orderTopicOf = (name: string) => TOPIC_NAMES.find((topic) => names.topic(topic) === name);
  for (const service of PROCESSORS) {
    const topic = names.topic(deadLetterTopicOf(service));
    if (!await inspect(topic)) continue;
    await readTopic(topic, (record) => observeVerdict(books, record));
    await readTopic(topic, (record) => observeLetter(books, service, record, orderTopicOf));
  }
  for (const topic of TOPIC_NAMES.toReversed()) {
    if (!await inspect(names.topic(topic))) continue;
    await readTopic(names.topic(topic), (record) => observe(books, topic, record));
  }
  await readTables(books, tables, progress);

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
  await readTable("stock", tables.scan(stock), observeStock);
  await readTable("reservations", tables.scan(reservations), observeReservation);
  await readTable("payments", tables.scan(payments), observePayment);
  await readTable("charges", tables.scan(charges), observeCharge);
}
