/** Spans as they are made, in place of Deno's exporter: for the process of a test. */
import {
  type Attributes,
  context,
  type ContextManager,
  type Link,
  type Span,
  type SpanContext,
  type SpanStatus,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";

export interface RecordedSpan {
  readonly name: string;
  readonly ids: SpanContext;
  readonly parent: SpanContext | undefined;
  readonly attributes: Attributes;
  readonly links: Link[];
  status: SpanStatus;
  ended: number;
}

/**
 * Registers itself as what makes spans.
 *
 * @param isSampled whether a trace that begins is recorded
 * @returns all spans that were begun, in order
 */
export function recordSpans(isSampled: () => boolean = () => true): RecordedSpan[] {
  const spans: RecordedSpan[] = [];
  const tracer: Pick<Tracer, "startSpan"> = {
    startSpan(name, options = {}, parentContext = context.active()) {
      const parent = options.root ? undefined : trace.getSpanContext(parentContext);
      const id = (spans.length + 1).toString(16);
      const recorded: RecordedSpan = {
        name,
        ids: {
          traceId: parent?.traceId ?? id.padStart(32, "f"),
          spanId: id.padStart(16, "0"),
          traceFlags: parent?.traceFlags ?? Number(isSampled()),
        },
        parent,
        attributes: { ...options.attributes },
        links: [...options.links ?? []],
        status: { code: SpanStatusCode.UNSET },
        ended: 0,
      };
      spans.push(recorded);
      return spanOf(recorded);
    },
  };
  trace.setGlobalTracerProvider({ getTracer: () => tracer as Tracer });
  context.setGlobalContextManager(Deno.telemetry.contextManager as unknown as ContextManager);
  return spans;
}

function spanOf(recorded: RecordedSpan): Span {
  const span: Partial<Span> = {
    spanContext: () => recorded.ids,
    addLink: (link) => (recorded.links.push(link), span as Span),
    setAttribute(name, value) {
      recorded.attributes[name] = value;
      return span as Span;
    },
    setStatus: (status) => (recorded.status = status, span as Span),
    end: () => void recorded.ended++,
  };
  return span as Span;
}
