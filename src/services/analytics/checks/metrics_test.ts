import { assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import type { AuditReported } from "../../../events/audit_report.ts";
import type { AuditView } from "./audit_reports.ts";
import { registerCheckMetrics } from "./metrics.ts";
import type { OverdueView } from "./overdue.ts";

const none = { count: 0, oldestMs: null, first: [], withoutId: 0 };
const unknown: OverdueView = {
  ...{ afterMs: 60_000, placed: null, validated: null },
  ...{ why: "the log is being read", sinceMs: null },
};
const report = { passed: false, finishedAt: "1970-01-01T00:01:00.000Z" } as AuditReported;

/** The lines of a scrape that are values. */
async function scrape(
  state: {
    audit: AuditView;
    overdue: OverdueView;
    notReady: string | null;
    auditMaxAgeS?: number;
  },
) {
  const registry = new Registry();
  registerCheckMetrics(registry, {
    audit: { latest: state.audit },
    overdue: { latest: state.overdue },
    deadLetters: { counts: { payment: { total: 5, open: 2 } }, notReady: state.notReady },
    auditMaxAgeS: state.auditMaxAgeS,
  });
  await registry.metrics();
  return (await registry.metrics()).split("\n").filter((line) => line && !line.startsWith("#"));
}

Deno.test("registerCheckMetrics: what is known has its value", async () => {
  const overdue = {
    ...unknown,
    placed: { ...none, count: 3, oldestMs: Date.now() },
    validated: none,
  };
  const audit = { state: "made", report } as const;
  const lines = await scrape({ audit, overdue, notReady: null, auditMaxAgeS: 86_400 });
  const others = lines.filter((line) => !line.includes("oldest_seconds"));
  assertEquals(others, [
    'orderflow_orders_overdue{waits_for="validator"} 3',
    'orderflow_orders_overdue{waits_for="outcome"} 0',
    'orderflow_dead_letters_open{service="payment"} 2',
    "orderflow_audit_passed 0",
    "orderflow_audit_finished_timestamp_seconds 60",
    "orderflow_audit_max_age_seconds 86400",
  ]);
  assertEquals(lines.length - others.length, 2);
});

Deno.test("registerCheckMetrics: what is not known has none, rather than 0", async () => {
  const state = { overdue: unknown, notReady: "they are being read" };
  for (const audit of [{ state: "never" }, { state: "unknown", why: "" }] as const) {
    assertEquals(await scrape({ ...state, audit }), []);
  }
});
