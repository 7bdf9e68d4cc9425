/**
 * Which orders of a run that was cut off are in the log after all: those that were on their way.
 *
 * An order that arrives later than this looks (its simulator was killed, its batch still in a broker's
 * queue) will be there twice, as after any batch that is sent again; the validator sorts that out.
 */
import { pause } from "../../runtime/shutdown.ts";
import { type createClient } from "../../kafka/client/client.ts";
import { isKafkaError } from "../../kafka/client/errors.ts";
import { explain } from "../../kafka/client/errors.ts";
import { openLogReader } from "../../kafka/readers/log_reader.ts";
import { type LocatedUnreadable, sentenceOf } from "../../kafka/protocol/unreadable.ts";
import { sequenceOf } from "./make_order.ts";

export interface Unknown {
  readonly runId: string;
  /** Sequence numbers from `from` to, exclusively, `end`. */
  readonly from: number;
  readonly end: number;
  /** They were sent at this time or later, epoch milliseconds. */
  readonly sinceMs: number;
}

type Kafka = ReturnType<typeof createClient>;

/** The clock of whoever sent them may have been set back meanwhile. */
const CLOCK_SLACK_MS = 10_000;
const RETRY_MS = 1_000;

/**
 * Waits for the cluster, and looks.
 *
 * @param topic the name on the cluster of orders.raw
 * @param onWait told why it waits, once for each change of it
 * @returns the sequence numbers that are there; undefined when `signal` aborted before that was known
 */
export async function findArrived(
  kafka: Kafka,
  topic: string,
  unknown: Unknown,
  { signal, onWait }: { signal: AbortSignal; onWait: (reason: string) => void },
): Promise<Set<number> | undefined> {
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      const arrived = await look(kafka, topic, unknown, onWait, signal);
      if (!signal.aborted) return arrived;
    } catch (error) {
      if (!isKafkaError(error)) throw error;
      const reason = `waiting for Kafka, to look for orders in ${topic}: ${explain(error)}`;
      if (reason !== told) onWait(told = reason);
    }
    await pause(RETRY_MS, signal);
  }
}

async function look(
  kafka: Kafka,
  topic: string,
  { runId, from, end, sinceMs }: Unknown,
  onNotice: (line: string) => void,
  signal: AbortSignal,
): Promise<Set<number>> {
  const arrived = new Set<number>();
  const offsets = await offsetsSince(kafka, topic, sinceMs - CLOCK_SLACK_MS);
  const reader = await openLogReader(kafka);
  try {
    const options = {
      from: offsets,
      // As if they had not arrived: the validator sorts out what is there twice.
      onUnreadable: (batch: LocatedUnreadable) =>
        onNotice(`${sentenceOf(batch, batch)}; orders in it are sent again`),
      signal,
    };
    for await (const records of reader.read(topic, options)) {
      for (const { key, value } of records) {
        const sequence = sequenceOf(runId, orderOf(key, value)) ?? -1;
        if (sequence >= from && sequence < end) arrived.add(sequence);
      }
    }
  } finally {
    await reader.close();
  }
  return arrived;
}

/** By partition, the offset of the first record of that time or later; the end where there is none. */
async function offsetsSince(
  kafka: Kafka,
  topic: string,
  timeMs: number,
): Promise<Map<number, number>> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, timeMs);
    return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
  } finally {
    await admin.disconnect();
  }
}

const utf8 = new TextDecoder();

/** The order that a message of the simulator names: by its key, or, where that is missing, its value. */
function orderOf(key: Uint8Array | null, value: Uint8Array | null): string {
  if (key !== null) return utf8.decode(key);
  try {
    return String(JSON.parse(utf8.decode(value!)).orderId);
  } catch {
    return "";
  }
}
