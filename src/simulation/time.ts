/**
 * Virtual time: what the code under test takes for its timers and clocks, and the processes that it runs
 * in. One event happens after another, each with all microtasks that follow from it.
 */
import { setImmediate } from "node:timers";
import { EventQueue } from "./event_queue.ts";
import { useTime } from "./globals.ts";
import { running, SimulatedEvent, SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";
import { runNextTicks, setAsyncContext } from "./runtime.ts";

export { SimulatedProcess };

/** Calls an event off; without effect once it happened. */
export type Cancel = () => void;

/** Events in one turn of the runtime's own loop. */
const EVENTS_PER_TURN = 512;

const UNCAUGHT = ["error", "unhandledrejection"] as const;

/** What `runUntil` waits for. */
interface Wait {
  readonly condition: () => boolean;
  readonly deadlineMs: number;
  resolve(held: boolean): void;
  reject(error: unknown): void;
}

export class VirtualTime {
  readonly #random: Random;
  readonly #startEpochMs: number;
  readonly #queue = new EventQueue<SimulatedEvent>();
  /** How many processes had each name. */
  readonly #names = new Map<string, number>();
  #now = 0;
  #wait: Wait | undefined;
  #isTurning = false;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param random for Math.random, randomUUID, getRandomValues
   * @param turnMs how long until the running process's event loop takes its next turn (setImmediate)
   */
  constructor(
    random: Random,
    startEpochMs = Date.UTC(2030, 0, 1),
    private readonly turnMs: (random: Random) => number = () => 0,
  ) {
    this.#random = random;
    this.#startEpochMs = startEpochMs;
  }

  /** Draws how long until its next turn. */
  nextTurnMs(): number {
    return this.turnMs(this.random);
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** Epoch milliseconds, by the clock of the running process. */
  get epochMs(): number {
    return Math.floor(this.#startEpochMs + this.#now + (this.current()?.aheadMs ?? 0));
  }

  /** Of the running process: what one draws changes nothing for the others. */
  get random(): Random {
    return this.current()?.random ?? this.#random;
  }

  /** A new process. It draws other random numbers than the last one of this name. */
  process(name: string): SimulatedProcess {
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    return new SimulatedProcess(name, this, this.#random.fork(`${name}#${count}`));
  }

  /** The process of the running code. */
  current(): SimulatedProcess | undefined {
    return running.getStore();
  }

  /** Adds an event of nobody: it happens outside of any process. */
  at(afterMs: number, callback: () => void): Cancel {
    return this.#add(new SimulatedEvent(undefined, callback), afterMs);
  }

  /**
   * Adds an event of `process`, which does not happen once that is killed, and late when it is frozen.
   * What others have for a process comes this way: a promise that they resolve themselves obeys neither.
   */
  deliver(process: SimulatedProcess, afterMs: number, callback: () => void): Cancel {
    return this.#add(new SimulatedEvent(process, callback), afterMs);
  }

  /**
   * Lets `event` happen `afterMs` from now, and not when it was to happen.
   *
   * @throws {RangeError} that is no time to come
   */
  schedule(event: SimulatedEvent, afterMs: number): void {
    if (!(afterMs >= 0)) throw new RangeError(`an event cannot happen after ${afterMs} ms`);
    this.#queue.delete(event);
    event.atMs = this.#now + afterMs;
    if (!event.isCancelled) this.#queue.add(event);
  }

  cancel(event: SimulatedEvent): void {
    event.isCancelled = true;
    this.#queue.delete(event);
  }

  /**
   * Runs events until `condition` holds or `limitMs` from now are over; resolves to whether it held.
   * Checks it after each event's microtasks. (Work of the runtime itself, such as I/O, is not awaited.)
   *
   * @throws what an event threw, and any other error that would have ended a real process
   */
  runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    if (this.#wait) throw new Error("runUntil: it runs already");
    return new Promise((resolve, reject) => {
      this.#wait = { condition, deadlineMs: this.#now + limitMs, resolve, reject };
      if (!this.#isTurning) setImmediate(this.#turn);
      this.#isTurning = true;
    });
  }

  /**
   * Timers, clocks and random numbers of this realm are virtual while `work` runs.
   *
   * @throws also what `runUntil` would have thrown next
   */
  async install<T>(work: () => Promise<T>): Promise<T> {
    const restore = useTime(this);
    const onUncaught = (event: ErrorEvent | PromiseRejectionEvent) => {
      event.preventDefault();
      this.#fail(event instanceof ErrorEvent ? event.error : event.reason);
    };
    for (const type of UNCAUGHT) globalThis.addEventListener(type, onUncaught);
    try {
      const result = await work();
      await microtasks();
      if (this.#failure) throw this.#failure.error;
      return result;
    } finally {
      // What is still under way must not meet the real timers.
      await microtasks();
      for (const type of UNCAUGHT) globalThis.removeEventListener(type, onUncaught);
      restore();
    }
  }

  #add(event: SimulatedEvent, afterMs: number): Cancel {
    this.schedule(event, afterMs);
    return () => this.cancel(event);
  }

  readonly #turn = () => {
    setAsyncContext(undefined);
    for (let i = 0; i < EVENTS_PER_TURN && this.#goesOn(); i++) runNextTicks();
    this.#isTurning = this.#wait !== undefined;
    if (this.#isTurning) setImmediate(this.#turn);
  };

  /** Runs the next event. @returns whether somebody waits for more */
  #goesOn(): boolean {
    if (this.#failure && this.#wait) this.#fail(this.#failure.error);
    const wait = this.#wait;
    if (!wait) return false;
    try {
      const held = wait.condition();
      if (!held && this.#runNext(wait.deadlineMs)) return true;
      this.#wait = undefined;
      wait.resolve(held);
    } catch (error) {
      this.#fail(error);
    }
    return false;
  }

  /** @returns whether there was one */
  #runNext(deadlineMs: number): boolean {
    for (;;) {
      const event = this.#queue.first;
      if (!event || event.atMs > deadlineMs) {
        if (deadlineMs < Infinity) this.#now = deadlineMs;
        return false;
      }
      this.#queue.delete(event);
      const { process, callback } = event;
      if (process && !process.takes(event)) continue;
      this.#now = event.atMs;
      if (process) process.run(callback);
      else callback();
      return true;
    }
  }

  #fail(error: unknown): void {
    const wait = this.#wait;
    this.#wait = undefined;
    this.#failure = wait ? undefined : this.#failure ?? { error };
    wait?.reject(error);
  }
}

/** Resolves after all of them. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
