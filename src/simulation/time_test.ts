import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import process from "node:process";
import { setImmediate as setRealImmediate } from "node:timers";
import { Random } from "./random.ts";
import { type Cancel, type SimulatedProcess, VirtualTime } from "./time.ts";

/** A trace, with the time of each line, and a process to write it. */
interface Scene {
  readonly time: VirtualTime;
  readonly process: SimulatedProcess;
  readonly note: (what: string) => void;
}

/** Runs what `prepare` sets up for a second, and returns what it noted. */
async function traceOf(
  prepare: (scene: Scene) => void | Promise<void>,
  seed = 1,
): Promise<string[]> {
  const trace: string[] = [];
  const time = new VirtualTime(new Random(seed));
  await time.install(async () => {
    const note = (what: string) => void trace.push(`${time.now} ${what}`);
    await prepare({ time, process: time.process("replica"), note });
    await time.runUntil(() => false, 1_000);
  });
  return trace;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test("VirtualTime: the same seed gives the same trace, another one another", async () => {
  const prepare = ({ time, note }: Scene) => {
    for (const name of ["a", "a", "b"]) {
      time.process(name).run(async () => {
        for (let i = 0; i < 20; i++) {
          await pause(Math.random() * 30);
          note(`${name} ${crypto.randomUUID()} ${new Date().toISOString()}`);
        }
      });
    }
  };
  const trace = await traceOf(prepare);
  assertEquals(trace.length, 60);
  assertEquals(await traceOf(prepare), trace);
  assertNotEquals(await traceOf(prepare, 2), trace);
});

Deno.test("VirtualTime: events happen in order of time, those of one moment as they were added", async () => {
  const trace = await traceOf(({ time, process, note }) => {
    time.at(5, () => note("first of 5"));
    process.run(() => setTimeout(() => note("second of 5"), 5));
    time.at(4, () => {
      note("4");
      time.deliver(process, 0, () => note("later"));
    });
    time.deliver(process, 5, () => note("third of 5"));
    time.at(4, () => note("soon"));
  });
  assertEquals(trace, [
    "4 4",
    "4 soon",
    "4 later",
    "5 first of 5",
    "5 second of 5",
    "5 third of 5",
  ]);
});

Deno.test("VirtualTime: events that are called off do not happen, and the others keep their order", async () => {
  const random = new Random(1);
  const happened: number[][] = [];
  const kept = new Map<Cancel, number[]>();
  await traceOf(({ time }) => {
    for (let order = 0; order < 1_000; order++) {
      const event = [random.int(500), order];
      kept.set(time.at(event[0]!, () => happened.push(event)), event);
    }
    for (let i = 0; i < 500; i++) {
      const cancel = random.pick([...kept.keys()]);
      cancel();
      kept.delete(cancel);
    }
  });
  assertEquals(happened, [...kept.values()].sort(([a], [b]) => a! - b!));
});

Deno.test("VirtualTime.runUntil: a thousand awaits and ticks end before the next event", async () => {
  const trace = await traceOf(({ time, process: replica, note }) => {
    time.deliver(replica, 1, async () => {
      for (let i = 0; i < 1_000; i++) await undefined;
      note("awaited");
      process.nextTick(async () => {
        await undefined;
        note("tick");
      });
    });
    time.at(1, () => note("next event"));
  });
  assertEquals(trace, ["1 awaited", "1 tick", "1 next event"]);
});

Deno.test("VirtualTime.runUntil: stops after the event with which the condition holds, or at its limit", async () => {
  const time = new VirtualTime(new Random(1));
  let count = 0;
  for (const atMs of [10, 10, 20, 20.5]) time.at(atMs, () => count++);
  assertEquals([await time.runUntil(() => count === 1, 100), time.now, count], [true, 10, 1]);
  assertEquals([await time.runUntil(() => false, 10), time.now, count], [false, 20, 3]);
  assertEquals([await time.runUntil(() => true, 10), time.now, count], [true, 20, 3]);
  assertEquals([await time.runUntil(() => false, Infinity), time.now, count], [false, 20.5, 4]);
  assertEquals([await time.runUntil(() => false, 1), time.now], [false, 21.5]);
});

for (
  const [what, fail] of [
    ["an event", () => fault()],
    ["a microtask", () => queueMicrotask(fault)],
    ["the listener of a signal", () => {
      const controller = new AbortController();
      controller.signal.addEventListener("abort", fault);
      controller.abort();
    }],
    ["a promise that nobody handles", () => void Promise.reject(new Error("fault"))],
  ] as [string, () => void][]
) {
  Deno.test(`VirtualTime.runUntil: fails when ${what} does`, async () => {
    const time = new VirtualTime(new Random(1));
    await time.install(async () => {
      time.at(1, fail);
      time.at(2, () => {});
      await assertRejects(() => time.runUntil(() => false, 10), Error, "fault");
      assertEquals(time.now, 1);
      assertEquals(await time.runUntil(() => false, 10), false);
    });
  });
}

Deno.test("VirtualTime.install: fails with what nobody handled after the last event", async () => {
  const time = new VirtualTime(new Random(1));
  const work = () => Promise.resolve(void Promise.reject(new Error("fault")));
  await assertRejects(() => time.install(work), Error, "fault");
});

Deno.test("VirtualTime.runUntil: fails with what nobody handled before it", async () => {
  const time = new VirtualTime(new Random(1));
  await time.install(async () => {
    void Promise.reject(new Error("fault"));
    await new Promise((resolve) => setRealImmediate(resolve));
    await assertRejects(() => time.runUntil(() => false, 10), Error, "fault");
  });
});

Deno.test("VirtualTime.at: an event cannot happen in the past", () => {
  const time = new VirtualTime(new Random(1));
  for (const ms of [-1, NaN]) {
    assertThrows(() => time.at(ms, () => {}), RangeError, `after ${ms} ms`);
  }
});

Deno.test("SimulatedProcess: its random numbers are its own, also those of a second one of its name", async () => {
  const drawn = async (others: number) => {
    const trace = await traceOf(({ time, process, note }) => {
      for (let i = 0; i < others; i++) time.process("other").run(() => Math.random());
      note(`${process.run(() => Math.random())}`);
      note(`${time.process("replica").run(() => Math.random())}`);
    });
    return trace;
  };
  const [first, second] = await drawn(0);
  assertNotEquals(first, second);
  assertEquals(await drawn(3), [first!, second!]);
});

Deno.test("SimulatedProcess: code and timers belong to the process that started them", async () => {
  const trace = await traceOf(({ time, process, note }) => {
    const other = time.process("other");
    const who = (what: string) => note(`${what}: ${time.current()?.name}`);
    process.run(async () => {
      const answer = new Promise<void>((resolve) => time.deliver(other, 2, resolve));
      other.run(() => setTimeout(() => who("timer of the other"), 1));
      await answer;
      who("answered by the other");
      await pause(1);
      who("after its own timer");
      time.at(1, () => who("event of nobody"));
    });
    who("outside");
  });
  assertEquals(trace, [
    "0 outside: undefined",
    "1 timer of the other: other",
    "2 answered by the other: replica",
    "3 after its own timer: replica",
    "4 event of nobody: undefined",
  ]);
});

/** An interval, timers and deliveries; when they are late, a timer calls one delivery off. */
function busy({ time, process, note }: Scene): void {
  process.run(() => setInterval(() => note("tick"), 100));
  time.deliver(process, 250, () => note("delivery"));
  const cancel = time.deliver(process, 255, () => note("delivery to call off"));
  process.run(() => setTimeout(cancel, 260));
  process.run(() => setTimeout(() => note("timer"), 270));
  time.deliver(process, 450, () => note("last"));
}

Deno.test("SimulatedProcess.freeze, thaw: late timers run first and intervals once, then deliveries", async () => {
  const trace = await traceOf((scene) => {
    const { time, process, note } = scene;
    busy(scene);
    time.at(150, () => process.freeze());
    time.at(440, () => {
      note("thaw");
      process.thaw();
    });
    time.at(460, () => process.freeze());
    time.at(470, () => process.thaw());
    time.at(600, () => process.kill());
  });
  assertEquals(trace, [
    "100 tick",
    "440 thaw",
    "440 tick",
    "440 timer",
    "440 delivery",
    "450 last",
    "540 tick",
  ]);
});

for (const frozen of [false, true]) {
  Deno.test(`SimulatedProcess.kill: nothing happens to it any more${frozen ? ", even frozen" : ""}`, async () => {
    const trace = await traceOf((scene) => {
      const { time, process } = scene;
      busy(scene);
      if (frozen) time.at(150, () => process.freeze());
      time.at(280, () => {
        process.kill();
        process.thaw();
        assertEquals([process.alive, process.frozen], [false, false]);
        busy(scene);
      });
    });
    const before = ["200 tick", "250 delivery", "255 delivery to call off", "270 timer"];
    assertEquals(trace, ["100 tick", ...frozen ? [] : before]);
  });
}

Deno.test("SimulatedProcess.jump: moves the process's Date, and no other clock", async () => {
  const trace = await traceOf(({ time, process, note }) => {
    const other = time.process("other");
    const clocks = () =>
      note(`${Date.now() - Date.UTC(2030, 0, 1)} ${new Date().getFullYear()} ${performance.now()}`);
    process.run(() => setTimeout(clocks, 10));
    process.jump(-86_400_000);
    time.deliver(other, 20, clocks);
  });
  assertEquals(trace, ["10 -86399990 2029 10", "20 20 2030 20"]);
});

function fault(): never {
  throw new Error("fault");
}
