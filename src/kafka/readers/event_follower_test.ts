import { assertEquals } from "@std/assert";
import { encode } from "../../events/codec.ts";
import type { Logger } from "../../runtime/log.ts";
import { createEventDecoder } from "./event_follower.ts";
import { REPLAYED_FROM } from "../dead_letters.ts";
import { decodeBatches } from "../protocol/decode.ts";
import { encodeRecordBatch } from "../protocol/encode.ts";
import { placed } from "../testing/topics.ts";

function message(offset: number, value: Uint8Array | null, key: string) {
  return { offset, key: new TextEncoder().encode(key), value, headers: {} };
}

const good = placed(1);
const from = { topic: "orders.raw", partition: 3 } as const;

function recordingDecoder() {
  const lines: string[] = [];
  const clock = { nowMs: 0 };
  const log = { warn: (line: string) => lines.push(line) } as unknown as Pick<Logger, "warn">;
  return { decoder: createEventDecoder(log, undefined, () => clock.nowMs), lines, clock };
}

Deno.test("EventDecoder.decode: the events in order, without what is none", () => {
  const { decoder } = recordingDecoder();
  const events = decoder.decode(from, [
    message(1, encode(good), good.orderId),
    message(2, null, good.orderId),
    message(3, encode(placed(2)), placed(2).orderId),
    message(4, encode(good), "another-key"),
  ]);
  assertEquals(events, [good, placed(2)]);
  assertEquals(decoder.undecodable, 2);
});

Deno.test("EventDecoder.decode: without what was replayed, which it has read before", () => {
  const { decoder } = recordingDecoder();
  const events = [placed(1), placed(2), placed(3)];
  const headers: Record<string, string>[] = [{ traceparent: "00-0" }, {
    a: "b",
    [REPLAYED_FROM]: "0@1",
  }, {}];
  const batch = encodeRecordBatch({
    records: events.map((event, i) => ({
      key: event.orderId,
      value: encode(event),
      headers: headers[i]!,
    })),
    firstTimestamp: 0,
    maxTimestamp: 0,
    producerId: 7n,
    producerEpoch: 0,
    firstSequence: 0,
    transactional: false,
  });
  assertEquals(decoder.decode(from, decodeBatches(batch)), [placed(1), placed(3)]);
  const [event] = events;
  const message = { offset: 1, key: new Uint8Array(), value: encode(event!), headers: headers[1]! };
  assertEquals(decoder.decode(from, [message]), []);
  assertEquals(decoder.undecodable, 0);
});

Deno.test("EventDecoder.decode: counts all that is no event, and tells once a minute", () => {
  const { decoder, lines, clock } = recordingDecoder();
  const bad = (offset: number) => decoder.decode(from, [message(offset, null, good.orderId)]);
  const empty = "empty_value: the message has no value";
  bad(7);
  bad(8);
  clock.nowMs = 59_999;
  bad(9);
  assertEquals(lines, [
    `not an event, left out: orders.raw partition 3 offset 7: ${empty} (1 so far)`,
  ]);
  clock.nowMs = 60_000;
  bad(10);
  assertEquals(lines.slice(1), [
    `not an event, left out: orders.raw partition 3 offset 10: ${empty} (4 so far)`,
  ]);
  assertEquals(decoder.undecodable, 4);
});
