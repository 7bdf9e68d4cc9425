/**
 * The audit: loads the log (committed records), the tables and the groups' committed offsets into one
 * SQLite database, and asks it what breaks each promise (checks.ts). It shares no code with the services
 * whose work it checks: only the events' schemas, the topology, and the readers.
 *
 * It works while orders flow. What is judged are the orders that were placed before a cut. Tables are
 * loaded before the log, and the log against the flow: so of every row and event the cause is there to be
 * met, and an order on its way is unfinished, never an event from nowhere.
 *
 * Committed offsets are read twice. Those that were there before the first record was read must not be
 * ahead of any answer: an answer is published at the latest with its offset, and so is met. Those that
 * are there after the last record was read must not be behind any answer that was met. At rest both
 * are the same, and both checks exact.
 */
import type { DatabaseSync } from "node:sqlite";
import type { DeadLetterCounts } from "../kafka/dead_letters.ts";
import { partitionForKey } from "../kafka/producer/partitioning.ts";
import type { Waiting } from "../kafka/readers/backlog.ts";
import { pause } from "../runtime/shutdown.ts";
import { charges, type ServiceTable, type Tables } from "../services/tables.ts";
import { CHECKS } from "./checks.ts";
import { count as countAll } from "./counted.ts";
import { otherOrderTables, subjectsOf } from "./coverage.ts";
import { openAuditDatabase } from "./database.ts";
import { DERIVED, derivedIn } from "./derive.ts";
import { judge, type Judged } from "./judge.ts";
import { loadOffsets, loadPositions, type OffsetsSource } from "./load/offsets.ts";
import { loadRunsAfter, loadRunsBefore } from "./load/runs.ts";
import { AUDITED_TABLES, loadOrderTable, loadTable } from "./load/tables.ts";
import {
  type Cut,
  endsNow,
  loadTopics,
  type LogRead,
  sameTopics,
  type TopicsSource,
} from "./load/topics.ts";
import { createTables } from "./schema.ts";
import {
  deadLettersIn,
  exceptionsIn,
  notesOfClocks,
  notesOfRuns,
  type Scope,
  scopeOf,
} from "./summary.ts";

export interface AuditOptions extends TopicsSource, OffsetsSource {
  readonly reader: TopicsSource["reader"];
  readonly tables: Pick<Tables, "scan">;
  /**
   * Up to where the services have processed everything: orders placed behind it are not judged
   * (default: where the topics end when the audit begins).
   */
  readonly cut?: Cut;
  /**
   * The partition of orders.raw that an order's key belongs to (default: as Kafka's own clients compute
   * it, from how many there are).
   */
  readonly partitionOf?: (orderId: string, partitions: number) => number;
  /**
   * The payment provider's address, where it is none of the simulated ones: its ledger is not in the
   * tables then, and is not judged.
   */
  readonly foreignGateway?: string;
  /** How long an offset may be seen later than what it belongs to (default: a few seconds). */
  readonly patienceMs?: number;
  /** Told now and then: what it does, and how many records and rows were read so far. */
  readonly onProgress?: (what: string, count: number) => void;
}

