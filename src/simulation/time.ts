/**
 * Virtual time: timers and clocks of the code under test, and the processes that it runs in.
 * Events run one after another, each with all microtasks that follow from it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers";
import { EventQueue, SimulatedEvent } from "./event_queue.ts";
import { replaceGlobals } from "./globals.ts";
import type { Random } from "./random.ts";

/** Calls an event off; without effect once it ran. */
export type Cancel = () => void;

const running = new AsyncLocalStorage<SimulatedProcess | undefined>();

/** Events between two turns of Deno's own loop. */
const EVENTS_PER_TURN = 64;

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
  readonly #queue = new EventQueue();
  readonly #names = new Map<string, number>();
  #now = 0;
  #wait: Wait | undefined;
  #turns = 0;

  /** @param random for Math.random, randomUUID, getRandomValues */
  constructor(random: Random, startEpochMs = Date.UTC(2030, 0, 1)) {
    this.#random = random;
    this.#startEpochMs = startEpochMs;
  }

  /** Virtual milliseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** Epoch milliseconds, as the process of the running code sees them. */
  get epochMs(): number {
    return Math.floor(this.#startEpochMs + this.#now + (running.getStore()?.aheadMs ?? 0));
  }

  /** The stream of the running process, so that what one of them draws changes nothing for the others. */
  get random(): Random {
    return running.getStore()?.random ?? this.#random;
  }

  /** A new process. A second one of the same name draws other random numbers than the first. */
  process(name: string): SimulatedProcess {
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    return new SimulatedProcess(name, this.#random.fork(`${name}#${count}`), (event) => {
      this.reschedule(event, 0);
    });
  }

  /** The process of the running code. */
  current(): SimulatedProcess | undefined {
    return running.getStore();
  }

  /** An event of nobody. */
  at(afterMs: number, callback: () => void): Cancel {
    return this.#schedule(undefined, afterMs, callback);
  }

  /** An event of `process`: dropped when it is killed, late when it is frozen. */
  deliver(process: SimulatedProcess, afterMs: number, callback: () => void): Cancel {
    return this.#schedule(process, afterMs, callback);
  }

  /** Lets `event` happen after `afterMs`, instead of when it was to happen. */
  reschedule(event: SimulatedEvent, afterMs: number): void {
    this.#queue.delete(event);
    event.atMs = this.#now + afterMs;
    if (!event.isCancelled && event.process?.alive !== false) this.#queue.add(event);
  }

  cancel(event: SimulatedEvent): void {
    event.isCancelled = true;
    this.#queue.delete(event);
  }

  /**
   * Runs events until `condition` holds or `limitMs` from now are over; resolves to whether it held.
   * Checks it after each event and the microtasks that followed.
   *
   * @throws what an event threw
   */
  runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    if (this.#wait) throw new Error("runUntil: virtual time runs already");
    return new Promise((resolve, reject) => {
      this.#wait = { condition, deadlineMs: this.#now + limitMs, resolve, reject };
      if (this.#turns === 0) this.#fillTurn();
    });
  }

  /** Replaces timers, clocks and random numbers of the realm while `work` runs. */
  async install<T>(work: () => Promise<T>): Promise<T> {
    const restore = replaceGlobals(this);
    try {
      return await work();
    } finally {
      // What is still to run in this turn must not meet real timers.
      await new Promise<void>((resolve) => setImmediate(resolve));
      restore();
    }
  }

  #schedule(
    process: SimulatedProcess | undefined,
    afterMs: number,
    callback: () => void,
  ): Cancel {
    const event = new SimulatedEvent(process, callback);
    this.reschedule(event, afterMs);
    return () => this.cancel(event);
  }

  /** Deno runs all microtasks after each immediate; many at once cost less than one after another. */
  #fillTurn(): void {
    while (this.#turns < EVENTS_PER_TURN) {
      this.#turns++;
      setImmediate(this.#turn);
    }
  }

  readonly #turn = () => {
    this.#turns--;
    const wait = this.#wait;
    if (!wait) return;
    try {
      if (wait.condition()) return this.#end(wait, true);
      if (!this.#runNext(wait.deadlineMs)) return this.#end(wait, false);
    } catch (error) {
      this.#wait = undefined;
      return wait.reject(error);
    }
    if (this.#turns === 0) this.#fillTurn();
  };

  #end(wait: Wait, held: boolean): void {
    this.#wait = undefined;
    wait.resolve(held);
  }

  #runNext(deadlineMs: number): boolean {
    for (;;) {
      const event = this.#queue.first;
      if (!event || event.atMs > deadlineMs) {
        this.#now = deadlineMs;
        return false;
      }
      this.#queue.delete(event);
      const { process } = event;
      if (process && !process.takes(event)) continue;
      this.#now = event.atMs;
      running.run(process, event.callback, ...event.args);
      return true;
    }
  }
}

/** A replica of a service, say. Its code runs in a context of its own, and so do the timers that it sets. */
export class SimulatedProcess {
  #alive = true;
  #frozen = false;
  #late: SimulatedEvent[] = [];
  /** By how much its Date is ahead. */
  aheadMs = 0;

  constructor(
    readonly name: string,
    readonly random: Random,
    private readonly wake: (event: SimulatedEvent) => void,
  ) {}

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Runs `work`, and all that follows from it, as this process. */
  run<T>(work: () => T): T {
    return running.run(this, work);
  }

  /** Ends it at once: its timers are dropped, and nothing is delivered to it again. */
  kill(): void {
    this.#alive = false;
    this.#late = [];
  }

  /** Stops it, as SIGSTOP does. What falls due meanwhile waits for `thaw`. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Lets it go on: what fell due meanwhile runs now, in its order. */
  thaw(): void {
    this.#frozen = false;
    const late = this.#late;
    this.#late = [];
    for (const event of late) this.wake(event);
  }

  /** Moves its Date; performance.now stays. */
  jump(ms: number): void {
    this.aheadMs += ms;
  }

  /** Whether an event that is due may run now. */
  takes(event: SimulatedEvent): boolean {
    if (this.#frozen && this.#alive) this.#late.push(event);
    return this.#alive && !this.#frozen;
  }
}
