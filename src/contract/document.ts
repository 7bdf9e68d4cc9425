/**
 * The AsyncAPI document of orderflow's topics, made from what the code itself works with: the topology, the
 * schemas, the names of headers, the configuration of topics, the partition of a key. Pure.
 */
import type { TSchema } from "typebox";
import project from "../../deno.json" with { type: "json" };
import { cloudEventHeaders, cloudEventSource } from "../events/cloud_events.ts";
import { MAX_VALUE_BYTES, type OrderEvent, SCHEMAS } from "../events/schemas.ts";
import { OTHER_VERSIONS, type OtherVersions, versionOf } from "../events/versions.ts";
import { partitionForKey } from "../kafka/producer/partitioning.ts";
import { topicConfigs } from "../kafka/topics.ts";
import {
  CONSUMERS,
  deadLetterTopicOf,
  DEFAULT_PARTITIONS,
  type EventType,
  Names,
  PROCESSORS,
  type Service,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
  topicsWrittenBy,
  writerOf,
} from "../topology.ts";
import { exampleOf } from "./examples.ts";
import {
  EVENT_HEADERS,
  HEADERS_OF_DEAD_LETTERS,
  HEADERS_OF_RESOLUTIONS,
  type Json,
  type JsonObject,
} from "./headers.ts";

const BINDING = { bindingVersion: "0.5.0" };

const DESCRIPTION = [
  "The topics of orderflow: an order goes from orders.raw to one outcome in orders.outcomes. On a cluster " +
  "each topic and consumer group has the prefix TOPIC_PREFIX, if there is one.",
  "A value on an order topic is one JSON object with `type` and `version`. Its key is its orderId, and all " +
  "order topics have the same number of partitions: the events of an order are in one partition number, " +
  "in order. How long they are kept is for whoever creates the topics to say.",
  "Events are written in transactions: read them with isolation.level=read_committed. With " +
  "at_least_once an event may be there twice, with the same eventId.",
  "docs/contract.md says how an event changes.",
].join("\n\n");

/** A version of an event. */
interface Version {
  readonly type: EventType;
  readonly number: number;
  readonly schema: TSchema;
  readonly isWritten: boolean;
}

function versionsOf(type: EventType, others: OtherVersions): Version[] {
  const version = (schema: TSchema, isWritten: boolean): Version => ({
    ...{ type, schema, isWritten },
    number: versionOf(schema),
  });
  return [
    version(SCHEMAS[type], true),
    ...(others[type] ?? []).map(({ schema }) => version(schema, false)),
  ].toSorted((a, b) => a.number - b.number);
}

const nameOf = ({ type, number }: Version) => `${type}.v${number}`;
const reference = (...path: string[]): JsonObject => ({ $ref: `#/${path.join("/")}` });

/** @param others the versions that are read beside those that are written */
export function asyncApi(others: OtherVersions = OTHER_VERSIONS): JsonObject {
  const versions = TOPIC_NAMES.flatMap((topic) =>
    TOPICS[topic].events.flatMap((type) => versionsOf(type, others))
  );
  return plain({
    asyncapi: "3.0.0",
    info: {
      title: "orderflow",
      version: project.version,
      description: DESCRIPTION,
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    servers: {
      kafka: {
        host: "{brokers}",
        protocol: "kafka",
        description: "KAFKA_BROKERS",
        variables: { brokers: { default: "127.0.0.1:9092" } },
      },
    },
    channels: {
      ...Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, orderTopic(topic, others)])),
      ...Object.fromEntries(
        PROCESSORS.map((service) => [deadLetterTopicOf(service), deadLetterTopic(service)]),
      ),
    },
    operations: Object.fromEntries([...services(others), ...deadLetterOperations()]),
    components: {
      messages: {
        ...Object.fromEntries(versions.map((version) => [nameOf(version), eventMessage(version)])),
        ...DEAD_LETTER_MESSAGES,
      },
      schemas: { EventHeaders: EVENT_HEADERS },
    },
  });
}

/** Without what JSON does not have: symbols and hidden properties of the schemas. */
function plain(document: object): JsonObject {
  return JSON.parse(JSON.stringify(document));
}

const EXAMPLE_KEYS = ["r1-000001", "r1-000002", "r1-000003", "ümlaut"];
/** Of every topic, whatever its number of partitions is. */
const EXAMPLE_PARTITIONS = 1_000;

/** A change of the function is seen by what it returns. */
const PARTITIONING = {
  key: "orderId",
  function: "(murmur2(key) & 0x7fffffff) % partitions, as Kafka's own clients compute it",
  [`examplesOf${EXAMPLE_PARTITIONS}`]: Object.fromEntries(
    EXAMPLE_KEYS.map((key) => [key, partitionForKey(key, EXAMPLE_PARTITIONS)]),
  ),
};

function orderTopic(topic: typeof TOPIC_NAMES[number], others: OtherVersions): JsonObject {
  const { events, writers, readers } = TOPICS[topic];
  const versions = events.flatMap((type) => versionsOf(type, others));
  return {
    address: topic,
    description: `Written by ${writers.join(", ")}; read by ${readers.join(", ")}.`,
    messages: references(versions.map(nameOf)),
    bindings: { kafka: kafkaTopic(topic) },
    "x-partitioning": PARTITIONING,
  };
}

