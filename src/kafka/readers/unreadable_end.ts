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
  /** A broker sends the first batch whole, however large it is, and no more than was asked for. */
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
      const record = (await fetch(from, 1))?.messages[0];
      if (!record) return undefined;
      const unreadable = unreadableOf(record);
      const { offset: first } = unreadable ?? record;
      const isOwn = unreadable && first === batch.offset;
      // Else what it says of its place is damaged: no checksum covers that.
      if (isOwn || batch.offset < first && first < stableEnd) return first;
      throw endless(topic, partition, batch);
    },
  );
  return { ...batch, topic, partition, next };
}

/**
 * The first offset behind a batch that is the last of its segment, or of the log. Which offsets a broker
 * takes for those of the batch, its damaged fields say; but from the beginning of the next segment on they
 * are not asked, and between the two it answers with that beginning.
 *
 * @param range from an offset in the batch to the end of what may be read
 * @param firstAt the first offset of the batch in which the broker finds an offset, or behind it; undefined
 *   where it finds none
 * @returns `range.to` where nothing comes behind the batch
 */
async function firstBehind(
  { from, to }: { readonly from: number; readonly to: number },
  firstAt: (offset: number) => Promise<number | undefined>,
): Promise<number> {
  let next = to;
  for (let inBatch = from, behind = to; inBatch + 1 < behind;) {
    const middle = Math.floor((inBatch + behind) / 2);
    const first = await firstAt(middle);
    if (first !== undefined && first > from) {
      next = Math.min(next, first);
      behind = Math.min(middle, first);
    } else inBatch = middle;
  }
  return next;
}

function endless(topic: string, partition: number, batch: Unreadable): UnreadableBatch {
  return new UnreadableBatch(`${describeUnreadable({ topic, partition }, batch)}; ${ENDLESS}`);
}
