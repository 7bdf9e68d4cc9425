/**
 * Validated orders without an outcome, by when they were placed: both events of an order say that, so the
 * order in which they are read does not matter. Pure, and bounded, however many orders are open.
 *
 * Of each second it keeps the ids of the orders of which only one event was read. When these are too many,
 * the newest seconds keep only how many; when the seconds are too many, they become longer. So the count is
 * right at all times, where each event is in the log once (`exactly_once`); ids and ages may lack. Without ids
 * a second copy of an event counts (`at_least_once`).
 */
import type { Fact } from "../facts/fact.ts";

export interface OverdueOrder {
  readonly orderId: string;
  /** Epoch milliseconds. */
  readonly placedAtMs: number;
}

export interface OverdueOrders {
  readonly count: number;
  /**
   * When the oldest of them was placed, to a second, epoch milliseconds; null when there is none. Of those
   * without an id it may have been earlier.
   */
  readonly oldestMs: number | null;
  /** The oldest of those whose ids are known. */
  readonly first: readonly OverdueOrder[];
  /** How many of them have no id here: too many were open at once. */
  readonly withoutId: number;
}

interface Limits {
  /** Orders whose ids are kept. */
  readonly ids: number;
  /** Windows of time. */
  readonly windows: number;
}

/** About 6 MiB of ids. */
const LIMITS: Limits = { ids: 50_000, windows: 20_000 };
const SECOND_MS = 1_000;
/** So much is dropped at once that it is seldom. */
const KEPT_SHARE = 0.75;
/** Names the orders on the page. */
const MAX_FIRST = 5;

/** When it was placed, by id: negative where only its outcome was read. Or only how many are open. */
type Window = Map<string, number> | number;

export class OpenOrders {
  #widthMs = SECOND_MS;
  readonly #windows = new Map<number, Window>();
  #ids = 0;
  /** Windows in between may have lost ids: those of their orders that come later tell nothing. */
  #lossy = { fromMs: Infinity, toMs: -Infinity };

  constructor(private readonly limits = LIMITS) {}

  add({ type, orderId, placedAtMs }: Fact): void {
    switch (type) {
      case "OrderValidated":
        return this.#note(orderId, placedAtMs, 1);
      case "OrderConfirmed":
      case "OrderCancelled":
        return this.#note(orderId, placedAtMs, -1);
    }
  }

  #note(orderId: string, placedAtMs: number, sign: 1 | -1): void {
    const key = Math.floor(placedAtMs / this.#widthMs);
    const window = this.#windows.get(key) ?? (this.#isLossy(key) ? 0 : new Map());
    if (typeof window === "number") {
      this.#set(key, window + sign);
      return;
    }
    const other = window.get(orderId);
    if (other === undefined) {
      window.set(orderId, sign * placedAtMs);
      this.#ids++;
    } else if (Math.sign(other) !== sign) {
      window.delete(orderId);
      this.#ids--;
    }
    this.#set(key, window);
    if (this.#ids > this.limits.ids) this.#dropIds();
    if (this.#windows.size > this.limits.windows) this.#widen();
  }

  #set(key: number, window: Window): void {
    const isEmpty = typeof window === "number" ? window === 0 : window.size === 0;
    if (isEmpty) this.#windows.delete(key);
    else this.#windows.set(key, window);
  }

  /** Also in part: a window may have become longer since. */
  #isLossy(key: number): boolean {
    const fromMs = key * this.#widthMs;
    return fromMs <= this.#lossy.toMs && fromMs + this.#widthMs > this.#lossy.fromMs;
  }

  /** The oldest keep theirs: they are the first that somebody asks for. */
  #dropIds(): void {
    const newestFirst = [...this.#windows.keys()].toSorted((a, b) => b - a);
    for (const key of newestFirst) {
      if (this.#ids <= KEPT_SHARE * this.limits.ids) return;
      const window = this.#windows.get(key)!;
      if (typeof window === "number") continue;
      this.#ids -= window.size;
      this.#set(key, openIn(window));
      this.#lossy = {
        fromMs: Math.min(this.#lossy.fromMs, key * this.#widthMs),
        toMs: Math.max(this.#lossy.toMs, (key + 1) * this.#widthMs - 1),
      };
    }
  }

  #widen(): void {
    while (this.#windows.size > KEPT_SHARE * this.limits.windows) this.#rebuild(2 * this.#widthMs);
  }

  /** Windows are a second again, as far as that is known: after a reading of the log. */
  refine(): void {
    if (this.#widthMs > SECOND_MS) this.#rebuild(SECOND_MS);
    if (this.#windows.size > this.limits.windows) this.#widen();
  }

  #rebuild(widthMs: number): void {
    const before = [...this.#windows];
    const beforeMs = this.#widthMs;
    this.#windows.clear();
    this.#widthMs = widthMs;
    this.#ids = 0;
    for (const [key, window] of before) {
      if (typeof window === "number") {
        // Whichever second of it they are of: it is overdue when all of it is.
        this.#addCount((key + 1) * beforeMs - 1, window);
      } else {
        for (const [orderId, signed] of window) {
          this.#note(orderId, Math.abs(signed), signed < 0 ? -1 : 1);
        }
      }
    }
  }

  /** A window that has a count has no ids. */
  #addCount(atMs: number, count: number): void {
    const key = Math.floor(atMs / this.#widthMs);
    const window = this.#windows.get(key) ?? 0;
    if (typeof window !== "number") this.#ids -= window.size;
    this.#set(key, count + (typeof window === "number" ? window : openIn(window)));
    this.#lossy = {
      fromMs: Math.min(this.#lossy.fromMs, key * this.#widthMs),
      toMs: Math.max(this.#lossy.toMs, (key + 1) * this.#widthMs - 1),
    };
  }

  /**
   * Those that were placed before a moment, and not before the log is whole.
   *
   * @param sinceMs orders placed earlier may have lost their outcome, when old messages were deleted
   * @param isExcused whether an order needs no outcome
   */
  overdue(
    beforeMs: number,
    sinceMs: number,
    isExcused: (orderId: string) => boolean = () => false,
  ): OverdueOrders {
    let count = 0;
    let withoutId = 0;
    let oldestMs = Infinity;
    const found: OverdueOrder[] = [];
    for (const [key, window] of this.#windows) {
      const fromMs = key * this.#widthMs;
      if (fromMs + this.#widthMs > beforeMs || fromMs < sinceMs) continue;
      if (typeof window === "number") {
        // Negative where the log lacks the beginning of some orders.
        if (window <= 0) continue;
        count += window;
        withoutId += window;
        oldestMs = Math.min(oldestMs, fromMs);
        continue;
      }
      for (const [orderId, placedAtMs] of window) {
        if (placedAtMs < 0 || isExcused(orderId)) continue;
        count++;
        oldestMs = Math.min(oldestMs, placedAtMs);
        keepOldest(found, { orderId, placedAtMs });
      }
    }
    return { count, oldestMs: count > 0 ? oldestMs : null, first: found, withoutId };
  }
}

function openIn(window: ReadonlyMap<string, number>): number {
  let open = 0;
  for (const signed of window.values()) open += Math.sign(signed);
  return open;
}

/** Inserts it into the few oldest, the oldest first. */
function keepOldest(oldest: OverdueOrder[], one: OverdueOrder): void {
  const at = oldest.findIndex(({ placedAtMs }) => one.placedAtMs < placedAtMs);
  oldest.splice(at === -1 ? oldest.length : at, 0, one);
  oldest.length = Math.min(oldest.length, MAX_FIRST);
}
