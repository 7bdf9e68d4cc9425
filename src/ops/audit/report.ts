/** The audit's report: lines for people, or one JSON object for machines. Pure. */
import { printable } from "../printable.ts";
import type { AuditReport } from "./audit.ts";
import type { Check } from "./checks.ts";

/** Whether everything that was checked holds, and something was checked. */
export function passed({ checks }: AuditReport): boolean {
  return checks !== undefined && checks.every((check) => check.passed);
}

export function reportLines(report: AuditReport): string[] {
  const { checks, deadLetters, notes } = report;
  const lines = (checks ?? []).flatMap(checkLines);
  for (const [service, reasons] of Object.entries(deadLetters)) {
    for (const [reason, { open, replayed, discarded }] of Object.entries(reasons)) {
      lines.push(
        `     dlq.${service} ${printable(reason)}: ${open} open, ${replayed} replayed, ` +
          `${discarded} discarded`,
      );
    }
  }
  for (const note of notes) lines.push(`     note: ${printable(note)}`);
  return [...lines, verdictLine(checks, passed(report))];
}

export function reportJson(report: AuditReport): string {
  return JSON.stringify(
    { passed: passed(report), ...report, checks: report.checks ?? [] },
    null,
    2,
  );
}

function checkLines(check: Check): string[] {
  const { guarantee, title, counts, failures, offenders } = check;
  const list = Object.entries(counts).map(([name, value]) => `${name} ${number(value)}`).join(", ");
  const head = `${check.passed ? "PASS" : "FAIL"} ${guarantee} ${title}`;
  const failed = check.passed ? "" : `; ${number(failures)} wrong`;
  const rest = failures - offenders.length;
  return [
    `${head}: ${list || "none"}${failed}`,
    ...offenders.map(({ who, what }) => `       ${printable(who)}: ${printable(what)}`),
    ...(rest > 0 ? [`       and ${number(rest)} more`] : []),
  ];
}

function verdictLine(checks: AuditReport["checks"], holds: boolean): string {
  if (checks === undefined) return "AUDIT FAILED: nothing is proven";
  const failed = checks.filter((check) => !check.passed).length;
  return holds
    ? `AUDIT PASSED: all ${checks.length} checks hold`
    : `AUDIT FAILED: ${failed} of ${checks.length} checks`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}
