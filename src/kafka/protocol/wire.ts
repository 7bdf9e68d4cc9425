/**
 * A request as kafkajs's connections take it, written and read with kafkajs's own encoder and decoder.
 *
 * Format: https://kafka.apache.org/protocol
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The part of kafkajs's Encoder that we use; it grows as it is written to. */
export interface Encoder {
  readonly buffer: Uint8Array;
  /** Bytes so far. */
  size(): number;
  writeInt8(value: number): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: bigint | number | string): Encoder;
  writeBoolean(value: boolean): Encoder;
  writeString(value: string | null): Encoder;
  /** The compact forms of newer versions: lengths as varints, tagged fields at the end of all. */
  writeUVarInt(value: number): Encoder;
  writeUVarIntString(value: string | null): Encoder;
}
export const NewEncoder: new () => Encoder = require(
  "kafkajs/src/protocol/encoder.js",
);

export interface Decoder {
  readBoolean(): boolean;
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readString(): string;
  readBytes(): Uint8Array | null;
  readArray<T>(read: (decoder: Decoder) => T): T[];
  readUVarIntString(): string | null;
  readUVarIntArray<T>(read: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
}
export const NewDecoder: new (payload: Uint8Array) => Decoder = require(
  "kafkajs/src/protocol/decoder.js",
);

export interface WireRequest<Answer> {
  readonly request: {
    readonly apiKey: number;
    readonly apiName: string;
    readonly apiVersion: number;
    /** What it asks, by Kafka's names: for whatever answers it in memory. */
    readonly fields: object;
    encode(): Promise<RequestBody>;
  };
  readonly response: {
    decode(payload: Uint8Array): Promise<unknown>;
    parse(decoded: unknown): Promise<Answer>;
  };
}

/** Ends the header of a flexible request, and each of its structures. */
export const NO_TAGS = 0;

/** An answer, and how many milliseconds the broker wants us to pause: kafkajs does, by this name. */
export interface Decoded<Answer> {
  readonly answer: Answer;
  readonly clientSideThrottleTime: number;
}

/** What a request says, in parts: large bytes are copied once, into the whole of it. */
export interface RequestBody {
  readonly parts: readonly Uint8Array[];
  readonly buffer: Uint8Array;
}

/**
 * @param apiKey https://kafka.apache.org/protocol#protocol_api_keys
 * @param write `insert` puts bytes behind what was written so far
 */
export function wire<Answer>(
  apiName: string,
  apiKey: number,
  apiVersion: number,
  fields: object,
  write: (encoder: Encoder, insert: (bytes: Uint8Array) => void) => void,
  read: (decoder: Decoder) => Decoded<Answer>,
): WireRequest<Answer> {
  return {
    request: {
      apiName,
      apiKey,
      apiVersion,
      fields,
      encode: () => Promise.resolve(bodyOf(write)),
    },
    response: {
      decode: (payload) => Promise.resolve(read(new NewDecoder(payload))),
      parse: (decoded) => Promise.resolve((decoded as Decoded<Answer>).answer),
    },
  };
}

function bodyOf(
  write: (encoder: Encoder, insert: (bytes: Uint8Array) => void) => void,
): RequestBody {
  const encoder = new NewEncoder();
  const inserted: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  write(encoder, (bytes) => inserted.push({ at: encoder.size(), bytes }));
  const { buffer: written } = encoder;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { at, bytes } of inserted) {
    parts.push(written.subarray(from, at), bytes);
    from = at;
  }
  parts.push(written.subarray(from));
  return {
    parts,
    get buffer() {
      return Buffer.concat(parts);
    },
  };
}
