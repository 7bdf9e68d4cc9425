/** The columns of table `orders`, computed from the events. */
import type { Topic } from "../topology.ts";
import { type Ask, DUTIES, type Duty, type Kind, kindId, KINDS } from "./duties.ts";

/** Numbers for kinds, as `event_row` has them. */
export function ids(kinds: readonly Kind[]): string {
  return kinds.map(kindId).join(", ");
}

/** Whether an order has any of these events. */
export function any(kinds: readonly Kind[]): string {
  return `coalesce(${kinds.join(", ")}${kinds.length === 1 ? ", null" : ""}) is not null`;
}

/** The column of `orders` with the offset of the message of a topic that asks something of a service. */
export function askColumn({ service }: Pick<Duty, "service">, topic: Topic): string {
  return `${topic.replaceAll(".", "_")}_for_${service.replaceAll("-", "_")}`;
}

/** Of a row of `orders`: it has more events than kinds of events. */
export const REPEATS = `events > ${KINDS.map((kind) => `(${kind} is not null)`).join("\n    + ")}`;

/** The offset of the first event of each kind. */
export const FIRST_EVENTS = KINDS.map((kind) =>
  `  min(offset) filter (where kind_id = ${kindId(kind)} and not is_copy) as ${kind}`
);

/** What each service is asked by each topic, and the column that says by which message. */
export const ASKS: readonly (Ask & { readonly duty: Duty; readonly column: string })[] = DUTIES
  .flatMap((duty) =>
    duty.asks.map((ask) => ({ ...ask, duty, column: askColumn(duty, ask.topic) }))
  );

export const ASK_COLUMNS = ASKS.map(({ column }) => column);

/** More than any offset. */
const NONE = "9e18";

/** The least of these kinds' offsets that is there. */
export function firstOf(kinds: readonly Kind[]): string {
  if (kinds.length === 1) return kinds[0]!;
  // The least of several is null where one of them is.
  return `nullif(min(${kinds.map((kind) => `ifnull(${kind}, ${NONE})`).join(", ")}), ${NONE})`;
}

/** What asks, of an order without dead letters and replays: its first event of these kinds. */
export const ASKS_OF_KINDS = ASKS.map(({ kinds }) => firstOf(kinds));

/** The same of any order, from its rows of `event_row`; computing it takes longer. */
export const ASKS_EXACTLY = ASKS.map(({ kinds, duty }) =>
  `  min(offset) filter (where kind_id in (${ids(kinds)}) and ` +
  `(not_for is null or instr(not_for, ',${duty.service},') = 0))`
);
