import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import murmur2 from "kafkajs/src/producer/partitioners/default/murmur2.js";
import { inParts, partitionForKey } from "./partitioning.ts";

Deno.test("inParts: every message once, in order within its topic, in parts that are small enough", () => {
  const sizes = fc.array(fc.nat(400), { maxLength: 30 });
  fc.assert(
    fc.property(fc.tuple(sizes, sizes), fc.integer({ min: 100, max: 900 }), (lists, max) => {
      const outputs = lists.map((sizes, t) => ({
        topic: `t${t}`,
        messages: sizes.map((size, i) => ({ key: `${i}`, value: Buffer.alloc(size) })),
      }));
      const parts = [...inParts(outputs, max)];
      for (const { topic, messages } of outputs) {
        assertEquals(
          parts.flat().filter((part) => part.topic === topic).flatMap((part) => part.messages),
          messages,
        );
      }
      for (const part of parts) {
        const messages = part.flatMap((output) => output.messages);
        const bytes = messages.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
        assert(messages.length > 0);
        assert(messages.length === 1 || bytes <= max);
      }
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
