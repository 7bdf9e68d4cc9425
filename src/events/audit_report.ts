/**
 * An audit's report as others read it, in the topic `audit.reports`: bounded, and without anything that may
 * be a customer's. Readers let unknown fields pass, so that a newer audit may say more.
 */
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";

/** The most that is kept of what a report lists, and of each text in it. */
export const MAX_LISTED = 20;
export const MAX_TEXT = 300;
/** More partitions than a topic may have. */
const MAX_PARTITIONS = 1_000;
const MAX_CHECKS = 100;
const MAX_OFFENDERS = 20;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Time = Type.String({ format: "date-time", maxLength: 40 });
/** Each character may be written as an escape, such as `\\u{200b}`; one says that there was more. */
const Text = Type.String({ maxLength: 8 * (MAX_TEXT + 1) });
const Texts = Type.Array(Text, { maxItems: MAX_LISTED });

export const AuditReported = Type.Object({
  type: Type.Literal("AuditReported"),
  version: Type.Literal(1),
  startedAt: Time,
  finishedAt: Time,
  passed: Type.Boolean(),
  /** The verdict in one line. */
  summary: Text,
  /** What was judged, and what was not; null where nothing was. */
  scope: Type.Union([
    Type.Null(),
    Type.Object({
      /** Orders that were judged; older and newer ones were not. */
      orders: Count,
      older: Count,
      newer: Count,
      /** Orders placed after this moment were judged; null: all there ever were. */
      since: Type.Union([Time, Type.Null()]),
      topics: Type.Array(
        Type.Object({
          topic: Text,
          /** Of each partition: its number, the first offset, and the one after the last. */
          partitions: Type.Array(Type.Array(Count, { minItems: 3, maxItems: 3 }), {
            maxItems: MAX_PARTITIONS,
          }),
        }),
        { maxItems: MAX_LISTED },
      ),
    }),
  ]),
  checks: Type.Array(
    Type.Object({
      guarantee: Text,
      promise: Text,
      passed: Type.Boolean(),
      counts: Type.Record(Type.String(), Count),
      /** How often the promise is broken; `offenders` are the first. */
      failures: Count,
      offenders: Type.Array(
        Type.Object({
          /** An order's id; or what else it is about. */
          who: Text,
          /** Null where it may quote what came from outside. */
          what: Type.Union([Text, Type.Null()]),
        }),
        { maxItems: MAX_OFFENDERS },
      ),
    }),
    { maxItems: MAX_CHECKS },
  ),
  notCovered: Texts,
  notes: Texts,
});

export type AuditReported = Static<typeof AuditReported>;

/** The key of every report: of one key, a compacted topic keeps the newest. */
export const AUDIT_REPORT_KEY = "audit";

const compiled = Compile(AuditReported);
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Undefined for what is no report that this version can read. */
export function decodeAuditReport(value: Uint8Array | null): AuditReported | undefined {
  if (value === null) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(value));
  } catch {
    return undefined;
  }
  return compiled.Check(parsed) ? parsed : undefined;
}