function deadLetterTopic(service: typeof PROCESSORS[number]): JsonObject {
  const topic = deadLetterTopicOf(service);
  return {
    address: topic,
    description: `What ${service} could not process, and what people did with it by ` +
      "`deno task dlq`. Nothing in it is changed or deleted.",
    messages: references(Object.keys(DEAD_LETTER_MESSAGES)),
    bindings: { kafka: kafkaTopic(topic) },
  };
}

function references(messages: readonly string[]): JsonObject {
  return Object.fromEntries(
    messages.map((name) => [name, reference("components", "messages", name)]),
  );
}

const CONFIGS = topicConfigs(new Names(), { partitions: DEFAULT_PARTITIONS, replicationFactor: 1 });

function kafkaTopic(name: string): JsonObject {
  const { numPartitions, configEntries = [] } = CONFIGS.find(({ topic }) => topic === name)!;
  const configuration = configEntries.map(({ name, value }) => [
    name,
    // cleanup.policy is a list.
    /^-?\d+$/.test(value) ? Number(value) : value.split(","),
  ]);
  return {
    topic: name,
    partitions: numPartitions!,
    ...configuration.length > 0 && { topicConfiguration: Object.fromEntries(configuration) },
    ...BINDING,
  };
}

function eventMessage(version: Version): JsonObject {
  const { type, number, schema, isWritten } = version;
  const writer = writerOf(type);
  const example = exampleOf(schema);
  return {
    name: type,
    title: `${type}, version ${number}`,
    summary: isWritten ? `Written by ${writer}.` : "Read, and not written.",
    contentType: "application/json",
    headers: reference("components", "schemas", "EventHeaders"),
    correlationId: { location: "$message.payload#/orderId", description: "The order." },
    payload: schema as unknown as Json,
    examples: [{
      name: "order",
      headers: {
        traceparent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
        ...cloudEventHeaders(example as unknown as OrderEvent, cloudEventSource(writer)),
      },
      payload: example,
    }],
    bindings: {
      kafka: { key: { ...orderIdOf(schema), description: "The orderId." }, ...BINDING },
    },
    "x-max-value-bytes": MAX_VALUE_BYTES,
  };
}

function orderIdOf(schema: TSchema): JsonObject {
  const { orderId } = (schema as unknown as { properties: { orderId: JsonObject } }).properties;
  return orderId;
}

const DEAD_LETTER_MESSAGES: JsonObject = {
  DeadLetter: {
    name: "DeadLetter",
    summary: "A message as it was received: its key, its value and its own headers.",
    contentType: "application/octet-stream",
    headers: HEADERS_OF_DEAD_LETTERS,
    payload: { type: ["string", "null"], format: "binary", description: "At most 800 KiB of it." },
    bindings: { kafka: { key: { type: ["string", "null"], format: "binary" }, ...BINDING } },
  },
  Resolution: {
    name: "Resolution",
    summary: "Somebody replayed or discarded a dead letter; the first of them counts.",
    headers: HEADERS_OF_RESOLUTIONS,
    payload: { type: "null" },
    bindings: { kafka: { key: { type: ["string", "null"], format: "binary" }, ...BINDING } },
  },
};

type Operation = [name: string, operation: JsonObject];

function operation(
  who: string,
  action: "send" | "receive",
  { topic, messages, group }: { topic: string; messages: readonly string[]; group?: string },
): Operation {
  return [`${who}.${action}.${topic}`, {
    action,
    channel: reference("channels", topic),
    messages: messages.map((name) => reference("channels", topic, "messages", name)),
    ...group && { bindings: { kafka: { groupId: { type: "string", const: group }, ...BINDING } } },
  }];
}

/** What each service reads and writes. */
function services(others: OtherVersions): Operation[] {
  const all = new Set<Service>([...TOPIC_NAMES.flatMap((topic) => TOPICS[topic].writers)]);
  for (const consumer of CONSUMERS) all.add(consumer);
  return [...all].flatMap((service): Operation[] => [
    ...topicsReadBy(service).map((topic) =>
      operation(service, "receive", {
        topic,
        messages: TOPICS[topic].events.flatMap((type) => versionsOf(type, others)).map(nameOf),
        group: service,
      })
    ),
    ...topicsWrittenBy(service).map((topic) =>
      operation(service, "send", {
        topic,
        messages: TOPICS[topic].events.filter((type) => writerOf(type) === service)
          .flatMap((type) => versionsOf(type, others))
          .filter(({ isWritten }) => isWritten).map(nameOf),
      })
    ),
  ]);
}

/** The services' dead letters, and what a person does with them. */
function deadLetterOperations(): Operation[] {
  const both = Object.keys(DEAD_LETTER_MESSAGES);
  return PROCESSORS.flatMap((service) => {
    const topic = deadLetterTopicOf(service);
    return [
      operation(service, "send", { topic, messages: ["DeadLetter"] }),
      operation("dlq", "receive", { topic, messages: both }),
      operation("dlq", "send", { topic, messages: both }),
    ];
  });
}
