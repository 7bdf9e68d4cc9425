import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import Decoder from "kafkajs/src/protocol/decoder.js";
import decodeWithKafkajs from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import { type Compression, COMPRESSIONS } from "../access.ts";
import { crc32c } from "./compression.ts";
import { decodeBatches } from "./decode.ts";
import type { DecodedRecord } from "./record.ts";
import "../patches/patches.ts";
import { encodeRecordBatch } from "./encode.ts";
import { describeUnreadable } from "./unreadable.ts";

const CODEC_AT = 22;
const COUNT_AT = 57;
const RECORDS_AT = 61;

/** A batch of `count` records that begins at `offset`. */
function batchOf(offset: number, count: number, compression: Compression = "none"): Buffer {
  const bytes = encodeRecordBatch({
    records: Array.from({ length: count }, (_, offsetDelta) => ({
      key: `k${offset + offsetDelta}`,
      value: `a value that is like its neighbours' ${offsetDelta}`,
    })),
    firstTimestamp: 1_700_000_000_000,
    maxTimestamp: 1_700_000_000_000,
    producerId: 7n,
    producerEpoch: 0,
    firstSequence: 0,
    transactional: true,
    compression,
  });
  bytes.writeBigInt64BE(BigInt(offset), 0);
  return bytes;
}

function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

/** Keys of the records, and a line for each batch that cannot be read. */
function said(records: readonly DecodedRecord[]): string[] {
  return records.map(({ key, unreadable }) =>
    unreadable
      ? describeUnreadable({ topic: "t", partition: 0 }, unreadable)
      : new TextDecoder().decode(key!)
  );
}

for (const compression of COMPRESSIONS) {
  Deno.test(`decodeBatches: ${compression}: the same as kafkajs's decoder`, async () => {
    const bytes = batchOf(5, 40, compression);
    const { records } = await decodeWithKafkajs(new Decoder(bytes)) as { records: object[] };
    const fields = (
      { key, value, offset, timestamp, headers, isControlRecord }: DecodedRecord,
    ) => ({
      ...{ offset: Number(offset), timestamp: Number(timestamp), isControlRecord },
      headers: { ...headers },
      ...{ key: String(key), value: String(value) },
    });
    assertEquals(
      decodeBatches(bytes).map(fields),
      records.map((record) => fields(record as DecodedRecord)),
    );
  });
}

Deno.test("decodeBatches: headers of one name, of inherited names, and very many", () => {
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`h${i}`, "x"]));
  const headers = { twice: ["1", "2", null], none: null, toString: "ä", ...many };
  const [record] = decodeBatches(encodeRecordBatch({
    records: [{ value: "v", headers }],
    firstTimestamp: 0,
    maxTimestamp: 0,
    producerId: 0n,
    producerEpoch: 0,
    firstSequence: 0,
    transactional: false,
  }));
  const { twice, none, toString: inherited, ...rest } = record!.headers;
  assertEquals([twice, none, inherited, Object.keys(rest).length], ["1,2,", "", "ä", 50_000]);
});

Deno.test("decodeBatches: 200,000 records that are small together", () => {
  const batch = batchOf(5, 200_000, "zstd");
  assert(batch.length < 2_000_000);
  const records = decodeBatches(batch);
  assertEquals([records.length, records.at(-1)!.offset], [200_000, 200_004]);
});

