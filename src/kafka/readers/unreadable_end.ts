/**
 * Where a batch ends that cannot be read. Its own fields may be what is damaged, so only the batch behind
 * it tells. A broker answers a fetch from one segment of the log: that one may be in the next.
 */
import { withLeaders } from "../offsets/log_ends.ts";
import { AT } from "../protocol/layout.ts";
import {
  describeUnreadable,
  ENDLESS,
  type LocatedUnreadable,
  type Unreadable,
  UnreadableBatch,
  unreadableOf,
} from "../protocol/unreadable.ts";
import { type FetchCluster, fetchOnce, type PartitionData, recordsIn } from "./fetch.ts";

/** A log that was compacted may have batches without records: it takes more to see what comes next. */
const PROBE_BYTES = 64 * 1024;

/**
 * The same batch, and where it ends.
 *
 * @param topic its name on the cluster
 * @throws {UnreadableBatch} nothing in the log says where it ends
 */
export async function locate(
  cluster: FetchCluster,
  topic: string,
  partition: number,
  batch: Unreadable,
): Promise<LocatedUnreadable> {
  if (batch.next !== undefined) return { ...batch, topic, partition, next: batch.next };
  const found = batch.endless
    ? undefined
    : await unreadableAt(cluster, topic, partition, batch.offset);
  if (found?.offset === batch.offset) return found;
  throw endless(topic, partition, batch);
}

/**
 * The batch at this offset, if there is one and it cannot be read.
 *
 * @param topic its name on the cluster
 * @throws {UnreadableBatch} nothing in the log says where it ends
 */
export async function unreadableAt(
  cluster: FetchCluster,
  topic: string,
  partition: number,
  offset: number,
): Promise<LocatedUnreadable | undefined> {
  /** A broker sends the first batch whole, however large it is, and beyond it what was asked for. */
  async function fetch(from: number, bytes: number): Promise<PartitionData | undefined> {
    const limits = { bytes, partitionBytes: bytes, limitsSent: true };
    const ask = () => fetchOnce(cluster, topic, new Map([[partition, from]]), limits);
    return (await withLeaders(cluster, ask))[0];
  }

  async function fetchBatch(bytes: number) {
    const data = await fetch(offset, bytes);
    if (!data) return undefined;
    const { unreadable, records, stableEnd } = recordsIn(topic, offset, data);
    return unreadable && records.length === 0 ? { batch: unreadable, stableEnd } : undefined;
  }

  const alone = await fetchBatch(1);
  const found = alone && await fetchBatch(alone.batch.bytes.length + AT.records);
  if (!found) return undefined;
  const { batch, stableEnd } = found;
  if (batch.endless || batch.offset >= stableEnd) throw endless(topic, partition, batch);
  const next = batch.next ?? await firstBehind(
    { from: Math.max(batch.offset, offset), to: stableEnd },
    async (from) => {
      const record = (await fetch(from, PROBE_BYTES))?.messages[0];
      if (!record) return undefined;
      const unreadable = unreadableOf(record);
      const { offset: first } = unreadable ?? record;
      const isOwn = unreadable && first === batch.offset;
      // Else what it says of its place is damaged: no checksum covers that.
      return isOwn || batch.offset < first && first < stableEnd ? first : "unknown";
    },
  );
  if (next === undefined) throw endless(topic, partition, batch);
  return { ...batch, topic, partition, next };
}

/**
 * The first offset behind a batch that is the last of its segment, or of the log. Which offsets a broker
 * takes for those of the batch, its damaged fields say; but from the beginning of the next segment on they
 * are not asked, and between the two it answers with that beginning.
 *
 * @param range from an offset in the batch to the end of what may be read
 * @param firstAt the first offset of the batch in which the broker finds an offset, or behind it; undefined
 *   where it finds none; unknown where what it finds does not tell
 * @returns `range.to` where nothing comes behind the batch; undefined where what comes next does not tell
 */
async function firstBehind(
  { from, to }: { readonly from: number; readonly to: number },
  firstAt: (offset: number) => Promise<number | "unknown" | undefined>,
): Promise<number | undefined> {
  let next = to;
  let unknown = Infinity;
  for (let before = from, behind = to; before + 1 < behind;) {
    const middle = Math.floor((before + behind) / 2);
    const first = await firstAt(middle);
    if (first === "unknown") {
      behind = unknown = middle;
    } else if (first !== undefined && first > from) {
      next = Math.min(next, first);
      behind = Math.min(middle, first);
    } else before = middle;
  }
  return unknown < next ? undefined : next;
}

function endless(topic: string, partition: number, batch: Unreadable): UnreadableBatch {
  return new UnreadableBatch(`${describeUnreadable({ topic, partition }, batch)}; ${ENDLESS}`);
}
