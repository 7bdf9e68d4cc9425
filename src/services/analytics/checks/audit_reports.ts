/**
 * The newest report that an audit published. Only shown: nothing here is decided by it, and the audit does
 * not read what analytics says.
 */
import { type AuditReported, decodeAuditReport } from "../../../events/audit_report.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { LogFollower } from "../../../kafka/readers/log_follower.ts";
import type { LogRecord } from "../../../kafka/records.ts";
import type { Logger } from "../../../runtime/log.ts";
import { AUDIT_REPORTS, type Names } from "../../../topology.ts";

export type AuditView =
  /** Why it is not known whether there is a report. */
  | { readonly state: "unknown"; readonly why: string }
  /** No audit has published a report. */
  | { readonly state: "never" }
  /** There is one, of a version that cannot be read here. */
  | { readonly state: "unreadable"; readonly publishedAtMs: number }
  | { readonly state: "made"; readonly report: AuditReported };

/** The newest audit, without its checks: the route /audit has them. */
export type AuditSummary =
  | Exclude<AuditView, { state: "made" }>
  | {
    readonly state: "made";
    readonly passed: boolean;
    readonly summary: string;
    /** ISO 8601. */
    readonly finishedAt: string;
  };

export function summaryOf(audit: AuditView): AuditSummary {
  if (audit.state !== "made") return audit;
  const { passed, summary, finishedAt } = audit.report;
  return { state: "made", passed, summary, finishedAt };
}

/** What a record of the topic says. */
export function viewOf({ value, timestamp }: Pick<LogRecord, "value" | "timestamp">): AuditView {
  // A report that somebody deleted.
  if (value === null) return { state: "never" };
  const report = decodeAuditReport(value);
  return report ? { state: "made", report } : { state: "unreadable", publishedAtMs: timestamp };
}

export interface AuditReports {
  readonly latest: AuditView;
  /** Reads until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createAuditReports(
  options: { access: KafkaAccess; clientId: string; names: Names; log: Pick<Logger, "warn"> },
): AuditReports {
  let newest: AuditView = { state: "never" };
  let isReadToEnd = false;
  const follower = new LogFollower({
    access: options.access,
    kafka: createClient(options.access, options.clientId),
    topics: [options.names.topic(AUDIT_REPORTS)],
    onBatch: ({ records }) => newest = viewOf(records.at(-1)!),
    onLoss(line, { why }) {
      options.log.warn(line);
      if (why === "recreated") newest = { state: "never" };
    },
  });
  return {
    get latest(): AuditView {
      if (isReadToEnd) return newest;
      return { state: "unknown", why: follower.notReady() ?? "the reports are being read" };
    },
    async run(signal) {
      await follower.readToEnd(signal);
      if (signal.aborted) return;
      isReadToEnd = true;
      await follower.follow(signal);
    },
  };
}
