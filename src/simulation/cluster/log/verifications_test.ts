import { assertEquals } from "@std/assert";
import { batchOf } from "../testing/cluster.ts";
import { INVALID_TXN_STATE, NONE, OUT_OF_ORDER_SEQUENCE_NUMBER } from "../codes.ts";
import { PartitionLog } from "./partition_log.ts";

const PRODUCER = { producerId: 1n, producerEpoch: 0 };
const batch = (firstSequence: number) =>
  batchOf({ ...PRODUCER, firstSequence, transactional: true });

Deno.test("PartitionLog: an answer of the coordinator that is older than a marker counts no more", () => {
  const log = new PartitionLog(0).begin();
  const verification = log.verifications.begin(1, 0, 0);
  assertEquals(log.append(batch(0), verification).code, NONE);
  const stale = log.verifications.begin(1, 0, 1);
  log.appendMarker({ ...PRODUCER, coordinatorEpoch: 0, commit: false }, 0);
  assertEquals(log.append(batch(1), stale).code, INVALID_TXN_STATE);
  assertEquals(log.append(batch(1), log.verifications.begin(1, 0, 1)).code, NONE);
});

Deno.test("PartitionLog: while a batch is verified, none that comes after it is written", () => {
  const log = new PartitionLog(0).begin();
  const verification = log.verifications.begin(1, 0, 3);
  log.verifications.begin(1, 0, 4);
  assertEquals(log.append(batch(4), verification).code, OUT_OF_ORDER_SEQUENCE_NUMBER);
  assertEquals(log.append(batch(3), verification).code, NONE);
  assertEquals(log.append(batch(4)).code, NONE);
  // Of a newer epoch it begins anew.
  log.verifications.begin(2, 0, 0);
  assertEquals(log.verifications.begin(2, 1, 5).lowestSequence, 5);
});
