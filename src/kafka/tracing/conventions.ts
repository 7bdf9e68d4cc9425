/**
 * OpenTelemetry's semantic conventions for messaging, version 1.45: names of spans, their kinds and
 * attributes. They are not stable yet, and will change.
 */
import { type Attributes, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import project from "../../../deno.json" with { type: "json" };

export const tracer = trace.getTracerProvider().getTracer("orderflow", project.version, {
  schemaUrl: "https://opentelemetry.io/schemas/1.45.0",
});

/** What is done with messages: the type by the conventions, the name as Kafka has it. */
const OPERATIONS = {
  send: { type: "send", kind: SpanKind.PRODUCER },
  process: { type: "process", kind: SpanKind.CONSUMER },
  commit: { type: "settle", kind: SpanKind.CLIENT },
} as const;

interface Client {
  readonly clientId: string;
  /** Of a consumer. */
  readonly group?: string;
}

/** The name, the kind and the attributes of a span. */
export function messaging(
  operation: keyof typeof OPERATIONS,
  topicName: string,
  { clientId, group }: Client,
  attributes: Attributes,
) {
  const { type, kind } = OPERATIONS[operation];
  return {
    name: `${operation} ${topicName}`,
    kind,
    attributes: {
      "messaging.system": "kafka",
      "messaging.operation.name": operation,
      "messaging.operation.type": type,
      "messaging.destination.name": topicName,
      "messaging.client.id": clientId,
      ...group !== undefined && { "messaging.consumer.group.name": group },
      ...attributes,
    },
  };
}

/** A whole number as an attribute: of a `number` Deno makes a double. */
export function int(value: number): number {
  return BigInt(value) as unknown as number;
}

/** Ends a span whose work has failed. */
export function endWithError(span: Span, type: string, message: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
}
