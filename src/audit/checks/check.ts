/** What a check is made of, and pieces that several queries have. */
import type { Kind } from "../duties.ts";

/** A promise, and the query that returns what breaks it. */
export interface Check {
  readonly guarantee: "G1" | "G2" | "G3" | "G4" | "G5";
  readonly promise: string;
  /** Its rows (who, what) are what breaks the promise, and how. No row: the promise holds. */
  readonly sql: string;
  /** How much was looked at: names for people, and those of table `counted`; or a query of (name, n). */
  readonly counts: Readonly<Record<string, string>> | string;
  /** What its rows say may quote what came from outside, such as a customer's name. */
  readonly quotes?: true;
}

/** Where the message of a row is: `orders.raw 0@12`. */
export function place(row: string): string {
  return `${row}.topic || ' ' || ${row}.partition || '@' || ${row}.offset`;
}

/** Nothing was deleted from the log. */
export const WHOLE = "(select max(at) from horizon) = 0";

/** An order would be in the log, if it ever was, and is not one that is not judged. */
function isNotLeftOut(order: string): string {
  return `${WHOLE} and ${order} not in (select order_id from not_judged)`;
}

/** An order's row in a table is judged: its order is, or there is none though the log is whole. */
export function isJudged(order: string, judged: string): string {
  return `(${judged} is not null
  or (${isNotLeftOut(order)}))`;
}

/** An order that a table names has no event, though the log is whole. */
export function hasNoEvent(order: string): string {
  return `${isNotLeftOut(order)}
  and ${order} not in (select order_id from orders)`;
}

/** An open or discarded dead letter explains why the order of row `o` has none of these events. */
export function isWaiting(...kinds: readonly Kind[]): string {
  const them = kinds.map((kind) => `'${kind}'`);
  return `exists (
    select 1 from waiting w
    where w.order_id = o.order_id and w.kind ` +
    `${them.length === 1 ? `= ${them[0]}` : `in (${them.join(", ")})`}
  )`;
}

/**
 * What is said of the event of the order of row `o` that has something as the fewest of its events have
 * it; of several the last one.
 *
 * @param event.says of row `e`
 * @param event.isSame whether rows `e` and `same` have it alike
 * @param event.of which events have it
 */
export function oddOne(event: { says: string; isSame: string; of?: string }): string {
  const { says, isSame, of } = event;
  return `(
    select ${says}
    from event e where e.order_id = o.order_id${of ? ` and ${of}` : ""}
    order by (
      select count(*) from event same
      where same.order_id = e.order_id and ${isSame}
    ), id desc limit 1
  )`;
}

/** What was taken for an order is given back exactly when it was cancelled. */
export function givenBack(taken: Kind, back: Kind): string {
  return `
select order_id as who, 'OrderCancelled and ${taken}, but no ${back}' as what
from orders o
where OrderCancelled is not null and ${taken} is not null and ${back} is null
  and not ${isWaiting(back)}
union all
select order_id, '${back} without OrderCancelled or ${taken}; seen: ' || ${SEEN}
from orders o
where ${back} is not null and (OrderCancelled is null or ${taken} is null)`;
}

/** The message of a row is before the cut. */
export function isBeforeCut(row: string): string {
  return `${row}.offset < (
  select cut from log l where l.topic = ${row}.topic and l.partition = ${row}.partition
)`;
}

/** A service, which reads the topic of the broken message `b`, should have a dead letter for it, and has none. */
export function lacksDeadLetter(service: string): string {
  return `not exists (
  select 1 from not_for n where n.topic = b.topic and n.partition = b.partition
    and n.offset = b.offset and n.service = ${service}
)`;
}

// Orders of a run are `<run_id>-<sequence>`.

/** Finds them by an index; ids of other runs, too, which begin with this one's: `r1-2-000000` for r1. */
export const OF_RUN = "order_id > run_id || '-' and order_id < run_id || '.'";
export const SEQUENCE = "cast(substr(order_id, length(run_id) + 2) as integer)";
/** It is of this run, and of no other. */
export const IS_NUMBERED = `order_id = run_id || '-' || printf('%06d', ${SEQUENCE})`;

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
