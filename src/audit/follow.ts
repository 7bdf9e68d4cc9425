/** One audit after another, in one file: what `--follow` does, and what it says of each. */
import { Failure, RetryableError } from "../runtime/errors.ts";
import { isKafkaError } from "../kafka/client/errors.ts";
import { printable } from "../runtime/printable.ts";
import { pause } from "../runtime/shutdown.ts";
import type { AuditFile, AuditReport } from "./audit.ts";
import { LogChanged } from "./load/topics.ts";
import { passed, scopeLines, summaryLine } from "./report.ts";

export interface Follow {
  /** From the beginning of one audit to that of the next. */
  readonly everyMs: number;
  /** Opens an empty file; one from before is gone then. */
  readonly open: () => AuditFile;
  /** One audit in the file. @throws what a failure of Kafka or of the database throws */
  readonly audit: (file: AuditFile) => Promise<AuditReport>;
  readonly onReport: (report: AuditReport, before: AuditReport | undefined) => void;
  /** Told once when audits begin to fail, and of every other reason: why, and what it does now. */
  readonly onFailure: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** @returns the last report, when `signal` has aborted; undefined when there was none, or the last audit failed */
export async function follow(options: Follow): Promise<AuditReport | undefined> {
  const { everyMs, open, audit, onReport, onFailure, signal } = options;
  let file: AuditFile | undefined;
  let last: AuditReport | undefined;
  let failure: string | undefined;
  try {
    while (!signal.aborted) {
      const next = performance.now() + everyMs;
      try {
        const report = await audit(file ??= open());
        if (signal.aborted) break;
        onReport(report, last);
        last = report;
        failure = undefined;
      } catch (error) {
        // What was read so far may be half of it: the next one begins anew.
        file?.close();
        file = undefined;
        const isOther = error instanceof LogChanged;
        const reason = `${reasonOf(error)}; it ${isOther ? "starts over" : "tries again"}`;
        if (!signal.aborted && reason !== failure) onFailure(reason);
        failure = reason;
        if (isOther) continue;
      }
      await pause(Math.max(0, next - performance.now()), signal);
    }
  } finally {
    file?.close();
  }
  return failure === undefined ? last : undefined;
}

/** @throws what is a bug */
function reasonOf(error: unknown): string {
  const passes = error instanceof RetryableError || error instanceof Failure ||
    error instanceof LogChanged || isKafkaError(error);
  if (!passes) throw error;
  return (error as Error).message;
}

/** A short block: the time, the result, and what is wrong now and was not before. */
export function followLines(report: AuditReport, before?: AuditReport, now = new Date()): string[] {
  const known = new Set(before ? offendersIn(before) : []);
  const isNew = (line: string) => !known.has(line);
  const mended = (before?.checks ?? []).filter((check) =>
    !check.passed && report.checks?.some(({ title, passed }) => title === check.title && passed)
  );
  return [
    `${now.toISOString()} ${summaryLine(report)}`,
    ...offendersIn(report).filter(isNew).map((line) => `     ${line}`),
    ...mended.map(({ guarantee, title }) => `     PASS again: ${guarantee} ${title}`),
    ...report.scope ? scopeLines(report.scope).slice(0, 1).map((line) => `     ${line}`) : [],
    ...before && passed(before) === passed(report)
      ? []
      : report.notes.map((n) => `     note: ${n}`),
  ];
}

/** A line for each that is named. */
function offendersIn({ checks = [] }: AuditReport): string[] {
  return checks.flatMap(({ guarantee, title, offenders }) =>
    offenders.map(({ who, what }) =>
      `FAIL ${guarantee} ${title}: ${printable(who)}: ${printable(what)}`
    )
  );
}
