/**
 * As much of Kafka's wire protocol as a proxy needs: where a frame ends, and which request it is. A
 * frame is a length of four bytes and that many bytes; an answer begins with the correlation id of its
 * request. https://kafka.apache.org/protocol
 */

export const API_KEYS = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
  DescribeGroups: 15,
  ApiVersions: 18,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
} as const;

export type ApiName = keyof typeof API_KEYS;

export interface Request {
  readonly apiKey: number;
  /** Undefined for one that API_KEYS does not name. */
  readonly apiName: ApiName | undefined;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** What comes behind the client id; in a flexible version that begins with the tagged fields. */
  readonly body: Uint8Array;
}

const LENGTH_BYTES = 4;
/** Above Kafka's own `socket.request.max.bytes`: whatever claims to be longer is not Kafka. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;
/** Length, API key, API version, correlation id. */
const CLIENT_ID_AT = 12;

const NAMES = new Map<number, ApiName>(
  Object.entries(API_KEYS).map(([name, key]) => [key, name as ApiName]),
);

/**
 * Cuts a stream into whole frames, each with its length, however the chunks fall. What is left when
 * the stream ends is dropped.
 *
 * @throws {TypeError} a length that no frame of Kafka has
 */
export async function* readFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let needed = LENGTH_BYTES;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size < needed) continue;
    const bytes = joined(parts, size);
    let from = 0;
    for (;;) {
      const rest = bytes.length - from;
      needed = rest < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + lengthAt(bytes, from);
      if (rest < needed) break;
      yield bytes.subarray(from, from + needed);
      from += needed;
    }
    size = bytes.length - from;
    parts = size > 0 ? [bytes.subarray(from)] : [];
  }
}

/** @param frame a whole request, with its length */
export function parseRequest(frame: Uint8Array): Request {
  const view = viewOf(frame);
  const apiKey = view.getInt16(4);
  const clientIdLength = view.getInt16(CLIENT_ID_AT);
  const bodyAt = CLIENT_ID_AT + 2 + Math.max(0, clientIdLength);
  return {
    apiKey,
    apiName: NAMES.get(apiKey),
    apiVersion: view.getInt16(6),
    correlationId: view.getInt32(8),
    clientId: clientIdLength < 0
      ? null
      : new TextDecoder().decode(frame.subarray(CLIENT_ID_AT + 2, bodyAt)),
    body: frame.subarray(bodyAt),
  };
}

/** @param frame a whole answer, with its length */
export function correlationIdOf(frame: Uint8Array): number {
  return viewOf(frame).getInt32(LENGTH_BYTES);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  const length = viewOf(bytes).getInt32(at);
  if (length < 0 || length > MAX_FRAME_BYTES) {
    throw new TypeError(`a frame of ${length} bytes: this is not Kafka's protocol`);
  }
  return length;
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
