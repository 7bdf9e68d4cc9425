import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import murmur2 from "kafkajs/src/producer/partitioners/default/murmur2.js";
import { inParts, partitionForKey } from "./partitioning.ts";

Deno.test("inParts: every message once, in order within its partition, in parts that are small enough", () => {
  const message = fc.record({ size: fc.nat(400), partition: fc.nat(2) });
  const outputs = fc.array(
    fc.record({ topic: fc.constantFrom("a", "b"), messages: fc.array(message, { maxLength: 20 }) }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(outputs, fc.integer({ min: 100, max: 900 }), (lists, max) => {
      const outputs = lists.map(({ topic, messages }, t) => ({
        topic,
        messages: messages.map(({ size, partition }, i) => (
          { key: `${t} ${i}`, partition, value: Buffer.alloc(size) }
        )),
      }));
      const parts = [...inParts(outputs, max)];
      const byPlace = (lists: typeof outputs) =>
        Map.groupBy(
          lists.flatMap(({ topic, messages }) =>
            messages.map(({ key, partition, value }) => ({ topic, key, partition, value }))
          ),
          ({ topic, partition }) => `${topic}/${partition}`,
        );
      assertEquals(byPlace(parts.flat() as typeof outputs), byPlace(outputs));
      for (const part of parts) {
        assert(part.length > 0);
        for (const messages of byPlace(part as typeof outputs).values()) {
          const bytes = messages.reduce((sum, { value }) => sum + value.length, 0);
          assert(messages.length === 1 || bytes <= max);
        }
      }
      const total = [...byPlace(outputs).values()].map((messages) =>
        messages.reduce((sum, { value }) => sum + value.length + 80, 0)
      );
      if (total.every((bytes) => bytes <= max)) assert(parts.length <= 1, "needlessly many");
    }),
  );
});

/** From the tests of Kafka's own client: keys and their murmur2. */
const MURMUR2: readonly (readonly [key: string, hash: number])[] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

Deno.test("partitionForKey: chooses as Kafka's own client does", () => {
  for (const [key, hash] of MURMUR2) {
    for (const partitions of [1, 3, 12, 1_000]) {
      assertEquals(partitionForKey(key, partitions), (hash & 0x7fff_ffff) % partitions, key);
    }
  }
});

Deno.test("partitionForKey: chooses as kafkajs does, whatever the key", () => {
  const key = fc.oneof(fc.string(), fc.string({ unit: "binary" }));
  fc.assert(fc.property(key, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (key, partitions) => {
    assertEquals(partitionForKey(key, partitions), (murmur2(key) & 0x7fff_ffff) % partitions);
  }));
});
