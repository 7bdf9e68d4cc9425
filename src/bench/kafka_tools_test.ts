import { assertEquals, assertThrows } from "@std/assert";
import { consumerRate, copierRate, producerRate } from "./kafka_tools.ts";

Deno.test("producerRate: the last line is the sum", () => {
  const printed = `200000 records sent, 100000.0 records/sec (33.4 MB/sec), 1.0 ms avg latency.
500000 records sent, 155763.2 records/sec (51.99 MB/sec), 12.3 ms avg latency, 300.00 ms max latency.
`;
  assertEquals(producerRate(printed), 155_763.2);
});

Deno.test("consumerRate: the sixth column of the last line", () => {
  const printed =
    "2026-01-01 10:00:00:000, 2026-01-01 10:00:02:000, 166.9, 83.4, 500000, 250000.0, 300, 1700, 98.2, 294117.6\n";
  assertEquals(consumerRate(printed), 250_000);
});

Deno.test("copierRate: the most messages that it reported, over the time it took", () => {
  const printed = `{"consumed":10000,"remaining":20000}
{"consumed":30000,"remaining":0}
`;
  assertEquals(copierRate(printed, 2_000), 15_000);
});

Deno.test("a tool that printed something else is an error that quotes it", () => {
  for (const parse of [producerRate, consumerRate, (text: string) => copierRate(text, 1)]) {
    assertThrows(() => parse("no brokers"), Error, "printed no figure:\nno brokers");
  }
});
