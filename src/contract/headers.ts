/** The headers of messages, as JSON Schema: those that orderflow writes. Others may be beside them. */
import { CLOUD_EVENT_HEADERS } from "../events/cloud_events.ts";
import { DEAD_LETTER_REASONS } from "../events/reasons.ts";
import { DEAD_LETTER_HEADERS, REPLAYED_FROM, RESOLUTION_HEADERS } from "../kafka/dead_letters.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

const text = (description: string): JsonObject => ({ type: "string", description });
const number = (description: string): JsonObject => ({
  type: "string",
  pattern: "^\\d+$",
  description,
});

function headers(
  { always, sometimes }: { always?: JsonObject; sometimes?: JsonObject },
): JsonObject {
  return {
    type: "object",
    ...always && { required: Object.keys(always) },
    properties: { ...always, ...sometimes },
  };
}

const { specVersion, id, source, type, time, subject, contentType } = CLOUD_EVENT_HEADERS;

export const EVENT_HEADERS = headers({
  sometimes: {
    traceparent: text("W3C trace context of the order, if its first message had one."),
    [REPLAYED_FROM]: text(
      "On a replay: the dead letter that it comes from, such as `dlq.validator 0@12`. It is for that " +
        "service; the topic's other readers step over it.",
    ),
    [specVersion]: { type: "string", const: "1.0", description: "CloudEvents: CLOUD_EVENTS=true." },
    [id]: text("CloudEvents: the eventId."),
    [source]: text("CloudEvents: the service that wrote the event, `/orderflow/<consumer group>`."),
    [type]: {
      type: "string",
      pattern: "^orderflow\\.\\w+\\.v\\d+$",
      description: "CloudEvents: the event and its version.",
    },
    [time]: text("CloudEvents: occurredAt."),
    [subject]: text("CloudEvents: the orderId."),
    [contentType]: { type: "string", const: "application/json", description: "CloudEvents." },
  },
});

const dead = DEAD_LETTER_HEADERS;

/** Beside the headers of the message that failed. */
export const HEADERS_OF_DEAD_LETTERS = headers({
  always: {
    [dead.topic]: text("The topic that the message was read from."),
    [dead.partition]: number("Its partition there."),
    [dead.offset]: number("Its offset there."),
    [dead.group]: text("The consumer group that could not process it."),
    [dead.reason]: {
      type: "string",
      "x-extensible-enum": DEAD_LETTER_REASONS,
      description: "Why, for programs: expect further words.",
    },
    [dead.detail]: text("Why, for people."),
    [dead.attempts]: number("How often it was tried."),
    [dead.time]: text("When it was given up, ISO 8601."),
  },
  sometimes: {
    [dead.cut]: text("What was too large to keep: value, key, headers, with commas between them."),
    [dead.valueBytes]: number("Of a value that was cut, and of an unreadable batch: its size."),
    [dead.valueSha256]: {
      type: "string",
      pattern: "^[0-9a-f]{64}$",
      description: "The SHA-256 of all of it.",
    },
    [dead.nextOffset]: number("Of an unreadable batch: the offset behind its last."),
  },
});

const resolved = RESOLUTION_HEADERS;

export const HEADERS_OF_RESOLUTIONS = headers({
  always: {
    [resolved.resolution]: {
      type: "string",
      "x-extensible-enum": ["replayed", "discarded"],
      description: "What somebody did with the dead letter.",
    },
    [resolved.partition]: number("The dead letter's partition in this topic."),
    [resolved.offset]: number("Its offset in this topic."),
    [resolved.time]: text("When, ISO 8601."),
  },
});
