/**
 * Which orders of a run that was cut off are in the log after all: those that were on their way.
 *
 * An order that arrives after they were read (its simulator was killed, its batch still in a broker's
 * queue) will be there twice, as after any batch that is sent again; the validator sorts that out.
 */
import type { KafkaAccess } from "../../kafka/access.ts";
import type { KafkaClient } from "../../kafka/client/client.ts";
import { LogFollower } from "../../kafka/readers/log_follower.ts";
import { sequenceOf } from "./make_order.ts";

interface Unknown {
  readonly runId: string;
  /** Sequence numbers from `from` to, exclusively, `end`. */
  readonly from: number;
  readonly end: number;
  /** They were sent at this time or later, epoch milliseconds. */
  readonly sinceMs: number;
}

/** The sender's clock may have been set back meanwhile. */
const CLOCK_SLACK_MS = 10_000;

/**
 * Waits for the cluster, and reads the orders from `sinceMs` on.
 *
 * @param cluster with the name on the cluster of orders.raw
 * @param onWait told why it waits, once for each change of it, and what cannot be read
 * @returns the sequence numbers that are there; undefined when `signal` aborted before that was known
 */
export async function findArrived(
  { topic, ...cluster }: {
    access: KafkaAccess;
    kafka: KafkaClient;
    topic: string;
  },
  { runId, from, end, sinceMs }: Unknown,
  { signal, onWait }: { signal: AbortSignal; onWait: (reason: string) => void },
): Promise<Set<number> | undefined> {
  const arrived = new Set<number>();
  const follower = new LogFollower({
    ...cluster,
    topics: [topic],
    sinceEpochMs: sinceMs - CLOCK_SLACK_MS,
    onBatch({ records }) {
      for (const { key, value } of records) {
        const sequence = sequenceOf(runId, orderOf(key, value)) ?? -1;
        if (sequence >= from && sequence < end) arrived.add(sequence);
      }
    },
    onLoss(line, { why }) {
      // What was found went with the topic.
      if (why === "recreated") arrived.clear();
      // As if they had not arrived: the validator sorts out what is there twice.
      onWait(`${line}; orders in it are sent again`);
    },
    onState: (notReady) => notReady && onWait(`looking for orders in ${topic}: ${notReady}`),
  });
  await follower.readToEnd(signal);
  return signal.aborted ? undefined : arrived;
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
