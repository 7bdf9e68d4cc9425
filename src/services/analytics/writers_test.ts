import { assert, assertEquals } from "@std/assert";
import { TOPIC_NAMES, TOPICS } from "../../topology.ts";
import { WRITER_IN_SHARED_TOPIC, writerOf } from "./writers.ts";

Deno.test("writerOf: every event has one, of its topic's writers; and every writer an event", () => {
  for (const topic of TOPIC_NAMES) {
    const { events, writers } = TOPICS[topic];
    const found = events.map((event) => writerOf(event));
    assertEquals([...new Set<string>(found)].toSorted(), [...writers].toSorted(), topic);
  }
});

Deno.test("WRITER_IN_SHARED_TOPIC: names no event whose topic has one writer", () => {
  for (const topic of TOPIC_NAMES) {
    const { events, writers } = TOPICS[topic];
    if (writers.length > 1) continue;
    for (const event of events) assert(!(event in WRITER_IN_SHARED_TOPIC), event);
  }
});
