/** What the gate compares of an AsyncAPI document: of this checkout's as of one that was committed. Pure. */
import type { JsonSchema } from "./differences.ts";

/** A version of an event on a topic, or another kind of message. */
export interface Message {
  /** The event's type, or the message's name. */
  readonly type: string;
  /** 0 for messages that have none. */
  readonly version: number;
  readonly payload: JsonSchema;
  readonly headers: JsonSchema;
  readonly key: JsonSchema;
  readonly maxValueBytes: number | undefined;
  readonly contentType: string;
  /** The services that write it. */
  readonly writers: readonly string[];
  /** The services that read it. */
  readonly readers: readonly string[];
}

export interface Topic {
  readonly messages: readonly Message[];
  readonly partitioning: unknown;
  readonly configuration: Readonly<Record<string, unknown>>;
}

/** By the topic's name on a cluster. */
export type Contract = ReadonlyMap<string, Topic>;

// deno-lint-ignore no-explicit-any
type Node = any;

/** @throws {TypeError} a part of it is missing */
export function readContract(document: Node): Contract {
  const resolve = (node: Node): Node => {
    if (typeof node?.$ref !== "string") return node;
    const path: string[] = node.$ref.split("/").slice(1);
    return resolve(path.reduce((at, name) => at[name], document));
  };
  /** With what it refers to in its place; of a schema within itself the reference stays. */
  const schemaOf = (node: Node, within: readonly string[] = []): Node => {
    if (typeof node !== "object" || node === null) return node;
    if (typeof node.$ref === "string") {
      return within.includes(node.$ref) ? node : schemaOf(resolve(node), [...within, node.$ref]);
    }
    if (Array.isArray(node)) return node.map((each) => schemaOf(each, within));
    return Object.fromEntries(
      Object.entries(node).map(([word, value]) => [word, schemaOf(value, within)]),
    );
  };
  const operations: Node[] = Object.entries<Node>(document.operations)
    .map(([name, operation]) => ({ ...operation, service: name.split(".")[0] }));
  const topics = Object.entries<Node>(document.channels).map(([name, channel]) => {
    const messages = Object.entries<Node>(channel.messages).map(([key, node]): Message => {
      const used = operations.filter(({ messages }) =>
        messages.some(({ $ref }: Node) => $ref === `#/channels/${name}/messages/${key}`)
      );
      const message = resolve(node);
      const payload = schemaOf(message.payload ?? {});
      const servicesThat = (what: "send" | "receive") =>
        used.filter(({ action }) => action === what).map(({ service }) => service);
      const { type, version } = payload.properties ?? {};
      return {
        type: type?.const ?? key,
        version: version?.const ?? 0,
        payload,
        headers: schemaOf(message.headers ?? {}),
        key: schemaOf(message.bindings?.kafka?.key ?? {}),
        maxValueBytes: message["x-max-value-bytes"],
        contentType: message.contentType ?? document.defaultContentType,
        writers: servicesThat("send"),
        readers: servicesThat("receive"),
      };
    });
    return [channel.address ?? name, {
      messages,
      partitioning: channel["x-partitioning"],
      configuration: channel.bindings?.kafka?.topicConfiguration ?? {},
    }] as const;
  });
  return new Map(topics);
}
