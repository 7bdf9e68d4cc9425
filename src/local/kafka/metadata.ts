/**
 * What one broker says of its cluster: the brokers that are registered and unfenced, and the leader
 * and the in-sync replicas of every partition. Asked over the wire, of exactly this broker: a client
 * library asks any broker, at its advertised address.
 */
import { LOOPBACK } from "./ports.ts";

export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** A node's id; -1: none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

export interface Metadata {
  /** Ids of the nodes that take requests. */
  readonly brokers: readonly number[];
  /** Of all topics, internal ones included. */
  readonly partitions: readonly PartitionState[];
}

/** A Metadata request, version 1, of all topics; no client id, correlation id 1. */
const REQUEST = new Uint8Array([
  ...[0, 0, 0, 14],
  ...[0, 3, 0, 1, 0, 0, 0, 1, 255, 255],
  ...[255, 255, 255, 255],
]);

const ANSWER_LIMIT_MS = 5_000;

/** Asks the broker that listens on `port` of the loopback interface. @throws it does not answer */
export async function readMetadata(port: number): Promise<Metadata> {
  using connection = await Deno.connect({ hostname: LOOPBACK, port });
  // A frozen broker accepts connections, and does not answer.
  using _limit = closedAfter(connection, ANSWER_LIMIT_MS);
  await connection.write(REQUEST);
  const size = new DataView((await readExactly(connection, 4)).buffer).getInt32(0);
  return decode(await readExactly(connection, size));
}

function closedAfter(connection: Deno.Conn, limitMs: number): Disposable {
  const timer = setTimeout(() => connection.close(), limitMs);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

async function readExactly(
  connection: Deno.Conn,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = await connection.read(bytes.subarray(filled));
    if (count === null) throw new Deno.errors.UnexpectedEof("the broker closed the connection");
    filled += count;
  }
  return bytes;
}

/** Decodes a Metadata response, version 1, from its correlation id on. */
export function decode(bytes: Uint8Array<ArrayBuffer>): Metadata {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 4;
  const skip = (length: number) => void (at += length);
  const int16 = () => view.getInt16((at += 2) - 2);
  const int32 = () => view.getInt32((at += 4) - 4);
  const text = () => {
    const length = Math.max(0, int16());
    return new TextDecoder().decode(bytes.subarray(at, at += length));
  };
  const array = <T>(item: () => T) => Array.from({ length: Math.max(0, int32()) }, item);

  const brokers = array(() => {
    const id = int32();
    text();
    skip(4);
    text();
    return id;
  });
  skip(4);
  const partitions = array(() => {
    skip(2);
    const topic = text();
    skip(1);
    return array((): PartitionState => {
      skip(2);
      return {
        topic,
        partition: int32(),
        leader: int32(),
        replicas: array(int32),
        inSync: array(int32),
      };
    });
  }).flat();
  return { brokers, partitions };
}
