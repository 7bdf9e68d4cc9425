/** The header `traceparent` of W3C's Trace Context, as text. Pure. */

/** Whether a span is recorded: the last bit of the flags. */
const SAMPLED = 1;

export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;

/** @returns undefined for text that is no valid trace context */
export function parseTraceparent(text: string): TraceContext | undefined {
  const [, version, traceId, spanId, flags, more] = FORM.exec(text) ?? [];
  if (version === undefined || version === "ff" || ZEROS.test(traceId!) || ZEROS.test(spanId!)) {
    return undefined;
  }
  // A later version may have more at its end; this one has not.
  if (version === "00" && more !== undefined) return undefined;
  return { traceId: traceId!, spanId: spanId!, traceFlags: parseInt(flags!, 16) };
}

export function formatTraceparent({ traceId, spanId, traceFlags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

export function isSampled({ traceFlags }: TraceContext): boolean {
  return (traceFlags & SAMPLED) !== 0;
}
