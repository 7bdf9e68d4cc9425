/** Something that happens at `atMs`. */
export interface Queued {
  atMs: number;
  /** Breaks ties: events of one moment happen in the order in which they were added. */
  order: number;
  /** Where it is in the queue; -1: nowhere. */
  index: number;
}

/** Events by time: a binary heap. Each knows its place, as most timers are cleared before they fall due. */
export class EventQueue<Event extends Queued> {
  readonly #heap: Event[] = [];
  #added = 0;

  get first(): Event | undefined {
    return this.#heap[0];
  }

  add(event: Event): void {
    event.order = this.#added++;
    this.#up(event, this.#heap.length);
  }

  delete(event: Event): void {
    const { index } = event;
    if (index < 0) return;
    event.index = -1;
    const last = this.#heap.pop()!;
    if (last === event) return;
    if (index > 0 && isBefore(last, this.#heap[(index - 1) >> 1]!)) this.#up(last, index);
    else this.#down(last, index);
  }

  #up(event: Event, index: number): void {
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above]!;
      if (isBefore(parent, event)) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(event, index);
  }

  #down(event: Event, index: number): void {
    const heap = this.#heap;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      const child = heap[below]!;
      if (isBefore(event, child)) break;
      this.#put(child, index);
      index = below;
    }
    this.#put(event, index);
  }

  #put(event: Event, index: number): void {
    this.#heap[index] = event;
    event.index = index;
  }
}

function isBefore(a: Queued, b: Queued): boolean {
  return a.atMs < b.atMs || a.atMs === b.atMs && a.order < b.order;
}
