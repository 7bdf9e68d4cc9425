import { AsyncLocalStorage } from "node:async_hooks";
import type { Queued } from "./event_queue.ts";
import type { Random } from "./random.ts";
import { getAsyncContext, setAsyncContext } from "./runtime.ts";

/** The process of the running code. */
export const running = new AsyncLocalStorage<SimulatedProcess | undefined>();

/** Something that happens in the context of a process, or of nobody. */
export class SimulatedEvent implements Queued {
  atMs = 0;
  order = 0;
  index = -1;
  isCancelled = false;
  /** Whether the process set it itself; otherwise it comes from the network, say. */
  readonly isTimer: boolean = false;

  constructor(
    readonly process: SimulatedProcess | undefined,
    readonly callback: () => void,
  ) {}
}

interface Scheduler {
  schedule(event: SimulatedEvent, afterMs: number): void;
}

/** A replica of a service, say. Code that it runs, and timers that this sets, belong to it. */
export class SimulatedProcess {
  /** By how much its Date is ahead. */
  aheadMs = 0;
  readonly #time: Scheduler;
  readonly #context: unknown;
  #alive = true;
  #frozen = false;
  /** Fell due while it was frozen. */
  #late: SimulatedEvent[] = [];

  /** Made by `VirtualTime.process`. */
  constructor(readonly name: string, time: Scheduler, readonly random: Random) {
    this.#time = time;
    this.#context = running.run(this, getAsyncContext);
  }

  get alive(): boolean {
    return this.#alive;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Runs `work`, and all that follows from it, as this process. */
  run<T>(work: () => T): T {
    const before = getAsyncContext();
    setAsyncContext(this.#context);
    try {
      return work();
    } finally {
      setAsyncContext(before);
    }
  }

  /**
   * Ends it, as SIGKILL does: its timers are dropped, and nothing is delivered to it any more. When it
   * kills itself, its running code goes on until it waits.
   */
  kill(): void {
    this.#alive = false;
  }

  /** Stops it, as SIGSTOP does: its timers and deliveries wait for `thaw`. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Continues it, as SIGCONT does. Deno runs the timers that fell due, and only then reads what arrived. */
  thaw(): void {
    this.#frozen = false;
    const late = this.#late;
    this.#late = [];
    for (const event of late) if (event.isTimer) this.#time.schedule(event, 0);
    for (const event of late) if (!event.isTimer) this.#time.schedule(event, 0);
  }

  /** Moves its Date; performance.now stays. */
  jump(ms: number): void {
    this.aheadMs += ms;
  }

  /** Whether an event that falls due happens now. */
  takes(event: SimulatedEvent): boolean {
    if (this.#alive && this.#frozen) this.#late.push(event);
    return this.#alive && !this.#frozen;
  }
}
