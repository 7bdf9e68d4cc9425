/** What a check is made of. */

/** A promise, and the query that returns what breaks it. */
export interface Check {
  readonly guarantee: "G1" | "G2" | "G3" | "G4" | "G5";
  readonly promise: string;
  /** Its rows (who, what) are what breaks the promise, and how. No row: the promise holds. */
  readonly sql: string;
  /** How much was looked at: names for people, and those of table `counted`; or a query of (name, n). */
  readonly counts: Readonly<Record<string, string>> | string;
}

/** Where the message of a row is: `orders.raw 0@12`. */
export function place(row: string): string {
  return `${row}.topic || ' ' || ${row}.partition || '@' || ${row}.offset`;
}

/** Nothing was deleted from the log. */
export const WHOLE = "(select max(at) from horizon) = 0";

/** An order's row in a table is judged: its order is, or there is none though the log is whole. */
export function isJudged(order: string, judged: string): string {
  return `(${judged} is not null or (${WHOLE} and ${order} not in (select order_id from not_judged)))`;
}

/** The order that a broken message `b` names, or else its place. */
export const ABOUT = `coalesce((
    select order_id from mention m
    where m.topic = b.topic and m.partition = b.partition and m.offset = b.offset limit 1
  ), ${place("b")})`;

/** The kinds of events of the order of row `o`, as they came; topics are loaded against the flow. */
export const SEEN = `coalesce((
    select group_concat(kind, ', ') from (
      select kind from event where event.order_id = o.order_id group by kind order by min(at), min(id) desc
    )
  ), 'nothing')`;

/** `1,234.50 EUR`. */
export function money(cents: string, currency: string): string {
  return `printf('%s%,d.%02d %s', iif(${cents} < 0, '-', ''), abs(${cents}) / 100, ` +
    `abs(${cents}) % 100, ${currency})`;
}
