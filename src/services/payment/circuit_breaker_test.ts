import { assertEquals } from "@std/assert";
import { CircuitBreaker } from "./circuit_breaker.ts";

const OPEN_MS = 1_000;

/** Runs `test` with a clock that it sets. */
function withClock(test: (setMs: (nowMs: number) => void) => void): void {
  const { now } = performance;
  let nowMs = 1_000_000;
  try {
    performance.now = () => nowMs;
    test((ms) => nowMs = ms);
  } finally {
    performance.now = now;
  }
}

function fail(breaker: CircuitBreaker, times: number, error: unknown = "down"): void {
  for (let i = 0; i < times; i++) breaker.failed(breaker.epoch, error);
}

function succeed(breaker: CircuitBreaker, times: number): void {
  for (let i = 0; i < times; i++) breaker.succeeded(breaker.epoch);
}

function create(): { breaker: CircuitBreaker; changes: boolean[] } {
  const changes: boolean[] = [];
  return { breaker: new CircuitBreaker(OPEN_MS, (isClosed) => changes.push(isClosed)), changes };
}

Deno.test("CircuitBreaker: opens when more than half of the calls of the last seconds failed", () => {
  withClock(() => {
    const { breaker, changes } = create();
    succeed(breaker, 20);
    fail(breaker, 20);
    assertEquals([breaker.mayCall(), changes], [true, []]);
    fail(breaker, 1, "last");
    assertEquals([breaker.mayCall(), changes, breaker.failure], [false, [false], "last"]);
  });
});

Deno.test("CircuitBreaker: a few failures, or those of a while ago, do not open it", () => {
  withClock((setMs) => {
    const { breaker } = create();
    fail(breaker, 19);
    setMs(1_004_000);
    succeed(breaker, 1);
    assertEquals(breaker.mayCall(), true);
    // Those of the first window are forgotten.
    setMs(1_005_000);
    fail(breaker, 5);
    assertEquals(breaker.mayCall(), true);
    // And all of them after a long silence.
    setMs(9_000_000);
    fail(breaker, 19);
    assertEquals(breaker.mayCall(), true);
    fail(breaker, 1);
    assertEquals(breaker.mayCall(), false);
  });
});

Deno.test("CircuitBreaker: lets one caller try, and closes when that is answered", async () => {
  let waiting: Promise<void> | undefined;
  withClock((setMs) => {
    const { breaker, changes } = create();
    fail(breaker, 20);
    setMs(1_000_000 + OPEN_MS - 1);
    assertEquals([breaker.mayCall(), breaker.trial], [false, undefined]);
    setMs(1_000_000 + OPEN_MS);
    assertEquals([breaker.mayCall(), breaker.mayCall()], [true, false]);
    waiting = breaker.trial;
    succeed(breaker, 1);
    assertEquals([breaker.mayCall(), breaker.trial, changes], [true, undefined, [false, true]]);
    // What was counted before it opened is forgotten.
    fail(breaker, 19);
    assertEquals(breaker.mayCall(), true);
  });
  await waiting;
});

Deno.test("CircuitBreaker: stays open for as long again when the one that tries fails", async () => {
  let waiting: Promise<void> | undefined;
  withClock((setMs) => {
    const { breaker, changes } = create();
    fail(breaker, 20);
    setMs(1_000_000 + OPEN_MS);
    breaker.mayCall();
    waiting = breaker.trial;
    fail(breaker, 1, "still down");
    assertEquals([breaker.mayCall(), breaker.failure, changes], [false, "still down", [false]]);
    setMs(1_000_000 + 2 * OPEN_MS);
    assertEquals(breaker.mayCall(), true);
  });
  await waiting;
});

Deno.test("CircuitBreaker: results of calls from before it changed do not count", () => {
  withClock((setMs) => {
    const { breaker, changes } = create();
    const before = breaker.epoch;
    fail(breaker, 20);
    breaker.succeeded(before);
    assertEquals(breaker.mayCall(), false);
    setMs(1_000_000 + OPEN_MS);
    breaker.mayCall();
    breaker.failed(before, "late");
    breaker.succeeded(before);
    assertEquals([breaker.mayCall(), changes], [false, [false]]);
    succeed(breaker, 1);
    assertEquals(breaker.mayCall(), true);
  });
});
