/** Answers of Kafka as bytes, in the versions that kafkajs asks for, for scripted servers. */
import { Buffer } from "node:buffer";
import { LOOPBACK } from "../../local/kafka/ports.ts";
import { type Encoder, NewDecoder, NewEncoder } from "../protocol/wire.ts";
import { API_KEYS, type ApiName } from "./kafka_frames.ts";

export function encoded(write: (encoder: Encoder) => unknown): Uint8Array {
  const encoder = new NewEncoder();
  write(encoder);
  return encoder.buffer;
}

function array<T>(encoder: Encoder, items: readonly T[], write: (item: T) => unknown): void {
  encoder.writeInt32(items.length);
  for (const item of items) write(item);
}

/** ApiVersions, version 2: a broker that knows every version of `apis`, by default of all named. */
export function apiVersionsAnswer(
  apis: readonly ApiName[] = Object.keys(API_KEYS) as ApiName[],
): Uint8Array {
  return encoded((encoder) => {
    encoder.writeInt16(0);
    array(
      encoder,
      apis,
      (api) => encoder.writeInt16(API_KEYS[api]).writeInt16(0).writeInt16(20),
    );
    encoder.writeInt32(0);
  });
}

export interface ScriptedTopic {
  readonly topic: string;
  /** (default: 0) */
  readonly code?: number;
  /** Of each partition; -1: none. */
  readonly leaders: readonly number[];
}

/** Metadata, version 6. Brokers by their ids. */
export function metadataAnswer(
  brokers: Readonly<Record<number, { readonly port: number }>>,
  topics: readonly ScriptedTopic[],
): Uint8Array {
  const LEADER_NOT_AVAILABLE = 5;
  return encoded((encoder) => {
    encoder.writeInt32(0);
    array(
      encoder,
      Object.entries(brokers),
      ([id, { port }]) =>
        encoder.writeInt32(Number(id)).writeString(LOOPBACK).writeInt32(port).writeString(null),
    );
    encoder.writeString("cluster").writeInt32(1);
    array(encoder, topics, ({ topic, code = 0, leaders }) => {
      encoder.writeInt16(code).writeString(topic).writeBoolean(false);
      array(encoder, [...leaders.entries()], ([partition, leader]) => {
        encoder.writeInt16(leader < 0 ? LEADER_NOT_AVAILABLE : 0);
        encoder.writeInt32(partition).writeInt32(leader);
        for (const _of of ["replicas", "in sync", "offline"]) encoder.writeInt32(0);
      });
    });
  });
}

/** FindCoordinator, versions 1 and 2. */
export function coordinatorAnswer(
  { code = 0, nodeId = -1, port = -1 }: { code?: number; nodeId?: number; port?: number },
): Uint8Array {
  return encoded((encoder) => {
    encoder.writeInt32(0).writeInt16(code).writeString(null);
    encoder.writeInt32(nodeId).writeString(LOOPBACK).writeInt32(port);
  });
}

/** The names of the topics that a Metadata request asks for, versions 4 to 6. */
export function topicsAskedFor(body: Uint8Array): string[] {
  return new NewDecoder(Buffer.from(body)).readArray((decoder) => decoder.readString());
}
