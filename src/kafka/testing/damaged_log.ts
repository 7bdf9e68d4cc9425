/** Batches damaged in a broker's log, as a failing disk does it. */
import { crc32c } from "../protocol/compression.ts";

/**
 * Changes a batch in a partition's log; the broker must be stopped: then it finds nothing wrong.
 *
 * @param directory the partition's
 * @param options.segment the first offset of the segment that it is in (default: 0)
 * @param options.batch which, from the beginning of the segment; 0 is the first
 */
export async function damageLog(
  directory: string,
  { segment = 0, batch: index, damage }: {
    readonly segment?: number;
    readonly batch: number;
    readonly damage: (batch: Buffer) => void;
  },
): Promise<void> {
  const file = `${directory}/${String(segment).padStart(20, "0")}.log`;
  const bytes = Buffer.from(await Deno.readFile(file));
  let at = 0;
  for (let i = 0; i < index; i++) at += 12 + bytes.readInt32BE(at + 8);
  damage(bytes.subarray(at, at + 12 + bytes.readInt32BE(at + 8)));
  await Deno.writeFile(file, bytes);
}

/**
 * Damages a batch of the first segment so that nothing says where it ends; the broker must be stopped.
 *
 * @param batch there is another one behind it
 */
export async function damageEnd(directory: string, batch: number): Promise<void> {
  await damageLog(directory, { batch, damage: flipBit });
  // Where the next one begins would tell where it ends.
  await damageLog(directory, {
    batch: batch + 1,
    damage: (next) => void next.writeBigInt64BE(0n),
  });
}

/** Changes a bit of a batch's records, so that its checksum is wrong. */
export function flipBit(batch: Buffer): void {
  batch[100]! ^= 1;
}

/** Makes a changed batch's checksum right. */
export function withChecksum(batch: Buffer): void {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
}
