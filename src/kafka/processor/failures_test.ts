import { assertEquals } from "@std/assert";
import { RetryableError } from "../../runtime/errors.ts";
import { PartitionFailures } from "./failures.ts";
import { PausedPartition } from "./assignment.ts";
import { errorOf, ERRORS, ProducerError } from "../client/error_codes.ts";

const denied = new Error("Not authorized to access topics");

Deno.test("LaneFailures: what fails once or twice is no news; what goes on is told, and rests longer", () => {
  const failures = new PartitionFailures();
  const rests = Array.from({ length: 7 }, () => [failures.add("raw/1", denied), failures.why]);
  const why = "raw/1 does not get on: Not authorized to access topics";
  assertEquals(rests, [
    [100, undefined],
    [200, undefined],
    [400, undefined],
    [800, undefined],
    [1_600, why],
    [3_000, why],
    [3_000, why],
  ]);
});

Deno.test("LaneFailures: what only a person can cure is told at once", () => {
  const failures = new PartitionFailures();
  const error = errorOf(ERRORS.TOPIC_AUTHORIZATION_FAILED.code, "writing to orders.outcomes/1");
  assertEquals(failures.add("raw/1", error), 3_000);
  assertEquals(
    failures.why,
    "raw/1 does not get on: writing to orders.outcomes/1: TOPIC_AUTHORIZATION_FAILED (no right to " +
      "write to the topic)",
  );
});

Deno.test("LaneFailures: what was repeated until its time was over is told at once", () => {
  const failures = new PartitionFailures();
  const error = new ProducerError(
    "DELIVERY_TIMEOUT",
    "fence",
    "not done within 10000 ms",
  );
  assertEquals(failures.add("raw/1", error), 100);
  assertEquals(failures.why, "raw/1 does not get on: not done within 10000 ms");
});

Deno.test("LaneFailures: a lane that works does not hide one that does not", () => {
  const failures = new PartitionFailures();
  for (let i = 0; i < 5; i++) failures.add("raw/1", denied);
  failures.add("raw/2", denied);
  failures.clear("raw/2");
  assertEquals(failures.why, "raw/1 does not get on: Not authorized to access topics");
  failures.clear("raw/1");
  assertEquals(failures.why, undefined);
  assertEquals(failures.add("raw/1", denied), 100, "counted anew");
});

Deno.test("LaneFailures: a handler that stays unavailable is told at once", () => {
  const failures = new PartitionFailures();
  assertEquals(failures.add("raw/1", new RetryableError("the database is away")), 3_000);
  assertEquals(failures.why, "the database is away");
});

Deno.test("LaneFailures: one that rests says why at once, until it is taken over", () => {
  const failures = new PartitionFailures();
  const restMs = failures.add("orders.raw/3", new PausedPartition("orders.raw/3 is not worked on"));
  assertEquals([failures.why, restMs], ["orders.raw/3 is not worked on", 3_000]);
  failures.taken("orders.raw/3");
  assertEquals(failures.why, undefined);
});

Deno.test("LaneFailures: a takeover ends the failures of takeovers, not those of batches", () => {
  const failures = new PartitionFailures();
  const failure = new ProducerError("NO_ANSWER", "fence", "no answer");
  const fail = (during: "batch" | "takeover") => {
    for (let count = 0; count <= 4; count++) failures.add("orders.raw/3", failure, during);
    assertEquals(failures.why, "orders.raw/3 does not get on: no answer");
    failures.taken("orders.raw/3");
    return failures.why === undefined;
  };
  assertEquals([fail("takeover"), fail("batch")], [true, false]);
});
