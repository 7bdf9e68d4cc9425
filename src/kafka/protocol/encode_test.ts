import { assertEquals } from "@std/assert";
import fc from "fast-check";
import Decoder from "kafkajs/src/protocol/decoder.js";
import crc32c from "kafkajs/src/protocol/recordBatch/crc32C/index.js";
import decodeBatch from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import { encodeRecordBatch } from "./encode.ts";

interface Decoded {
  records: {
    offset: string;
    timestamp: string;
    key: Uint8Array | null;
    value: Uint8Array | null;
    headers: Record<string, Uint8Array | Uint8Array[]>;
  }[];
}

/** Decodes with kafkajs's own decoder, which the fast path leaves as it is. */
function decodeWithKafkajs(batch: Buffer): Promise<Decoded> {
  return decodeBatch(new Decoder(batch));
}

const plain = (value: Uint8Array | null) => value && Array.from(value);

Deno.test("encodeRecordBatch: kafkajs's decoder reads back what was written", async () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 300 }));
  // kafkajs's decoder takes what every object inherits ("toString") for a header it has read already.
  const headerName = fc.string({ minLength: 1, maxLength: 9 }).filter((name) => !(name in {}));
  const record = fc.record({
    key: bytes,
    value: bytes,
    timestampDelta: fc.oneof(fc.nat(1_000), fc.nat(2 ** 40)),
    headers: fc.dictionary(headerName, fc.string({ maxLength: 9 }), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  });
  const batch = fc.array(record, { minLength: 1, maxLength: 30 });
  await fc.assert(fc.asyncProperty(batch, fc.boolean(), async (records, transactional) => {
    const firstTimestamp = 1_700_000_000_000;
    const encoded = encodeRecordBatch({
      records,
      firstTimestamp,
      maxTimestamp: firstTimestamp,
      producerId: 123_456_789_012n,
      producerEpoch: 3,
      firstSequence: 17,
      transactional,
    });
    assertEquals(encoded.readUInt32BE(17), crc32c(encoded.subarray(21)));
    const decoded = await decodeWithKafkajs(encoded);
    assertEquals(
      decoded.records.map((r) => ({
        offset: r.offset,
        timestamp: Number(r.timestamp),
        key: plain(r.key),
        value: plain(r.value),
        headers: Object.entries(r.headers).map(([name, value]) => [name, String(value)]).toSorted(),
      })),
      records.map((r, i) => ({
        offset: String(i),
        timestamp: firstTimestamp + r.timestampDelta,
        key: plain(r.key),
        value: plain(r.value),
        headers: Object.entries(r.headers).toSorted(),
      })),
    );
  }));
});