export interface AuditReport {
  /** Undefined when there was nothing to audit, or it was stopped. */
  readonly checks: readonly Judged[] | undefined;
  /** How many events of each type are in the topics. */
  readonly events: Readonly<Record<string, number>>;
  /** By service, then reason. */
  readonly deadLetters: Readonly<Record<string, Readonly<Record<string, DeadLetterCounts>>>>;
  /** What it covers; undefined where nothing was judged. */
  readonly scope: Scope | undefined;
  /** What no promise covers, and why: the named exceptions. */
  readonly notCovered: readonly string[];
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

const HEAR_MS = 100;
const OFFSET_PATIENCE_MS = 5_000;
const OFFSET_POLL_MS = 500;

/** An audit's database, in which one audit after another may be made: each reads what is new in the log. */
export interface AuditFile {
  readonly database: DatabaseSync;
  /**
   * After it threw, the file is of no use any more.
   *
   * @throws {RetryableError} a database does not answer; {LogChanged}; and what kafkajs throws when the
   * cluster does not answer
   */
  audit(options: AuditOptions): Promise<AuditReport>;
  close(): void;
}

/**
 * @param path a file that is not there yet; it takes about 1 GB for a million orders
 * @param serviceTables all tables of the services: one that no promise covers is a failure
 */
export function openAuditFile(path: string, serviceTables: readonly ServiceTable[]): AuditFile {
  const database = openAuditDatabase(path);
  createTables(database, subjectsOf(serviceTables));
  const forgetDerived = derivedIn(database);
  const read: LogRead = {
    positions: new Map(),
    topicIds: new Map(),
    counts: new Map(),
    events: new Map(),
  };
  return {
    database,
    audit(options) {
      forgetDerived();
      return auditInto(database, options, { serviceTables, read });
    },
    close: () => database.close(),
  };
}

async function auditInto(
  database: DatabaseSync,
  options: AuditOptions,
  { serviceTables, read }: { serviceTables: readonly ServiceTable[]; read: LogRead },
): Promise<AuditReport> {
  const { tables, signal, partitionOf = partitionForKey } = options;
  const audited = auditedWith(options.foreignGateway);
  database.function(
    "partition_of",
    { deterministic: true },
    (orderId, partitions) => partitionOf(String(orderId), Number(partitions)),
  );
  let count = 0;
  const progress = (what: string, by = 0) => {
    count += by;
    options.onProgress?.(what, count);
  };
  database.exec("begin");
  await loadRunsBefore(database, tables);
  await loadOffsets(database, options, "before");
  await loadPositions(database, options, await sameTopics(options, read));
  const cut = options.cut ?? await endsNow(options);
  for (const table of audited.tables) {
    await loadTable(database, tables, table, (rows) => progress(table.owned.table.name, rows));
  }
  for (const table of otherOrderTables(serviceTables)) {
    await loadOrderTable(database, tables, table, (rows) => progress(table.table.name, rows));
  }
  await loadTopics(database, options, { cut, read, onRecords: progress });
  database.exec("commit");

  const report = {
    events: Object.fromEntries(read.events),
    deadLetters: {},
    scope: undefined,
    notCovered: [],
  };
  const nothing = (why: string) => ({ ...report, checks: undefined, notes: [why] });
  if (signal?.aborted) return nothing("it was stopped before everything was read");
  if (isEmpty(database)) return nothing("there is nothing to audit: no order was ever placed");
  let heardAt = performance.now();
  /** Statements block the process: now and then, a signal is heard between two of them. */
  const goesOn = async () => {
    if (performance.now() - heardAt > HEAR_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      heardAt = performance.now();
    }
    return !signal?.aborted;
  };
  for (const [what, sql] of DERIVED) {
    progress(what);
    database.exec(sql);
    if (!await goesOn()) return nothing(STOPPED);
  }
  await loadRunsAfter(database, tables);
  await loadOffsetsAfter(database, options);
  countAll(database);
  const checks: Judged[] = [];
  for (const check of audited.checks) {
    if (!await goesOn()) return nothing(STOPPED);
    progress(check.promise);
    checks.push(judge(database, check));
  }
  return {
    ...report,
    checks,
    deadLetters: deadLettersIn(database),
    scope: scopeOf(database),
    notCovered: [...exceptionsIn(database), ...audited.notCovered],
    notes: [...notesOfRuns(database), ...notesOfClocks(database)],
  };
}

/** What is looked at, and what is not: of a provider elsewhere the ledger. */
function auditedWith(foreignGateway: string | undefined) {
  const checks = Object.values(CHECKS);
  if (foreignGateway === undefined) return { tables: AUDITED_TABLES, checks, notCovered: [] };
  return {
    tables: AUDITED_TABLES.filter(({ owned }) => owned !== charges),
    checks: checks.filter((check) => check !== CHECKS.gateway),
    notCovered: [
      `the ledger of the payment provider at ${foreignGateway} is its own: compare what it charged ` +
      "with the table of payments, which is audited",
    ],
  };
}

const STOPPED = "it was stopped before everything was judged";

/** Whether there was never an order, nor a message. */
function isEmpty(database: DatabaseSync): boolean {
  const { n } = database.prepare(
    "select (select coalesce(sum(messages + first), 0) from log where topic not like 'dlq.%') + " +
      "(select coalesce(sum(acknowledged_before), 0) from run) as n",
  ).get()!;
  return n === 0;
}

/**
 * Kafka ends a transaction partition by partition: its outputs may be there a moment before its offset
 * is. So what seems to be behind is looked at again. So is what seems to be deleted unread: it may be a
 * control record, which a service passes with the message behind it.
 */
async function loadOffsetsAfter(database: DatabaseSync, options: AuditOptions): Promise<void> {
  const { signal, patienceMs = OFFSET_PATIENCE_MS } = options;
  const deadline = performance.now() + patienceMs;
  const late = [CHECKS.behind, CHECKS.deleted].map(({ sql }) => database.prepare(sql));
  while (!signal?.aborted) {
    await loadOffsets(database, options, "after");
    // Not iterate(): a statement that has not ended locks its tables, also for the next audit.
    const isSound = late.every((check) => check.get() === undefined);
    if (isSound || performance.now() >= deadline) return;
    await pause(OFFSET_POLL_MS, signal);
  }
}
