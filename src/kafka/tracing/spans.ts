/** The spans of a service: see tracing.ts. */
import { type Context, context, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";
import type { TopicMessages } from "kafkajs";
import { DEAD_LETTER_HEADERS } from "../dead_letters.ts";
import type { ConsumerRecord } from "../records.ts";
import { endWithError, int, messaging, tracer } from "./conventions.ts";
import { tracedDatabase } from "./traced_database.ts";
import {
  formatTraceparent,
  isSampled,
  parseTraceparent,
  type TraceContext,
} from "./traceparent.ts";
import type { BatchTrace, TracedBatch, Tracing } from "./tracing.ts";

/** The member's name; its group, and its topic of dead letters, by their names on the cluster. */
interface Client {
  readonly clientId: string;
  readonly group: string;
  readonly deadLetters: string;
}

export function createTracing(client: Client): Tracing {
  const live = new LiveSpans();
  return {
    begin(batch, isSkipped) {
      const sampled = sampledOf(batch.messages, isSkipped);
      return sampled.length > 0 ? new ServiceBatch(client, live, batch, sampled) : undefined;
    },
    handlers: (handlers) =>
      Object.fromEntries(
        Object.entries(handlers).map(([topic, handle]) => [topic, handle && live.within(handle)]),
      ) as typeof handlers,
    database: tracedDatabase,
    within: (orderId, work) => context.with(live.byOrder.get(orderId) ?? unsampled(), work),
  };
}

/** The contexts of records that are being processed. */
class LiveSpans {
  readonly byRecord = new WeakMap<ConsumerRecord, Context>();
  readonly byOrder = new Map<string, Context>();
  /** By partition, how often the same records have failed in a row. */
  readonly failures = new Map<string, number>();

  /** A handler that works in the context of the first sampled record of a batch. */
  within<T>(handle: (batch: readonly { raw: ConsumerRecord }[]) => T): typeof handle {
    return (batch) => {
      for (const { raw } of batch) {
        const found = this.byRecord.get(raw);
        if (found) return context.with(found, handle, undefined, batch);
      }
      return handle(batch);
    };
  }
}

/** A context in which a sampler that asks for the parent makes no span; in none at all it may begin a trace. */
function unsampled(): Context {
  const [traceId, spanId] = [16, 8].map((length) =>
    crypto.getRandomValues(new Uint8Array(length)).toHex()
  );
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: traceId!,
    spanId: spanId!,
    traceFlags: 0,
    isRemote: true,
  });
}

interface SampledRecord {
  readonly record: ConsumerRecord;
  readonly parent: TraceContext;
}

const text = new TextDecoder();

function sampledOf(
  records: readonly ConsumerRecord[],
  isSkipped: (record: ConsumerRecord) => boolean,
): SampledRecord[] {
  const sampled: SampledRecord[] = [];
  for (const record of records) {
    const header = record.headers.traceparent;
    const parent = header === undefined ? undefined : parseTraceparent(header);
    if (parent && isSampled(parent) && !isSkipped(record)) sampled.push({ record, parent });
  }
  return sampled;
}

/** A record that is being processed. */
interface Processing {
  readonly offset: number;
  readonly orderId: string | undefined;
  readonly span: Span;
  readonly context: Context;
}

class ServiceBatch implements BatchTrace {
  readonly #processing: readonly Processing[];
  /** Those of them whose span has no end yet. */
  readonly #open: Set<Processing>;
  /** Of its outputs, and of their commit. */
  readonly #committing: Span[] = [];

  constructor(
    private readonly client: Client,
    private readonly live: LiveSpans,
    private readonly batch: TracedBatch,
    sampled: readonly SampledRecord[],
  ) {
    this.#processing = sampled.map((each) => this.#process(each));
    this.#open = new Set(this.#processing);
  }

