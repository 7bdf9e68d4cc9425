/** Where a trace begins: an order that is placed. See tracing.ts. */
import type { Span } from "@opentelemetry/api";
import { endWithError, messaging, tracer } from "./conventions.ts";
import { formatTraceparent, isSampled } from "./traceparent.ts";
import type { OrderTraces } from "./tracing.ts";

export function createOrderTraces(
  { clientId, topicName }: { clientId: string; topicName: string },
): OrderTraces {
  /** By their `traceparent`, orders that are not acknowledged yet. */
  const open = new Map<string, Span>();
  return {
    begin(orderId) {
      const { name, ...options } = messaging("send", topicName, { clientId }, {
        "kafka.message.key": orderId,
      });
      const span = tracer.startSpan(name, { ...options, root: true });
      if (!isSampled(span.spanContext())) return undefined;
      const traceparent = formatTraceparent(span.spanContext());
      open.set(traceparent, span);
      return traceparent;
    },
    acknowledged(records) {
      for (const { headers } of records) {
        const traceparent = headers?.traceparent;
        const span = traceparent === undefined ? undefined : open.get(traceparent);
        if (!span) continue;
        span.end();
        open.delete(traceparent!);
      }
    },
    close() {
      for (const span of open.values()) {
        endWithError(span, "NO_ANSWER", "not acknowledged; it may have arrived");
      }
      open.clear();
    },
  };
}
