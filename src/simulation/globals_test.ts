import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import process from "node:process";
import { ConstantBackoff, handleAll, retry, timeout, TimeoutStrategy } from "cockatiel";
import { Histogram } from "prom-client";
import { Random } from "./random.ts";
import { VirtualTime } from "./time.ts";

/** Runs `work` as a process; its virtual time is over when it ends. */
async function simulate<T>(work: (time: VirtualTime) => Promise<T>): Promise<T> {
  const time = new VirtualTime(new Random(1));
  return await time.install(async () => {
    let result: { value: T } | undefined;
    time.process("replica").run(() => work(time).then((value) => result = { value }));
    assert(await time.runUntil(() => result !== undefined, 60_000));
    return result!.value;
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whose time the globals tell: `real` and `virtual`, each once where all agree. */
function times(): string[] {
  const tell = (epochMs: number) => Math.abs(epochMs - VIRTUAL_EPOCH_MS) < 1e6 ? "virtual" : "real";
  const sinceMs = [performance.now(), Number(process.hrtime.bigint()) / 1e6];
  const timer = setTimeout(() => {}, 1);
  clearTimeout(timer);
  return [
    ...new Set([
      tell(Date.now()),
      tell(new Date().getTime()),
      ...sinceMs.map((ms) => ms < 1 ? "virtual" : "real"),
      "atMs" in Object(timer) ? "virtual" : "real",
    ]),
  ];
}

const VIRTUAL_EPOCH_MS = Date.UTC(2030, 0, 1);

Deno.test("VirtualTime.install: the globals are real again, also after an error, once all code has stopped", async () => {
  const time = new VirtualTime(new Random(1));
  assertEquals(times(), ["real"]);
  let after: string[] = [];
  await assertRejects(
    () =>
      time.install(() => {
        assertEquals(times(), ["virtual"]);
        void (async () => {
          for (let i = 0; i < 100; i++) await undefined;
          after = times();
        })();
        return Promise.reject(new Error("fault"));
      }),
    Error,
    "fault",
  );
  assertEquals(after, ["virtual"]);
  assertEquals(times(), ["real"]);
  await time.install(() => Promise.resolve());
});

Deno.test("VirtualTime.install: between two, all that is replaced works as ever", async () => {
  await simulate(() => Promise.resolve());
  const fired: string[] = [];
  await new Promise<void>((resolve) => {
    const cleared = setTimeout(() => fired.push("cleared"), 1);
    clearTimeout(cleared);
    const interval = setInterval(
      (name: string) => {
        fired.push(name);
        clearInterval(interval);
        setTimeout(resolve, 2, undefined);
      },
      1,
      "interval",
    );
    setImmediate((name: string) => fired.push(name), "immediate");
  });
  assertEquals(fired, ["immediate", "interval"]);
  const signal = AbortSignal.timeout(1);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  assertEquals(signal.reason.name, "TimeoutError");
  const controller = new AbortController();
  controller.abort();
  assertEquals(controller.signal.reason.name, "AbortError");
  assert(controller.signal.reason !== await simulate(() => Promise.resolve(reasonOfAbort())));
  assert(Math.random() !== Math.random() && crypto.randomUUID() !== crypto.randomUUID());
  assert(crypto.getRandomValues(new Uint8Array(16)).some((byte) => byte !== 0));
  const [seconds] = process.hrtime(process.hrtime());
  assertEquals(seconds, 0);
});

function reasonOfAbort(): unknown {
  const controller = new AbortController();
  controller.abort();
  return controller.signal.reason;
}

Deno.test("VirtualTime.install: one schedule after another finds the same globals", async () => {
  const functions = () => [setTimeout, clearTimeout, Date, performance.now, Math.random];
  const first = await simulate(() => Promise.resolve(functions()));
  assertEquals(await simulate(() => Promise.resolve(functions())), first);
  assertEquals(functions(), first);
});

Deno.test("VirtualTime.install: refuses a second one meanwhile", async () => {
  await simulate(async () => {
    const other = new VirtualTime(new Random(1));
    await assertRejects(
      () => other.install(() => Promise.resolve()),
      Error,
      "another virtual time",
    );
  });
});

Deno.test("timers: arguments, delays, clearing, refreshing", async () => {
  const trace = await simulate(async (time) => {
    const trace: string[] = [];
    const note = (what: unknown) => void trace.push(`${time.now} ${what}`);
    setTimeout(note, 5, "with an argument");
    setTimeout(note, undefined, "at least 1 ms");
    setTimeout(note, 2 ** 31, "no more than Node can");
    setTimeout(note, 2.9, "whole ms");
    setImmediate(note, "immediate");
    setTimeout(() => clearTimeout(cleared), 6);
    const cleared = setTimeout(note, 7, "cleared");
    // deno-lint-ignore no-explicit-any
    const node = setTimeout(note, 8, "refreshed") as any;
    time.process("other").run(() => setTimeout(() => node.refresh().unref().ref(), 4));
    Deno.unrefTimer(node);
    for (const nothing of [undefined, null, 1, "x", {}]) clearTimeout(nothing as number);
    const interval = setInterval(() => {
      note("tick");
      if (time.now >= 30) clearInterval(interval);
    }, 15);
    await pause(100);
    return trace;
  });
  assertEquals(trace, [
    "0 immediate",
    "1 at least 1 ms",
    "1 no more than Node can",
    "2 whole ms",
    "5 with an argument",
    "12 refreshed",
    "15 tick",
    "30 tick",
  ]);
});

Deno.test("Date: now without arguments; everything else as ever", async () => {
  const made = new Date(0);
  await simulate(async () => {
    await pause(1_500);
    assertEquals(new Date().toISOString(), "2030-01-01T00:00:01.500Z");
    assertEquals(new Date().getTime(), Date.now());
    assertEquals(Date(), new Date().toString());
    assertEquals(new Date(2020, 1, 29, 12).getDate(), 29);
    assertEquals(new Date(Date.UTC(2020, 0)), new Date("2020-01-01"));
    assertEquals(Date.parse("2020-01-01"), Date.UTC(2020, 0));
    assert(made instanceof Date && new Date() instanceof Date);
    class Day extends Date {}
    assert(new Day() instanceof Day && new Day().getTime() === Date.now());
  });
  assertEquals(new Date(0), made);
});

Deno.test("crypto: random, and the same for the same seed", async () => {
  const draw = () =>
    simulate(() =>
      Promise.resolve([
        crypto.randomUUID(),
        crypto.randomUUID(),
        crypto.getRandomValues(new Uint32Array(2)).join(),
        Math.random(),
      ])
    );
  const drawn = await draw();
  assertMatch(
    String(drawn[0]),
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assertEquals(new Set(drawn).size, drawn.length);
  assertEquals(await draw(), drawn);
});

Deno.test("AbortSignal.timeout: aborts in virtual time, also through nested AbortSignal.any", async () => {
  const [afterMs, reason, isEarly] = await simulate(async (time) => {
    const signal = AbortSignal.any([
      new AbortController().signal,
      AbortSignal.any([AbortSignal.timeout(20_000), AbortSignal.timeout(30_000)]),
    ]);
    await pause(19_999);
    const isEarly = signal.aborted;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return [time.now, signal.reason, isEarly];
  });
  assertEquals([afterMs, reason.name, isEarly], [20_000, "TimeoutError", false]);
});

Deno.test("cockatiel: retries and time-outs take virtual time", async () => {
  const policy = retry(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(10_000) });
  const limit = timeout(5_000, TimeoutStrategy.Aggressive);
  const attempts = await simulate(async (time) => {
    const attempts: number[] = [];
    await policy.dangerouslyUnref().execute(() => {
      attempts.push(time.now);
      return limit.execute(() => new Promise(() => {}));
    }).catch((error) => attempts.push(error.constructor.name));
    return attempts;
  });
  assertEquals(attempts, [0, 15_000, 30_000, 45_000, "TaskCancelledError"] as never[]);
});

Deno.test("prom-client: a timer measures virtual time", async () => {
  const histogram = new Histogram({ name: "x_seconds", help: "x", registers: [] });
  const measured = await simulate(async (time) => {
    await pause(900);
    const end = histogram.startTimer();
    await pause(2_200);
    assertEquals(process.hrtime.bigint(), BigInt(time.now) * 1_000_000n);
    return end();
  });
  assertEquals(measured, 2.2);
});