  get #name(): string {
    return `${this.batch.topicName}/${this.batch.partition}`;
  }

  #process({ record, parent }: SampledRecord): Processing {
    const { topicName, partition } = this.batch;
    const orderId = record.key === null ? undefined : text.decode(record.key);
    const failures = this.live.failures.get(this.#name);
    const { name, ...options } = messaging("process", topicName, this.client, {
      "messaging.destination.partition.id": String(partition),
      "kafka.offset": int(record.offset),
      ...orderId !== undefined && { "kafka.message.key": orderId },
      ...failures !== undefined && { "orderflow.attempt": int(failures + 1) },
    });
    const sender = trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
    const span = tracer.startSpan(name, options, sender);
    const processing = {
      offset: record.offset,
      orderId,
      span,
      context: trace.setSpan(ROOT_CONTEXT, span),
    };
    this.live.byRecord.set(record, processing.context);
    if (orderId !== undefined) this.live.byOrder.set(orderId, processing.context);
    return processing;
  }

  send(outputs: readonly TopicMessages[]): void {
    if (outputs.length > 0) this.#commit();
    const byOrder = new Map(this.#processing.map((each) => [each.orderId, each]));
    for (const { topic, messages } of outputs) {
      for (const message of messages) {
        if (topic === this.client.deadLetters) this.#bury(message);
        else {
          const processing = byOrder.get(message.key?.toString());
          if (processing) this.#send(topic, message, processing);
        }
      }
    }
    for (const each of this.#open) this.#endOf(each).end();
  }

  /** One span for all: the first record's child, and linked with the others. */
  #commit(): void {
    const { topicName, partition, messages } = this.batch;
    const [first, ...others] = this.#processing;
    const { name, ...options } = messaging("commit", topicName, this.client, {
      "messaging.destination.partition.id": String(partition),
      "messaging.batch.message_count": int(messages.length),
    });
    const links = others.map(({ span }) => ({ context: span.spanContext() }));
    const commit = tracer.startSpan(name, { ...options, links }, first!.context);
    for (const { span } of others) span.addLink({ context: commit.spanContext() });
    this.#committing.push(commit);
  }

  #send(topic: string, message: Message, { context, orderId }: Processing): void {
    const { name, ...options } = messaging("send", topic, { clientId: this.client.clientId }, {
      "messaging.destination.partition.id": String(message.partition),
      "kafka.message.key": orderId!,
    });
    const span = tracer.startSpan(name, options, context);
    message.headers = { ...message.headers, traceparent: formatTraceparent(span.spanContext()) };
    this.#committing.push(span);
  }

  /** A dead letter keeps its header: a replay goes on from where the record came from. */
  #bury({ headers = {} }: Message): void {
    const offset = Number(headers[DEAD_LETTER_HEADERS.offset]);
    const dead = this.#processing.find((each) => each.offset === offset);
    if (!dead) return;
    const span = this.#endOf(dead);
    const [reason, detail] = [DEAD_LETTER_HEADERS.reason, DEAD_LETTER_HEADERS.detail]
      .map((name) => String(headers[name]));
    endWithError(span, reason!, `dead letter: ${detail}`);
  }

  end(): void {
    this.live.failures.delete(this.#name);
    for (const span of this.#committing) span.end();
  }

  fail(error: unknown): void {
    this.live.failures.set(this.#name, (this.live.failures.get(this.#name) ?? 0) + 1);
    const { type, name, message } = error as { type?: string; name?: string; message?: string };
    const failed = [...this.#open].map((each) => this.#endOf(each)).concat(this.#committing);
    for (const span of failed) endWithError(span, type ?? name ?? "_OTHER", message ?? "");
  }

  /** The record is not processed any more: its span, to be ended. */
  #endOf(processing: Processing): Span {
    const { span, orderId, context } = processing;
    this.#open.delete(processing);
    if (this.live.byOrder.get(orderId!) === context) this.live.byOrder.delete(orderId!);
    return span;
  }
}

type Message = TopicMessages["messages"][number];
