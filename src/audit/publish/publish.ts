/**
 * Publishes an audit's report to the topic `audit.reports`, for whoever shows it. Nothing reads it back: the
 * verdict is what the audit itself said, whether or not it could be published.
 */
import {
  AUDIT_REPORT_KEY,
  type AuditReported,
  MAX_LISTED,
  MAX_TEXT,
} from "../../events/audit_report.ts";
import { explain } from "../../kafka/client/errors.ts";
import { Producer } from "../../kafka/producer/producer.ts";
import { type OpenLog } from "../../kafka/readers/open_log.ts";
import { printable } from "../../runtime/printable.ts";
import { flag } from "../../runtime/setting.ts";
import { AUDIT_REPORTS } from "../../topology.ts";
import type { AuditReport } from "../audit.ts";
import { CHECKS } from "../checks.ts";
import { notAtRestLines, passed, summaryLine } from "../report.ts";

export const publishSettings = {
  publish: flag({
    env: "AUDIT_PUBLISH",
    fallback: "true",
    help: "publishes the report to the topic audit.reports, where the dashboard reads it",
  }),
};

/** An id may be as long as a search for it. */
const MAX_WHO = 128;
/** Of a verdict that is there already, nobody waits long for the copy. */
const LIMIT_MS = 10_000;

const QUOTING = new Set(
  Object.values(CHECKS).filter(({ quotes }) => quotes).map(({ promise }) => promise),
);

/** What is published of a report: the first of each list, and nothing that may be a customer's. */
export function publishedReport(
  report: AuditReport,
  times: { readonly startedAt: Date; readonly finishedAt: Date },
): AuditReported {
  const { checks = [], scope, notAtRest } = report;
  const notes = [...notAtRest ? notAtRestLines(notAtRest) : [], ...report.notes];
  return {
    type: "AuditReported",
    version: 1,
    startedAt: times.startedAt.toISOString(),
    finishedAt: times.finishedAt.toISOString(),
    passed: passed(report),
    summary: summaryLine(report),
    scope: scope
      ? {
        orders: scope.orders,
        older: scope.older,
        newer: scope.newer,
        since: scope.since ?? null,
        topics: Object.entries(scope.topics).map(([topic, partitions]) => ({
          topic,
          partitions: partitions.map(({ partition, first, end }) => [partition, first, end]),
        })),
      }
      : null,
    checks: checks.map(({ guarantee, title, passed, counts, failures, offenders }) => ({
      guarantee,
      promise: title,
      passed,
      counts,
      failures,
      offenders: offenders.map(({ who, what }) => ({
        who: printable(who, MAX_WHO),
        what: QUOTING.has(title) ? null : printable(what, MAX_TEXT),
      })),
    })),
    notCovered: firstOf(report.notCovered),
    notes: firstOf(notes),
  };
}

function firstOf(texts: readonly string[]): string[] {
  return texts.slice(0, MAX_LISTED).map((text) => printable(text, MAX_TEXT));
}

/** @returns why it could not be published; undefined when it was */
export async function publish(
  { kafka, names }: Pick<OpenLog, "kafka" | "names">,
  report: AuditReported,
): Promise<string | undefined> {
  const topic = names.topic(AUDIT_REPORTS);
  try {
    const producer = await Producer.open(kafka, { deliveryTimeoutMs: LIMIT_MS });
    try {
      if (await producer.partitionsOf(topic) === 0) return missing(topic);
      const value = Buffer.from(JSON.stringify(report));
      await producer.send([{
        topic,
        messages: [{ key: AUDIT_REPORT_KEY, value, partition: 0 }],
      }]);
    } finally {
      await producer.close();
    }
  } catch (error) {
    // Whatever it was, the verdict stands.
    const { type } = error as { type?: string };
    return type === "UNKNOWN_TOPIC_OR_PARTITION" ? missing(topic) : explain(error);
  }
}

function missing(topic: string): string {
  return `there is no topic ${topic}: \`deno task topics\` creates it`;
}
