/** What a partition's log says. */
import type { TopicPartition } from "../../kafka/protocol/requests.ts";
import { until } from "../../runtime/until.ts";
import type { Platform } from "./platform.ts";

const LIMIT_MS = 20_000;
const EVERY_MS = 20;

/** The values that a read_committed consumer sees from `offset` on, as `OFFSET VALUE`. */
export async function committed(
  platform: Platform,
  place: TopicPartition,
  offset = 0,
): Promise<string[]> {
  const { records, aborted } = await platform.fetch(place, offset);
  const left = aborted.toSorted((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  const dropped = new Set<string>();
  const read: string[] = [];
  for (const record of records) {
    const at = Number(record.offset);
    while (left[0] && Number(left[0].firstOffset) <= at) dropped.add(left.shift()!.producerId);
    const { producerId, inTransaction } = record.batchContext;
    if (record.isControlRecord) dropped.delete(producerId);
    else if (at >= offset && !(inTransaction && dropped.has(producerId))) {
      read.push(`${at} ${textOf(record.value)}`);
    }
  }
  return read;
}

/** All that the log has, control records too, as `OFFSET VALUE`. */
export async function written(platform: Platform, place: TopicPartition): Promise<string[]> {
  const { records } = await platform.fetch(place, 0, { isolation: "uncommitted" });
  return records.map((record) =>
    `${record.offset} ${record.isControlRecord ? controlOf(record.key) : textOf(record.value)}`
  );
}

/** The markers are there: nothing holds readers up. */
export async function stable(platform: Platform, place: TopicPartition): Promise<void> {
  await until(
    `${place.topic}/${place.partition} is stable`,
    async () => {
      const { highWatermark, lastStableOffset } = await platform.fetch(place, 0, {
        isolation: "uncommitted",
      });
      return highWatermark === lastStableOffset;
    },
    LIMIT_MS,
    EVERY_MS,
  );
}

/** Where its log begins, and its high watermark, as our clients ask for it. */
export async function ends(
  { client }: Platform,
  { topic, partition }: TopicPartition,
): Promise<[number, number]> {
  const ask = async (fromBeginning: boolean) => {
    const asked = [{ topic, partitions: [{ partition }], fromBeginning }];
    const [answer] = await client.cluster.fetchTopicsOffset(asked);
    return Number(answer!.partitions[0]!.offset);
  };
  let found: [number, number] | undefined;
  // A leader that is new to it has to hear of its followers first.
  await until(
    `${topic}/${partition} has an end`,
    async () => {
      await client.leaderOf({ topic, partition });
      found = await Promise.all([ask(true), ask(false)]).catch(() => undefined);
      return found !== undefined;
    },
    LIMIT_MS,
    EVERY_MS,
  );
  return found!;
}

function textOf(bytes: Uint8Array | null): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}

function controlOf(key: Uint8Array | null): string {
  return key?.[3] === 1 ? "COMMIT" : "ABORT";
}
