/** Numbers for people, always with their unit. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** What stands where there is nothing to tell. */
export const NOTHING = "–";

/** `12,345` */
export function count(value: number): string {
  return whole.format(value);
}

/** `1,234.5/s` */
export function rate(perSecond: number | undefined): string {
  return perSecond === undefined ? NOTHING : `${tenths.format(perSecond)}/s`;
}

/** `12.3 %` */
export function share(part: number, all: number): string {
  return all === 0 ? NOTHING : `${tenths.format(100 * part / all)} %`;
}

/** `87 ms`, from ten seconds on `12.3 s`. */
export function duration(ms: number | null): string {
  if (ms === null) return NOTHING;
  return ms < 10_000 ? `${whole.format(ms)} ms` : `${tenths.format(ms / 1_000)} s`;
}

/** `22:34:10`, UTC. */
export function timeOfDay(time: string | number): string {
  return new Date(time).toISOString().slice(11, 19);
}
