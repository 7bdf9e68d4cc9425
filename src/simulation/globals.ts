/** Timers, clocks and random numbers of JavaScript, Deno and Node on virtual time. */
import process from "node:process";
import { SimulatedEvent, type SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";

/** What the globals need of virtual time. */
interface Time {
  readonly now: number;
  readonly epochMs: number;
  readonly random: Random;
  current(): SimulatedProcess | undefined;
  schedule(event: SimulatedEvent, afterMs: number): void;
  cancel(event: SimulatedEvent): void;
}

const MAX_DELAY_MS = 2 ** 31 - 1;

/** @returns puts the old ones back */
export function replaceGlobals(time: Time): () => void {
  const restores: (() => void)[] = [];
  const replace = (target: object, replacements: Record<string, unknown>) => {
    for (const [key, value] of Object.entries(replacements)) {
      const old = Object.getOwnPropertyDescriptor(target, key);
      Object.defineProperty(target, key, { value, configurable: true, writable: true });
      restores.push(() => {
        if (old) Object.defineProperty(target, key, old);
        else Reflect.deleteProperty(target, key);
      });
    }
  };
  replace(globalThis, { ...timersOf(time), Date: dateOf(time) });
  replace(performance, { now: () => time.now });
  // The timers of prom-client measure with it.
  replace(process, { hrtime: hrtimeOf(time) });
  replace(Math, { random: () => time.random.next() });
  replace(crypto, {
    getRandomValues: (array: ArrayBufferView) => fill(array, time),
    randomUUID: () => uuid(time),
  });
  replace(AbortSignal, { timeout });
  replace(AbortController.prototype, { abort });
  return () => restores.forEach((restore) => restore());
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

function timersOf(time: Time) {
  const start = (callback: Callback, delayMs: number, args: unknown[]) => {
    const call = args.length === 0 ? callback : () => callback(...args);
    return new Timer(time, call, delayMs).refresh();
  };
  const clear = (timer: unknown) => {
    if (timer instanceof Timer) timer.close();
  };
  return {
    setTimeout: (callback: Callback, ms?: number, ...args: unknown[]) =>
      start(callback, delayOf(ms), args),
    setInterval: (callback: Callback, ms?: number, ...args: unknown[]) => {
      const tick = () => {
        callback(...args);
        timer.refresh();
      };
      const timer = new Timer(time, tick, delayOf(ms));
      return timer.refresh();
    },
    setImmediate: (callback: Callback, ...args: unknown[]) => start(callback, 0, args),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
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

function abort(this: AbortController, reason: unknown = ABORTED): void {
  abortWith.call(this, reason);
}

function timeout(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(TIMED_OUT), ms);
  return controller.signal;
}

function dateOf(time: Time): DateConstructor {
  const RealDate = Date;
  function VirtualDate(...args: unknown[]) {
    if (!new.target) return new RealDate(time.epochMs).toString();
    return Reflect.construct(RealDate, args.length === 0 ? [time.epochMs] : args, new.target);
  }
  // So that a date is an instance of either, whichever made it.
  VirtualDate.prototype = RealDate.prototype;
  const { UTC, parse } = RealDate;
  return Object.assign(VirtualDate as unknown as DateConstructor, {
    now: () => time.epochMs,
    UTC,
    parse,
  });
}

function hrtimeOf(time: Time) {
  const bigint = () => BigInt(Math.round(time.now * 1e6));
  const hrtime = (since: readonly [number, number] = [0, 0]) => {
    const ns = Math.round(time.now * 1e6) - since[0] * 1e9 - since[1];
    return [Math.floor(ns / 1e9), ns - Math.floor(ns / 1e9) * 1e9];
  };
  return Object.assign(hrtime, { bigint });
}

function fill<T extends ArrayBufferView>(array: T, { random }: Time): T {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.int(256);
  return array;
}

function uuid(time: Time): string {
  const bytes = fill(new Uint8Array(16), time);
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = bytes.toHex();
  const parts = [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]] as const;
  return parts.map(([from, to]) => hex.slice(from, to)).join("-");
}