/** What can be wrong with the second of three batches, of the offsets 3 to 5, and what is said then. */
const DAMAGES: { what: string; damage: (batch: Buffer) => Buffer; says: RegExp }[] = [
  {
    what: "a changed byte",
    damage: (batch) => (batch[70]! ^= 1, batch),
    says: /^t\/0 offsets 3 to 5 cannot be read: its checksum is wrong$/,
  },
  {
    what: "another count of offsets, without a checksum",
    damage: (batch) => (batch.writeInt32BE(1_000_000, 23), batch),
    says: /^t\/0 offsets 3 to 5 cannot be read: its checksum is wrong$/,
  },
  {
    what: "another format",
    damage: (batch) => (batch.writeInt8(9, 16), batch),
    says: /^t\/0 offsets 3 to 5 cannot be read: its checksum is wrong$/,
  },
  ...[5, 6, 7].map((id) => ({
    what: `codec ${id}`,
    damage: (batch: Buffer) => withChecksum((batch[CODEC_AT]! |= id, batch)),
    says: new RegExp(`^t/0 offsets 3 to 5 cannot be read: its codec has the number ${id}, which`),
  })),
  ...[1, 2, 3, 4].map((id) => ({
    what: `${COMPRESSIONS[id]} that is none`,
    damage: (batch: Buffer) => withChecksum((batch[CODEC_AT]! |= id, batch)),
    says: new RegExp(`^t/0 offsets 3 to 5 cannot be read: its ${COMPRESSIONS[id]} data is damaged`),
  })),
  {
    what: "fewer records than it says",
    damage: (batch) => withChecksum((batch.writeInt32BE(4, COUNT_AT), batch)),
    says: /cannot be read: a record is cut off$/,
  },
  {
    what: "more records than it says",
    damage: (batch) => withChecksum((batch.writeInt32BE(2, COUNT_AT), batch)),
    says: /cannot be read: \d+ bytes are left after its 2 records$/,
  },
  {
    what: "a record of another length",
    damage: (batch) => withChecksum((batch[RECORDS_AT]! += 2, batch)),
    says: /cannot be read: a record does not have the length that it says$/,
  },
];
for (const { what, damage, says } of DAMAGES) {
  Deno.test(`decodeBatches: ${what}: it stands between its neighbours, which are read`, () => {
    const bytes = Buffer.concat([batchOf(0, 3), damage(batchOf(3, 3)), batchOf(6, 2)]);
    const lines = said(decodeBatches(bytes));
    assertEquals(lines.toSpliced(3, 1), ["k0", "k1", "k2", "k6", "k7"]);
    assertEquals(says.test(lines[3]!), true, lines[3]);
  });
}

Deno.test("decodeBatches: the end of a batch with a wrong checksum is not known, when it is the last", () => {
  const damaged = batchOf(3, 3);
  damaged[70]! ^= 1;
  const [record] = decodeBatches(damaged);
  assertEquals(record!.unreadable!.next, undefined);
  assertEquals(said([record!]), ["t/0 from offset 3 cannot be read: its checksum is wrong"]);
});

for (const length of [0, 48, 1_000_000, -5]) {
  Deno.test(`decodeBatches: the length ${length}: the bytes after it are not read as a batch`, () => {
    const damaged = batchOf(3, 3);
    damaged.writeInt32BE(length, 8);
    const bytes = Buffer.concat([damaged, batchOf(6, 2)]);
    assertEquals(said(decodeBatches(bytes)), [
      "t/0 from offset 3 cannot be read: its length is wrong",
    ]);
  });
}

Deno.test("decodeBatches: what seems to come behind a damaged batch has to be behind it", () => {
  const damaged = batchOf(3, 3);
  damaged[70]! ^= 1;
  for (const offset of [3, -1, 2 ** 40]) {
    const [record] = decodeBatches(Buffer.concat([damaged, batchOf(offset, 1)]));
    assertEquals([record!.unreadable!.next, record!.unreadable!.endless], [undefined, true]);
  }
});

Deno.test("decodeBatches: a batch that the fetch cut off is left to the next one", () => {
  const bytes = Buffer.concat([batchOf(0, 2), batchOf(2, 2).subarray(0, 90)]);
  assertEquals(said(decodeBatches(bytes)), ["k0", "k1"]);
});

Deno.test("decodeBatches: whatever is changed in a batch, its neighbours are read, and nothing throws", () => {
  fc.assert(fc.property(
    fc.constantFrom(...COMPRESSIONS),
    fc.array(fc.tuple(fc.integer({ min: RECORDS_AT, max: 200 }), fc.nat(255)), { minLength: 1 }),
    (compression, changes) => {
      const batch = batchOf(3, 30, compression);
      for (const [at, byte] of changes) batch[at % batch.length] = byte;
      // What is before the attributes says where the next one begins.
      batchOf(3, 30, compression).copy(batch, 0, 0, 17);
      const keys = said(decodeBatches(Buffer.concat([batchOf(0, 3), batch, batchOf(33, 2)])));
      assertEquals([...keys.slice(0, 3), ...keys.slice(-2)], ["k0", "k1", "k2", "k33", "k34"]);
    },
  ));
});
