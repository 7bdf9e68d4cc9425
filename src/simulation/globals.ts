/** Timers, clocks and random numbers of JavaScript, Deno and Node on virtual time. */
import process from "node:process";
import { SimulatedEvent, type SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";

/** What the globals need of virtual time. */
interface Time {
  readonly now: number;
  readonly epochMs: number;
  readonly random: Random;
  nextTurnMs(): number;
  current(): SimulatedProcess | undefined;
  schedule(event: SimulatedEvent, afterMs: number): void;
  cancel(event: SimulatedEvent): void;
}

const MAX_DELAY_MS = 2 ** 31 - 1;

/** Whose time it is; undefined: the real one. */
let time: Time | undefined;
let areReplaced = false;

/**
 * Puts this realm on `next`, until what it returns is called. The globals are replaced once, and for good,
 * by functions that are the real ones whenever no virtual time is in use: V8 throws away what it has
 * optimized when a global changes, which would cost each schedule a sixth of its time.
 *
 * @throws another virtual time is in use
 */
export function useTime(next: Time): () => void {
  if (time) throw new Error("another virtual time is installed");
  time = next;
  if (!areReplaced) replaceGlobals();
  areReplaced = true;
  return () => time = undefined;
}

function replaceGlobals(): void {
  const replace = (target: object, replacements: Record<string, unknown>) => {
    for (const [key, value] of Object.entries(replacements)) {
      Object.defineProperty(target, key, { value, configurable: true, writable: true });
    }
  };
  replace(globalThis, { ...timers(), Date: date() });
  const now = performance.now.bind(performance);
  replace(performance, { now: () => time ? time.now : now() });
  // The timers of prom-client measure with it.
  replace(process, { hrtime: hrtime() });
  const { random } = Math;
  replace(Math, { random: () => time ? time.random.next() : random() });
  const getRandomValues = crypto.getRandomValues.bind(crypto);
  const randomUUID = crypto.randomUUID.bind(crypto);
  replace(crypto, {
    getRandomValues: <T extends Uint8Array<ArrayBuffer>>(array: T) =>
      time ? fill(array, time) : getRandomValues(array),
    randomUUID: () => time ? uuid(time) : randomUUID(),
  });
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  replace(AbortSignal, { timeout: (ms: number) => time ? timeoutSignal(ms) : timeout(ms) });
  replace(AbortController.prototype, { abort });
}

type Callback = (...args: unknown[]) => void;

/** What setTimeout and setInterval return, with the methods of Node's Timeout. */
class Timer extends SimulatedEvent {
  override readonly isTimer = true;
  readonly #time: Time;
  readonly #delayMs: number;

  constructor(time: Time, callback: () => void, delayMs: number) {
    super(time.current(), callback);
    this.#time = time;
    this.#delayMs = delayMs;
  }

  /** Starts it, anew if it runs. */
  refresh(): this {
    this.#time.schedule(this, this.#delayMs);
    return this;
  }

  close(): this {
    this.#time.cancel(this);
    return this;
  }

  /** Virtual time ends when `runUntil` does, whichever timers there are. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function timers() {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } =
    globalThis;
  const start = (time: Time, callback: Callback, delayMs: number, args: unknown[]) => {
    const call = args.length === 0 ? callback : () => callback(...args);
    return new Timer(time, call, delayMs).refresh();
  };
  const clear = (real: (timer: number) => void) => (timer: unknown) => {
    if (timer instanceof Timer) timer.close();
    else if (!time) real(timer as number);
  };
  return {
    setTimeout: (callback: Callback, ms?: number, ...args: unknown[]) =>
      time ? start(time, callback, delayOf(ms), args) : setTimeout(callback, ms, ...args),
    setInterval: (callback: Callback, ms?: number, ...args: unknown[]) => {
      if (!time) return setInterval(callback, ms, ...args);
      const tick = () => {
        callback(...args);
        timer.refresh();
      };
      const timer = new Timer(time, tick, delayOf(ms));
      return timer.refresh();
    },
    setImmediate: (callback: Callback, ...args: unknown[]) =>
      time ? start(time, callback, time.nextTurnMs(), args) : setImmediate(callback, ...args),
    clearTimeout: clear(clearTimeout),
    clearInterval: clear(clearInterval),
    clearImmediate: clear(clearImmediate as unknown as typeof clearTimeout),
  };
}

/** Whole milliseconds, at least one, as in Node and Deno. */
function delayOf(ms: unknown): number {
  const delayMs = Math.trunc(Number(ms));
  return delayMs >= 1 && delayMs <= MAX_DELAY_MS ? delayMs : 1;
}

const abortWith = AbortController.prototype.abort;
/** Made once: one for each of some hundred signals took a tenth of a schedule. */
const ABORTED = new DOMException("The signal has been aborted", "AbortError");
const TIMED_OUT = new DOMException("Signal timed out.", "TimeoutError");

function abort(this: AbortController, reason?: unknown): void {
  abortWith.call(this, reason === undefined && time ? ABORTED : reason);
}

function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(TIMED_OUT), ms);
  return controller.signal;
}

function date(): DateConstructor {
  const RealDate = Date;
  const { UTC, parse } = RealDate;
  const now = () => time ? time.epochMs : RealDate.now();
  function VirtualDate(...args: unknown[]) {
    if (!new.target) return new RealDate(now()).toString();
    return Reflect.construct(RealDate, args.length === 0 ? [now()] : args, new.target);
  }
  // So that a date is an instance of either, whichever made it.
  VirtualDate.prototype = RealDate.prototype;
  return Object.assign(VirtualDate as unknown as DateConstructor, { now, UTC, parse });
}

function hrtime() {
  const { hrtime: real } = process;
  const ns = () => time ? BigInt(Math.round(time.now * 1e6)) : real.bigint();
  const hrtime = ([seconds, nanoseconds]: readonly [number, number] = [0, 0]) => {
    const passed = Number(ns() - BigInt(seconds) * 1_000_000_000n - BigInt(nanoseconds));
    return [Math.floor(passed / 1e9), passed - Math.floor(passed / 1e9) * 1e9];
  };
  return Object.assign(hrtime, { bigint: ns });
}

function fill<T extends ArrayBufferView>(array: T, { random }: Time): T {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.int(256);
  return array;
}

function uuid({ random }: Time): string {
  const word = () => random.int(2 ** 32).toString(16).padStart(8, "0");
  const [a, b, c, d] = [word(), word(), word(), word()];
  const variant = "89ab"[random.int(4)];
  return `${a}-${b.slice(4)}-4${b.slice(1, 4)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
}
