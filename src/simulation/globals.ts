import { SimulatedEvent } from "./event_queue.ts";
import type { VirtualTime } from "./time.ts";

const MAX_DELAY_MS = 2 ** 31 - 1;

type Callback = (...args: unknown[]) => void;

/** What setTimeout and setInterval return: an event with the methods of Node's Timeout. */
class Timer extends SimulatedEvent {
  static #count = 0;
  /** Timers that were made a number: clearTimeout takes that, too. */
  static readonly #byNumber = new Map<number, Timer>();

  constructor(
    private readonly time: VirtualTime,
    callback: Callback,
    private readonly delayMs: number,
    args?: readonly unknown[],
  ) {
    super(time.current(), callback, args);
  }

  static find(timer: unknown): Timer | undefined {
    if (timer instanceof Timer) return timer;
    return typeof timer === "object" ? undefined : Timer.#byNumber.get(Number(timer));
  }

  /** Starts it, anew if it runs. */
  refresh(): this {
    this.time.reschedule(this, this.delayMs);
    return this;
  }

  close(): void {
    this.time.cancel(this);
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.toPrimitive](): number {
    const number = ++Timer.#count;
    Timer.#byNumber.set(number, this);
    return number;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Any key of any object, as globals are. */
type Target = Record<PropertyKey, unknown>;

/** @returns puts them back */
export function replaceGlobals(time: VirtualTime): () => void {
  const restores: (() => void)[] = [];
  const replace = (target: object, key: string, value: unknown) => {
    const old = Object.getOwnPropertyDescriptor(target, key);
    Object.defineProperty(target, key, { value, configurable: true, writable: true });
    restores.push(() => {
      if (old) Object.defineProperty(target, key, old);
      else delete (target as Target)[key];
    });
  };
  for (const [key, value] of Object.entries(timersOf(time))) replace(globalThis, key, value);
  replace(globalThis, "Date", dateOf(time));
  replace(performance, "now", () => time.now);
  replace(Math, "random", () => time.random.next());
  replace(crypto, "getRandomValues", (array: ArrayBufferView) => fill(array, time));
  replace(crypto, "randomUUID", () => uuid(time));
  replace(AbortSignal, "timeout", (ms: number) => {
    const controller = new AbortController();
    const abort = () => controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
    setTimeout(abort, ms);
    return controller.signal;
  });
  return () => restores.reverse().forEach((restore) => restore());
}

function timersOf(time: VirtualTime) {
  const setTimeout = (callback: Callback, ms?: number, ...args: unknown[]) =>
    new Timer(time, callback, delayOf(ms), args).refresh();
  const setInterval = (callback: Callback, ms?: number, ...args: unknown[]) => {
    const tick = () => {
      try {
        callback(...args);
      } finally {
        timer.refresh();
      }
    };
    const timer = new Timer(time, tick, delayOf(ms));
    return timer.refresh();
  };
  const setImmediate = (callback: Callback, ...args: unknown[]) =>
    new Timer(time, callback, 0, args).refresh();
  const clear = (timer: unknown) => Timer.find(timer)?.close();
  return {
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  };
}

/** As Node and Deno do: whole milliseconds, at least one. */
function delayOf(ms: unknown): number {
  const delay = Math.trunc(Number(ms));
  return delay >= 1 && delay <= MAX_DELAY_MS ? delay : 1;
}

function dateOf(time: VirtualTime): DateConstructor {
  const RealDate = Date;
  function VirtualDate(...args: []) {
    if (!new.target) return new RealDate(time.epochMs).toString();
    return args.length === 0 ? new RealDate(time.epochMs) : new RealDate(...args);
  }
  // Dates made before are instances of it, too.
  VirtualDate.prototype = RealDate.prototype;
  VirtualDate.now = () => time.epochMs;
  VirtualDate.UTC = RealDate.UTC;
  VirtualDate.parse = RealDate.parse;
  return VirtualDate as unknown as DateConstructor;
}

function fill<T extends ArrayBufferView>(array: T, { random }: VirtualTime): T {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.int(256);
  return array;
}

function uuid(time: VirtualTime): string {
  const bytes = fill(new Uint8Array(16), time);
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = bytes.toHex();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)]
    .join("-");
}
