import { assertEquals } from "@std/assert";
import { partitionForKey } from "./partitioner.ts";

/** From the tests of Kafka's own client: keys and their murmur2. */
const MURMUR2: readonly (readonly [key: string, hash: number])[] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

Deno.test("partitionOf: chooses as Kafka's own client does", () => {
  for (const [key, hash] of MURMUR2) {
    for (const partitions of [1, 3, 12, 1_000]) {
      assertEquals(partitionForKey(key, partitions), (hash & 0x7fff_ffff) % partitions, key);
    }
  }
});
