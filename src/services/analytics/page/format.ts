/** Numbers for people, always with their unit, and short enough to be large. */

/** What stands where there is nothing to tell. */
export const NOTHING = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** `12,345` */
export function count(value: number): string {
  return whole.format(value);
}

/** `12,345`, from 100,000 on `123K`. */
export function brief(value: number): string {
  return value < 100_000 ? whole.format(value) : short.format(value);
}

/** `1,234`, from 10,000 on `12.3K`. */
export function shortCount(value: number): string {
  return value < 10_000 ? whole.format(value) : short.format(value);
}

/** `12.3/s`, `1,234/s`, `12.3K/s` */
export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return NOTHING;
  if (perSecond < 10) return `${Math.round(perSecond * 10) / 10}/s`;
  return `${shortCount(perSecond)}/s`;
}

/** `87 ms`, `1.2 s`, `3 min 20 s` */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NOTHING;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 100) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** How long the oldest message waits: looks are 0.5 s apart; `≥ 12 s` where it was there before them. */
export function waiting({ ms, atLeast }: { ms: number; atLeast: boolean }): string {
  if (atLeast) return `≥ ${duration(ms)}`;
  return ms < 1_000 ? "< 1 s" : duration(ms);
}

/** `1 member`, `12 members` */
export function plural(count: number, what: string): string {
  return `${whole.format(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** `12.3 %` */
export function share(part: number, all: number): string {
  return all === 0 ? NOTHING : `${(100 * part / all).toFixed(1)} %`;
}

/** `12:34:56`, by the viewer's clock. */
export function timeOfDay(atMs: number): string {
  return clock.format(atMs);
}
