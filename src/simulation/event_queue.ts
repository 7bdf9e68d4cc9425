import type { SimulatedProcess } from "./time.ts";

/** Something that happens at `atMs`, in the context of `process`, or of nobody. */
export class SimulatedEvent {
  /** Breaks ties: in the order in which they were added. */
  order = 0;
  /** Where it is in the queue; -1: it is not. */
  index = -1;
  isCancelled = false;
  atMs = 0;

  constructor(
    readonly process: SimulatedProcess | undefined,
    readonly callback: (...args: unknown[]) => void,
    readonly args: readonly unknown[] = [],
  ) {}
}

function isBefore(a: SimulatedEvent, b: SimulatedEvent): boolean {
  return a.atMs < b.atMs || a.atMs === b.atMs && a.order < b.order;
}

/** Events by time: a binary heap. Each knows its place, as most timers are cleared before they fall due. */
export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];
  #added = 0;

  get first(): SimulatedEvent | undefined {
    return this.#heap[0];
  }

  add(event: SimulatedEvent): void {
    event.order = this.#added++;
    this.#up(event, this.#heap.length);
  }

  delete(event: SimulatedEvent): void {
    const { index } = event;
    if (index < 0) return;
    event.index = -1;
    const last = this.#heap.pop()!;
    if (last === event) return;
    if (index > 0 && isBefore(last, this.#heap[(index - 1) >> 1]!)) this.#up(last, index);
    else this.#down(last, index);
  }

  #up(event: SimulatedEvent, index: number): void {
    const heap = this.#heap;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above]!;
      if (!isBefore(event, parent)) break;
      heap[index] = parent;
      parent.index = index;
      index = above;
    }
    heap[index] = event;
    event.index = index;
  }

  #down(event: SimulatedEvent, index: number): void {
    const heap = this.#heap;
    const { length } = heap;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= length) break;
      if (below + 1 < length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      const child = heap[below]!;
      if (!isBefore(child, event)) break;
      heap[index] = child;
      child.index = index;
      index = below;
    }
    heap[index] = event;
    event.index = index;
  }
}
