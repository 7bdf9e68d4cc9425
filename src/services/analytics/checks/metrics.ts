/** What tells whether every order is accounted for, as metrics: for alert rules. Read at each scrape. */
import { Gauge, type Registry } from "prom-client";
import type { AuditReports } from "./audit_reports.ts";
import type { DeadLetters } from "./dead_letters.ts";
import type { Overdue } from "./overdue.ts";

/** What is not known has no value: an alert that asks whether it is 0 must not be told so. */
type Values = Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

export function registerCheckMetrics(registry: Registry, {
  audit,
  overdue,
  deadLetters,
  auditMaxAgeS,
}: {
  audit: Pick<AuditReports, "latest">;
  overdue: Pick<Overdue, "latest">;
  deadLetters: Pick<DeadLetters, "counts" | "notReady">;
  auditMaxAgeS: number | undefined;
}): void {
  const gauge = (name: string, help: string, labelNames: string[], values: () => Values) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        // Without labels a reset leaves a 0 behind.
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of values()) this.set(labels, value);
      },
    });
  const overdueBy = (value: (of: { count: number; oldestMs: number | null }) => number) => {
    const { placed, validated } = overdue.latest;
    return Object.entries({ validator: placed, outcome: validated }).flatMap(([waitsFor, orders]) =>
      orders ? [[{ waits_for: waitsFor }, value(orders)] as const] : []
    );
  };
  gauge(
    "orderflow_orders_overdue",
    "Orders older than ANALYTICS_OVERDUE_AFTER_SECONDS that wait for the validator, or for an outcome",
    ["waits_for"],
    () => overdueBy(({ count }) => count),
  );
  gauge(
    "orderflow_orders_overdue_oldest_seconds",
    "Age of the oldest of them, seconds; 0 when there is none",
    ["waits_for"],
    () =>
      overdueBy(({ oldestMs }) =>
        oldestMs === null ? 0 : Math.max(0, Date.now() - oldestMs) / 1_000
      ),
  );
  gauge(
    "orderflow_dead_letters_open",
    "Dead letters that were neither replayed nor discarded, by service",
    ["service"],
    () =>
      deadLetters.notReady !== null
        ? []
        : Object.entries(deadLetters.counts).map(([service, { open }]) => [{ service }, open]),
  );
  const report = () => audit.latest.state === "made" ? audit.latest.report : undefined;
  gauge(
    "orderflow_audit_passed",
    "Whether the newest audit passed: 1 or 0; none before there was one",
    [],
    () => report() ? [[{}, report()!.passed ? 1 : 0]] : [],
  );
  gauge(
    "orderflow_audit_finished_timestamp_seconds",
    "When the newest audit ended, seconds since 1970; none before there was one",
    [],
    () => report() ? [[{}, Date.parse(report()!.finishedAt) / 1_000]] : [],
  );
  gauge(
    "orderflow_audit_max_age_seconds",
    "How old the newest audit may become, seconds: ANALYTICS_AUDIT_MAX_AGE_SECONDS; none without it",
    [],
    () => auditMaxAgeS === undefined ? [] : [[{}, auditMaxAgeS]],
  );
}
