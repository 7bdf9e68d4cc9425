/** One moment that all plots mark at once, by the mouse over any of them or by the keyboard. */

type Listener = (atMs: number | null) => void;

class TimeCursor {
  readonly #listeners = new Set<Listener>();
  #atMs: number | null = null;

  /** Epoch milliseconds; null while nothing is pointed at. */
  get atMs(): number | null {
    return this.#atMs;
  }

  move(atMs: number | null): void {
    if (atMs === this.#atMs) return;
    this.#atMs = atMs;
    for (const listener of this.#listeners) listener(atMs);
  }

  /** @returns ends it */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** The page's. */
export const timeCursor = new TimeCursor();

interface Axis {
  readonly startsAtMs: number;
  readonly stepMs: number;
  /** How many windows. */
  readonly length: number;
}

/** The window that a moment is in, or else the nearest; the newest for none; -1 where there is no window. */
export function windowAt({ startsAtMs, stepMs, length }: Axis, atMs: number | null): number {
  if (atMs === null) return length - 1;
  const window = Math.floor((atMs - startsAtMs) / stepMs);
  return Math.min(Math.max(window, 0), length - 1);
}

/** The middle of a window. */
export function middleOf({ startsAtMs, stepMs }: Axis, window: number): number {
  return startsAtMs + (window + 0.5) * stepMs;
}

/** Where a key moves the cursor to; undefined for a key that does not. */
export function movedBy(key: string, axis: Axis, atMs: number | null): number | null | undefined {
  if (key === "Escape") return null;
  if (axis.length === 0) return undefined;
  const window = windowAt(axis, atMs);
  const steps: Record<string, number> = {
    // From no cursor at all, the first step is onto the newest window.
    ArrowLeft: atMs === null ? window : window - 1,
    ArrowRight: window + 1,
    PageUp: window - 12,
    PageDown: window + 12,
    Home: 0,
    End: axis.length - 1,
  };
  const to = steps[key];
  if (to === undefined) return undefined;
  return middleOf(axis, Math.min(Math.max(to, 0), axis.length - 1));
}

/** `now`, `−5 min`, `−2 h`, `−1 h 30 min` */
export function agoText(atS: number, nowS: number): string {
  const minutes = Math.round((nowS - atS) / 60);
  if (minutes <= 0) return "now";
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours >= 48) return `−${Math.round(hours / 24)} days`;
  return `−${[hours > 0 && `${hours} h`, rest > 0 && `${rest} min`].filter(Boolean).join(" ")}`;
}
