/** A control record at the end of a transaction: https://kafka.apache.org/documentation/#controlbatch */
import { Buffer } from "node:buffer";
import type { DecodedRecord } from "../../../kafka/protocol/record.ts";

export interface TransactionMarker {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The coordinator's leader epoch: one that was replaced is refused. */
  readonly coordinatorEpoch: number;
  readonly commit: boolean;
}

/** Version 0, then the type, two bytes each. */
const ABORT_KEY = Buffer.from([0, 0, 0, 0]);
const COMMIT_KEY = Buffer.from([0, 0, 0, 1]);

/** By the coordinator's epoch. */
const VALUES: Buffer[] = [];

function valueOf(coordinatorEpoch: number): Buffer {
  let value = VALUES[coordinatorEpoch];
  if (!value) {
    value = VALUES[coordinatorEpoch] = Buffer.alloc(6);
    value.writeInt32BE(coordinatorEpoch, 2);
  }
  return value;
}

export function markerRecord(
  marker: TransactionMarker,
  offset: number,
  leaderEpoch: number,
  now: number,
): DecodedRecord {
  return {
    timestamp: Math.floor(now),
    offset,
    key: marker.commit ? COMMIT_KEY : ABORT_KEY,
    value: valueOf(marker.coordinatorEpoch),
    headers: {},
    isControlRecord: true,
    batchContext: {
      producerId: String(marker.producerId),
      inTransaction: true,
      partitionLeaderEpoch: leaderEpoch,
    },
  };
}
