/** Runs the audit over a fixture: it reads it through its own interfaces. */
import type { DatabaseSync } from "node:sqlite";
import type { LocatedUnreadable } from "../../kafka/protocol/unreadable.ts";
import type { LogReader } from "../../kafka/readers/log_reader.ts";
import { deadLetterTopicOf, PROCESSORS, TOPIC_NAMES } from "../../topology.ts";
import type { Tables } from "../../services/tables.ts";
import { type AuditFile, type AuditOptions, type AuditReport, openAuditFile } from "../audit.ts";
import { type CheckName, CHECKS } from "../checks.ts";
import type { Judged } from "../judge.ts";
import {
  type Fixture,
  isDeadLetterTopic,
  partitionOf,
  PARTITIONS,
  placeIn,
  type TableName,
} from "./fixture.ts";

export interface FixtureOptions
  extends Pick<AuditOptions, "cut" | "signal" | "onProgress" | "foreignGateway"> {
  /** A topic that is not there. */
  readonly missing?: string;
  /** The first offset that is left, by `placeIn` (default: the fixture's). */
  readonly first?: ReadonlyMap<string, number>;
  /** A batch that cannot be read. */
  readonly unreadable?: LocatedUnreadable;
  /** What the groups have committed when they are asked for the nth time (default: what the fixture says). */
  readonly committed?: (time: number) => Fixture["committed"];
  readonly patienceMs?: number;
  /** Of the audits before (default: a new one). */
  readonly file?: AuditFile;
}

/** Runs the audit over a fixture. */
export async function auditFixture(
  fixture: Fixture,
  { file, ...options }: FixtureOptions = {},
): Promise<AuditReport> {
  if (file) return await file.audit(sourceOf(fixture, options));
  const own = openAuditFile(":memory:", fixture.serviceTables);
  try {
    return await own.audit(sourceOf(fixture, options));
  } finally {
    own.close();
  }
}

/** The audit's database of a fixture, as `--database` keeps it; close it. */
export async function databaseOf(
  fixture: Fixture,
  options: FixtureOptions = {},
  path = ":memory:",
): Promise<DatabaseSync> {
  const file = openAuditFile(path, fixture.serviceTables);
  await file.audit(sourceOf(fixture, options));
  return file.database;
}

function sourceOf(fixture: Fixture, options: FixtureOptions): AuditOptions {
  const { names } = fixture;
  const topics = [...TOPIC_NAMES, ...PROCESSORS.map(deadLetterTopicOf)]
    .map((topic) => names.topic(topic))
    .filter((topic) => topic !== options.missing);
  const partitions = (topic: string) =>
    isDeadLetterTopic(topic) ? [0] : Array.from({ length: PARTITIONS }, (_, p) => p);
  const byPartition = <T>(topic: string, of: (place: string) => T | undefined) =>
    new Map(
      partitions(topic).flatMap((p) => {
        const value = of(placeIn(topic, p));
        return value === undefined ? [] : [[p, value] as const];
      }),
    );
  const reader: Pick<LogReader, "ends" | "partitionsOf" | "read"> = {
    partitionsOf: (topic) =>
      Promise.resolve(topics.includes(topic) ? partitions(topic) : undefined),
    ends(topic) {
      const endOf = (place: string) => ({
        first: options.first?.get(place) ?? fixture.firsts.get(place) ?? 0,
        end: fixture.ends.get(place) ?? 0,
      });
      return Promise.resolve(byPartition(topic, endOf));
    },
    async *read(topic, { partitions, from, onUnreadable } = {}) {
      const { unreadable } = options;
      if (unreadable?.topic === topic) onUnreadable!(unreadable);
      yield await Promise.resolve(
        fixture.records.filter((record) =>
          record.topic === topic && (partitions?.includes(record.partition) ?? true) &&
          record.offset >= (from?.get(record.partition) ?? 0)
        ),
      );
    },
  };
  const asked: string[] = [];
  const committedOffsets = (group: string, topic: string) => {
    if (!topics.includes(topic)) return Promise.reject(new Error(`there is no topic ${topic}`));
    const service = PROCESSORS.find((service) => names.group(service) === group)!;
    const question = `${group} ${topic}`;
    const time = asked.filter((earlier) => earlier === question).length;
    asked.push(question);
    const offsets = (options.committed?.(time) ?? fixture.committed)[service];
    return Promise.resolve(byPartition(topic, (place) => offsets.get(place)));
  };
  const tables: Pick<Tables, "scan"> = {
    async *scan({ owner, table }) {
      const rows = table.name === "positions"
        ? fixture.positions.get(owner)
        : fixture.tables[table.name as TableName];
      yield await Promise.resolve(rows ?? []) as never;
    },
  };
  return {
    patienceMs: 0,
    ...options,
    reader,
    committedOffsets,
    names,
    tables,
    topicIds: (names) =>
      Promise.resolve(new Map(names.map((name) => [name, fixture.topicIds.get(name) ?? name]))),
    partitionOf: (orderId) => partitionOf(Number(orderId.slice(-6))),
  };
}

/** One check of a report. */
export function checkOf({ checks }: AuditReport, name: CheckName): Judged {
  const { guarantee, promise: title } = CHECKS[name];
  return checks!.find((check) => check.guarantee === guarantee && check.title === title)!;
}

/** The promises that a report says are broken. */
export function failedChecks({ checks }: AuditReport): string[] {
  return checks!.filter((check) => !check.passed).map(({ title }) => title);
}

/** What a check names, and what it says of it. */
export function offendersOf(report: AuditReport, check: CheckName): string[] {
  return checkOf(report, check).offenders.map(({ who, what }) => `${who}: ${what}`);
}
