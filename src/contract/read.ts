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
  /** Whether any service writes it. */
  readonly isWritten: boolean;
  /** The services that read it. */
  readonly readers: readonly string[];
}

export interface Topic {
  readonly messages: readonly Message[];
  readonly partitioning: unknown;
  readonly configuration: Readonly<Record<string, unknown>>;
}

/** By topic. */
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
  const operations: Node[] = Object.entries<Node>(document.operations)
    .map(([name, operation]) => ({ ...operation, service: name.split(".")[0] }));
  const topics = Object.entries<Node>(document.channels).map(([name, channel]) => {
    const messages = Object.entries<Node>(channel.messages).map(([key, node]): Message => {
      const used = operations.filter(({ messages }) =>
        messages.some(({ $ref }: Node) => $ref === `#/channels/${name}/messages/${key}`)
      );
      const message = resolve(node);
      const payload = resolve(message.payload);
      const { type, version } = payload.properties ?? {};
      return {
        type: type?.const ?? key,
        version: version?.const ?? 0,
        payload,
        headers: resolve(message.headers),
        key: message.bindings.kafka.key,
        maxValueBytes: message["x-max-value-bytes"],
        isWritten: used.some(({ action }) => action === "send"),
        readers: used.filter(({ action }) => action === "receive").map(({ service }) => service),
      };
    });
    return [name, {
      messages,
      partitioning: channel["x-partitioning"],
      configuration: channel.bindings.kafka.topicConfiguration ?? {},
    }] as const;
  });
  return new Map(topics);
}
