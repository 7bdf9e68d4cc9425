/** Made-up audits, overdue orders and dead letters, so that each of their cards can be looked at. */
import type { AuditReported } from "../../events/audit_report.ts";
import type { AuditView } from "../../services/analytics/checks/audit_reports.ts";
import type {
  DeadLetterList,
  ListedDeadLetter,
} from "../../services/analytics/checks/dead_letters.ts";
import type { OverdueView } from "../../services/analytics/checks/overdue.ts";
import type { Processor } from "../../topology.ts";

export interface FakeChecks {
  readonly audit: AuditView;
  readonly overdue: OverdueView;
  readonly deadLetters: readonly DeadLetterList[];
}

type Check = AuditReported["checks"][number];

const HELD: readonly Check[] = [
  ["G1", "every order has exactly one outcome"],
  ["G2", "no event twice"],
  ["G3", "per product: initial - reserved + released = on hand, never below zero"],
  ["G4", "per currency: processed - refunded = confirmed"],
].map(([guarantee, promise]) => ({
  guarantee: guarantee!,
  promise: promise!,
  passed: true,
  counts: { orders: 20_480, messages: 122_880 },
  failures: 0,
  offenders: [],
}));

const BROKEN: readonly Check[] = [
  {
    ...HELD[0]!,
    passed: false,
    failures: 23,
    offenders: [
      { who: "r1-000102", what: "validated, stock reserved, charged; no outcome" },
      { who: "r1-000417", what: "validated, stock reserved; no payment and no outcome" },
    ],
  },
  {
    ...HELD[2]!,
    passed: false,
    failures: 1,
    offenders: [{
      who: "product SKU-0042",
      what: "initial 1,000 - reserved 412 + released 3 = 591, on hand 590",
    }],
  },
];

function auditAt(nowMs: number, broken: readonly Check[]): AuditView {
  const promises = broken.map(({ promise }) => promise);
  return {
    state: "made",
    report: {
      type: "AuditReported",
      version: 1,
      startedAt: new Date(nowMs - 246_000).toISOString(),
      finishedAt: new Date(nowMs - 240_000).toISOString(),
      passed: broken.length === 0,
      summary: broken.length === 0
        ? "AUDIT PASSED: 20,480 orders accounted for"
        : `AUDIT FAILED: ${broken.length} of ${HELD.length} promises are broken`,
      scope: {
        orders: 20_480,
        older: 1_204,
        newer: 37,
        since: new Date(nowMs - 86_400_000).toISOString(),
        topics: ["orders.raw", "orders.validated", "orders.outcomes"].map((topic) => ({
          topic,
          partitions: Array.from({ length: 12 }, (_, partition) => [partition, 0, 22_480]),
        })),
      },
      checks: [...broken, ...HELD.filter(({ promise }) => !promises.includes(promise))],
      notCovered: ["shipments: no promise is about this table"],
      notes: [],
    },
  };
}

const NONE = { count: 0, oldestMs: null, first: [], withoutId: 0 };

function overdueAt(nowMs: number, isAny: boolean): OverdueView {
  const ordersFrom = (first: number, count: number, withoutId: number) => ({
    count,
    oldestMs: nowMs - 320_000 + first * 100,
    first: Array.from({ length: 5 }, (_, index) => ({
      orderId: `r1-${String(first + index).padStart(6, "0")}`,
      placedAtMs: nowMs - 320_000 + (first + index) * 100,
    })),
    withoutId,
  });
  return {
    afterMs: 60_000,
    placed: isAny ? ordersFrom(400, 1_204, 0) : NONE,
    validated: isAny ? ordersFrom(102, 23, 12) : NONE,
    why: null,
    sinceMs: isAny ? nowMs - 86_400_000 : null,
  };
}

function deadLettersAt(nowMs: number, service: Processor, open: number): DeadLetterList {
  const source = service === "validator" ? "orders.raw" : "orders.validated";
  const unreadable: ListedDeadLetter = {
    id: `7@${open}`,
    reason: "invalid_json",
    atMs: nowMs - 60_000,
    source,
    orderId: "",
    excerpt: {},
  };
  const readable = ["r1-000101", "r1-000102"].map((orderId, index): ListedDeadLetter => ({
    id: `${index}@${open}`,
    reason: "processing_failed",
    atMs: nowMs - 120_000 * (index + 1),
    source,
    orderId,
    excerpt: {
      type: service === "validator" ? "OrderPlaced" : "OrderValidated",
      orderId,
      totalCents: 12_990,
      currency: "EUR",
    },
  }));
  return {
    service,
    total: open + 2,
    open,
    newest: [unreadable, ...readable].slice(0, open),
  };
}

/** What the cards show: nothing yet; that all is well; each trouble; or that it cannot be known. */
export function fakeChecks(
  kind: "none" | "well" | "trouble" | "unknown",
  nowMs: number,
): FakeChecks {
  const overdue = overdueAt(nowMs, kind === "trouble");
  switch (kind) {
    case "none":
      return { audit: { state: "never" }, overdue, deadLetters: [] };
    case "well":
      return {
        audit: auditAt(nowMs, []),
        overdue,
        deadLetters: [deadLettersAt(nowMs, "validator", 1)],
      };
    case "trouble":
      return {
        audit: auditAt(nowMs, BROKEN),
        overdue,
        deadLetters: [
          deadLettersAt(nowMs, "validator", 240),
          deadLettersAt(nowMs, "payment", 2),
        ],
      };
    case "unknown":
      return {
        audit: { state: "unreadable", publishedAtMs: nowMs - 240_000 },
        overdue: { ...overdue, placed: null, validated: null, why: "the log is being read" },
        deadLetters: [],
      };
  }
}
