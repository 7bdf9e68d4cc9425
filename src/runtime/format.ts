/** Numbers, amounts, times and tables for people. Pure: the page in the browser uses it, too. */

/** What stands where there is no figure. */
export const NOTHING = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const localTime = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** `12,345` */
export function formatCount(value: number): string {
  return whole.format(value);
}

/** `1,234`; from 10,000 on `12.3K`. */
export function formatBrief(value: number): string {
  return value < 10_000 ? whole.format(value) : compact.format(value);
}

/** `1 member`, `12 members` */
export function plural(count: number, what: string): string {
  return `${whole.format(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** `2.3/s`, `1,234/s`, `12.3K/s` */
export function formatRate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return NOTHING;
  if (perSecond < 10) return `${Math.round(perSecond * 10) / 10}/s`;
  return `${formatBrief(perSecond)}/s`;
}

/** `12.3 %` */
export function formatShare(part: number, all: number): string {
  return all === 0 ? NOTHING : `${(100 * part / all).toFixed(1)} %`;
}

/** `0 s`, `87 ms`, `1.2 s`, `99 s`, `3 min 20 s`, `2 h`, `5 days 3 h`; of less than nothing `0 s`. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NOTHING;
  return durationParts(ms).join(" ");
}

/** Without what is left of the largest unit: `9.5 s`, `3 min`, `5 days`. */
export function formatBriefDuration(ms: number): string {
  return durationParts(ms)[0]!;
}

function durationParts(ms: number): string[] {
  const rounded = Math.max(0, Math.round(ms));
  if (rounded > 0 && rounded < 1_000) return [`${rounded} ms`];
  if (ms < 9_950) return [`${Math.round(rounded / 100) / 10} s`];
  const seconds = Math.round(ms / 1_000);
  if (seconds < 100) return [`${seconds} s`];
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return parts(`${minutes} min`, seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return parts(`${hours} h`, minutes % 60, "min");
  return parts(`${Math.floor(hours / 24)} days`, hours % 24, "h");
}

function parts(large: string, rest: number, unit: string): string[] {
  return rest === 0 ? [large] : [large, `${rest} ${unit}`];
}

/** `1,234.56 EUR`, exactly. What is not whole cents is shown as it is. */
export function formatMoney(cents: number | bigint, currency: string): string {
  if (typeof cents === "number" && !Number.isSafeInteger(cents)) {
    return `${cents} cents ${currency}`;
  }
  const digits = String(cents).replace(/^-/, "").padStart(3, "0");
  const units = whole.format(BigInt(digits.slice(0, -2)));
  return `${cents < 0 ? "-" : ""}${units}.${digits.slice(-2)} ${currency}`;
}

/** `1,234`, from 10,000 on `12.3K`: whole units of the currency. */
export function formatBriefMoney(cents: number): string {
  return formatBrief(cents / 100);
}

/** `22:34:10` in UTC; of an ISO 8601 text or epoch milliseconds. */
export function utcTimeOfDay(time: string | number): string {
  return new Date(time).toISOString().slice(11, 19);
}

/** `22:34:10` by the reader's own clock; of epoch milliseconds. */
export function localTimeOfDay(atMs: number): string {
  return localTime.format(atMs);
}

/**
 * Rows as aligned lines.
 *
 * @param gap between columns
 * @param isLeft whether a column is aligned to the left, of so many in its row (default: the first one)
 */
export function alignColumns(
  rows: readonly (readonly string[])[],
  gap = "  ",
  isLeft: (column: number, columns: number) => boolean = (column) => column === 0,
): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)),
  );
  return rows.map((row) =>
    row.map((cell, i) => {
      if (!isLeft(i, row.length)) return cell.padStart(widths[i]!);
      // Nothing stands behind the last.
      return i === row.length - 1 ? cell : cell.padEnd(widths[i]!);
    }).join(gap)
  );
}
