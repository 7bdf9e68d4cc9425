/** The audit's report: lines for people, or one JSON object for machines. Pure. */
import { printable } from "../runtime/printable.ts";
import type { AuditReport, NotAtRest } from "./audit.ts";
import type { Judged } from "./judge.ts";
import type { Scope } from "./summary.ts";
import { formatCount } from "../runtime/format.ts";

/** Whether everything that was checked holds, something was checked, and nothing was on its way. */
export function passed(report: AuditReport): boolean {
  const { checks, notAtRest } = report;
  return checks !== undefined && !notAtRest && !isIdle(report) &&
    checks.every((check) => check.passed);
}

/** There are orders, or were, and none is judged. */
function isIdle({ scope }: AuditReport): boolean {
  return scope !== undefined && scope.orders === 0 &&
    (scope.since !== undefined || scope.newer > 0);
}

export function reportLines(report: AuditReport): string[] {
  const { deadLetters, notCovered, notes, notAtRest } = report;
  const lines = (report.checks ?? []).flatMap(checkLines);
  for (const [service, reasons] of Object.entries(deadLetters)) {
    for (const [reason, { open, replayed, discarded }] of Object.entries(reasons)) {
      lines.push(
        `     dlq.${service} ${printable(reason)}: ${open} open, ${replayed} replayed, ` +
          `${discarded} discarded`,
      );
    }
  }
  if (report.scope) lines.push(...scopeLines(report.scope).map((line) => `     ${line}`));
  for (const line of notCovered) lines.push(`     not covered: ${printable(line)}`);
  for (const note of notes) lines.push(`     note: ${printable(note)}`);
  if (notAtRest) lines.push(...notAtRestLines(notAtRest).map((line) => `     ${line}`));
  return [...lines, summaryLine(report)];
}

/** What was not judged, and why; none where everything was. */
export function scopeLines({ topics, since, older, newer }: Scope): string[] {
  const lines: string[] = [];
  if (since !== undefined) {
    lines.push(
      `scope: orders placed after ${since}; before that messages are deleted, and ` +
        `${formatCount(older)} older orders are not judged`,
    );
    for (const [topic, partitions] of Object.entries(topics)) {
      if (!partitions.some(({ first }) => first > 0)) continue;
      const each = partitions.map(({ partition, first, end }) =>
        `${formatCount(first)} to ${formatCount(end)} in ${partition}`
      );
      lines.push(`scope: ${topic} has offsets ${each.join(", ")}`);
    }
  }
  if (newer > 0) {
    lines.push(
      `scope: ${
        formatCount(newer)
      } orders placed while it was made are not judged, nor is the stock on hand`,
    );
  }
  return lines;
}

/** What was still to be read when the time was up: a line for each group and topic, by partition. */
export function notAtRestLines({ afterS, waiting }: NotAtRest): string[] {
  const head = `not at rest after ${formatCount(afterS)} s: `;
  if (waiting.length === 0) return [`${head}all was read just now, but more keeps coming`];
  const byTopic = Map.groupBy(waiting, ({ group, topic }) => `${group} ${topic}`);
  return [...byTopic.values()].map((list) => {
    const { group, topic } = list[0]!;
    const messages = list.reduce((sum, one) => sum + one.messages, 0);
    const each = list.toSorted((a, b) => a.partition - b.partition)
      .map((one) => `${formatCount(one.messages)} in ${one.partition}`);
    return `${head}${group} has ${formatCount(messages)} of ${topic} to read: ${each.join(", ")}`;
  });
}

/** @param indent spaces (default: 2); 0: all in one line */
export function reportJson(report: AuditReport, indent = 2): string {
  return JSON.stringify(
    { passed: passed(report), ...report, checks: report.checks ?? [] },
    null,
    indent,
  );
}

function checkLines(check: Judged): string[] {
  const { guarantee, title, counts, failures, offenders } = check;
  const list = Object.entries(counts).map(([name, value]) => `${name} ${formatCount(value)}`).join(
    ", ",
  );
  const head = `${check.passed ? "PASS" : "FAIL"} ${guarantee} ${title}`;
  const failed = check.passed ? "" : `; ${formatCount(failures)} wrong`;
  const rest = failures - offenders.length;
  return [
    `${head}: ${list || "none"}${failed}`,
    ...offenders.map(({ who, what }) => `       ${printable(who)}: ${printable(what)}`),
    ...(rest > 0 ? [`       and ${formatCount(rest)} more`] : []),
  ];
}

export function summaryLine(report: AuditReport): string {
  const { checks, notAtRest } = report;
  if (checks === undefined) return "AUDIT FAILED: nothing is proven";
  if (passed(report)) return `AUDIT PASSED: all ${checks.length} checks hold`;
  const failed = checks.filter((check) => !check.passed).length;
  if (failed === 0 && isIdle(report)) return "AUDIT FAILED: nothing is proven: no order is judged";
  const summary = failed > 0 ? `${failed} of ${checks.length} checks` : "all checks hold";
  return `AUDIT FAILED: ${summary}${notAtRest ? "; not everything was read in time" : ""}`;
}
