import { assertEquals } from "@std/assert";
import { RetryableError } from "../../runtime/errors.ts";
import { PartitionFailures } from "./failures.ts";
import { PausedPartition } from "./assignment.ts";
import { errorOf, ERRORS, ProducerError } from "../client/error_codes.ts";

const denied = new Error("Not authorized to access topics");

Deno.test("PartitionFailures: what fails once or twice is no news; what goes on is told, and pauses longer", () => {
  const failures = new PartitionFailures();
  const pauses = Array.from({ length: 7 }, () => [failures.add("raw/1", denied), failures.why]);
  const why = "raw/1 is failing: Not authorized to access topics";
  assertEquals(pauses, [
    [100, undefined],
    [200, undefined],
    [400, undefined],
    [800, undefined],
    [1_600, why],
    [3_000, why],
    [3_000, why],
  ]);
});

Deno.test("PartitionFailures: what only a person can cure is told at once", () => {
  const failures = new PartitionFailures();
  const error = errorOf(ERRORS.TOPIC_AUTHORIZATION_FAILED.code, "writing to orders.outcomes/1");
  assertEquals(failures.add("raw/1", error), 3_000);
  assertEquals(
    failures.why,
    "raw/1 is failing: writing to orders.outcomes/1: TOPIC_AUTHORIZATION_FAILED (no right to " +
      "write to the topic)",
  );
});

Deno.test("PartitionFailures: what was repeated until its time was over is told at once", () => {
  const failures = new PartitionFailures();
  const error = new ProducerError(
    "DELIVERY_TIMEOUT",
    "fence",
    "not done within 10000 ms",
  );
  assertEquals(failures.add("raw/1", error), 100);
  assertEquals(failures.why, "raw/1 is failing: not done within 10000 ms");
});

Deno.test("PartitionFailures: a partition that works does not hide one that does not", () => {
  const failures = new PartitionFailures();
  for (let i = 0; i < 5; i++) failures.add("raw/1", denied);
  failures.add("raw/2", denied);
  failures.clear("raw/2");
  assertEquals(failures.why, "raw/1 is failing: Not authorized to access topics");
  failures.clear("raw/1");
  assertEquals(failures.why, undefined);
  assertEquals(failures.add("raw/1", denied), 100, "counted anew");
});

Deno.test("PartitionFailures: a handler that goes on throwing RetryableError is told at once", () => {
  const failures = new PartitionFailures();
  assertEquals(failures.add("raw/1", new RetryableError("the database is away")), 3_000);
  assertEquals(failures.why, "the database is away");
});

Deno.test("PartitionFailures: one that is paused says why at once, until it is assigned", () => {
  const failures = new PartitionFailures();
  const pauseMs = failures.add(
    "orders.raw/3",
    new PausedPartition("orders.raw/3 is not worked on"),
  );
  assertEquals([failures.why, pauseMs], ["orders.raw/3 is not worked on", 3_000]);
  failures.assigned("orders.raw/3");
  assertEquals(failures.why, undefined);
});

Deno.test("PartitionFailures: an assignment ends the failures of assignments, not those of batches", () => {
  const failures = new PartitionFailures();
  const failure = new ProducerError("NO_ANSWER", "fence", "no answer");
  const fail = (during: "batch" | "assignment") => {
    for (let count = 0; count <= 4; count++) failures.add("orders.raw/3", failure, during);
    assertEquals(failures.why, "orders.raw/3 is failing: no answer");
    failures.assigned("orders.raw/3");
    return failures.why === undefined;
  };
  assertEquals([fail("assignment"), fail("batch")], [true, false]);
});
