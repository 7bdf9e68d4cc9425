/** G1: every acknowledged order reaches exactly one outcome. */
import { TOPICS } from "../../topology.ts";
import { CLOCKS_MS } from "../derive.ts";
import { any, askColumn, REPEATS } from "../order_columns.ts";
import { type Ask, DUTIES, type Duty, OUTCOMES } from "../duties.ts";
import {
  ABOUT,
  type Check,
  IS_NUMBERED,
  isBeforeCut,
  isWaiting,
  lacksDeadLetter,
  OF_RUN,
  place,
  SEEN,
  SEQUENCE,
} from "./check.ts";

const OUTCOME_COUNT = OUTCOMES.map((kind) => `(${kind} is not null)`).join(" + ");

/** More offsets than this behind a committed one are not control records alone. */
export const MARKERS = 8;

/** The orders that are owed an answer and have none; `where` says of which of them. */
function unanswered(what: (duty: Duty, column: (ask: Ask) => string) => string, extra: {
  from?: (duty: Duty) => string;
  where?: (duty: Duty, column: (ask: Ask) => string) => string;
} = {}): string {
  return DUTIES.map((duty) => {
    const column = (ask: Ask) => `o.${askColumn(duty, ask.topic)}`;
    const conditions = [
      ...duty.asks.map((ask) => `${column(ask)} is not null`),
      ...duty.taken === undefined ? [] : [`${duty.taken} is not null`],
      `not ${any(duty.answers)}`,
      ...extra.where ? [extra.where(duty, column)] : [],
    ];
    return `select o.order_id as who, ${what(duty, column)} as what
from orders o${extra.from?.(duty) ?? ""}
where ${conditions.join("\n  and ")}`;
  }).join("\nunion all\n");
}

/** The place of what asks. */
const asking = ({ topic }: Ask, column: string) => `'${topic} ' || o.partition || '@' || ${column}`;

export const G1 = {
  covered: {
    guarantee: "G1",
    promise:
      "every event, topic, consumer group and table is covered by a promise, or an exception",
    sql: `
select kind || ' ' || name as who, 'no promise covers it: ' || case kind
    when 'event' then 'declare in src/audit/duties.ts which messages it answers'
    when 'consumer group' then 'what does it owe? declare it in src/audit/duties.ts'
    else 'a table without a row an order needs a promise of its own'
  end || ', or say in src/audit/coverage.ts why none does' as what
from subject where covered_by is null and exception is null
union all
select kind || ' ' || name, 'was not looked at' from subject
where covered_by is not null and case kind
  when 'topic' then name not in (select topic from log)
  when 'consumer group' then name not in (select service from committed)
  when 'table' then covered_by = 'rows' and name not in (select name from order_table)
end`,
    counts: `
select kind || 's' as name, count(covered_by) as n from subject group by kind
union all
select 'exceptions', count(exception) from subject`,
  },

  whole: {
    guarantee: "G1",
    promise: "the topics are there, and all that is in them can be read",
    sql: `
select topic as who, 'there is no such topic' as what from log where partition is null
union all
select topic || ' ' || partition,
  'its offsets ' || first || ' to ' || (next - 1) || ' cannot be read (' || why || ') nor audited'
from unreadable_batch`,
    counts: { topics: "topics" },
  },

  deleted: {
    guarantee: "G1",
    promise: "no message was deleted before its readers had read it",
    sql: `
select topic || ' ' || partition as who,
  'its messages before offset ' || first || ' were deleted, and ' || service || case
    when after is not null then ' had read '
    when tables_to is not null then ' has no committed offset; by its tables it had read '
    else ' has no committed offset: whether it had read them is not known'
  end || iif(coalesce(after, tables_to) is null, '',
    iif(read_to = 0, 'none', 'those before ' || read_to || ' only')) as what
-- Of a group without members offsets expire; its service's tables know how far it had read.
from (select *, coalesce(after, tables_to, 0) as read_to from committed)
join log using (topic, partition)
where read_to < first
  -- Services do not commit the control records behind the last message, which were deleted with it.
  -- In orders.raw there are none, but of the transactions that replay a dead letter.
  and (messages > 0 or first - read_to > iif(topic <> 'orders.raw', ${MARKERS}, (
    select count(*) from dead_letter_state d where state = 'replayed'
      and d.source_topic = topic and d.source_partition = log.partition
  )))`,
    counts: { partitions: "partitions that lost their beginning" },
  },

  acknowledged: {
    guarantee: "G1",
    promise: "every acknowledged order is in orders.raw, and none that was not placed",
    sql: `
with
-- Where old messages of orders.raw were deleted: the first of a run's orders that was placed when a
-- partition was whole. A run places its orders in their order, so that all that follow it must be there.
first_judged (run_id, partition, n) as (
  select run_id, partition, iif(started_at > raw_at, 0, coalesce((
    select n from run_order o where o.run_id = run.run_id and placed_at > raw_at order by n limit 1
  ), acknowledged_before))
  from run cross join horizon where raw_at > 0
),
-- Orders of orders.raw with the name of a run's order.
numbered (run_id, placed, order_id, n) as (
  select run_id, placed, order_id, ${SEQUENCE}
  from run cross join orders on ${OF_RUN} where OrderPlaced is not null
  union all
  select run_id, run.placed, order_id, ${SEQUENCE}
  from run cross join not_judged on ${OF_RUN} where not_judged.placed
  union all
  select run_id, placed, order_id, ${SEQUENCE}
  from run cross join mention on ${OF_RUN} where topic = 'orders.raw'
)
select order_id as who, 'was acknowledged, but is not in orders.raw' as what
from missing_order m left join first_judged f using (run_id, partition)
where m.n >= coalesce(f.n, 0)
union all
select distinct order_id,
  'is in orders.raw, but run ' || run_id || ' placed only ' || printf('%,d', placed) || ' orders'
from numbered where n >= placed and ${IS_NUMBERED}
union all
select 'run ' || run_id,
  'is finished, but placed ' || printf('%,d', placed) || ' orders and acknowledged ' ||
    printf('%,d', acknowledged)
from run where is_finished and placed <> acknowledged`,
    counts: { runs: "runs", acknowledged: "acknowledged" },
  },

  messages: {
    guarantee: "G1",
    promise: "every message of orders.raw is an order once, or a dead letter once",
    quotes: true,
    sql: `
select order_id as who,
  'is placed again by ' || ${place("event")} || ', which is no dead letter' as what
from orders o cross join event using (order_id)
where ${REPEATS} and kind = 'OrderPlaced' and ${isBeforeCut("event")} and exists (
  select 1 from event first
  where first.order_id = o.order_id and first.kind = 'OrderPlaced' and first.id < event.id
)
union all
select ${ABOUT},
  ${place("b")} || ' is no ${
      TOPICS["orders.raw"].events.join(" or ")
    } (' || reason || ': ' || detail ||
    '), and ' || service || ' has no dead letter for it'
from broken_message b join reads using (topic)
where topic = 'orders.raw' and ${isBeforeCut("b")} and ${lacksDeadLetter("reads.service")}
union all
select m.order_id, 'all its messages are dead letters, one of them for a duplicate_order'
from dead_letter d
join mention m
  on m.topic = 'dlq.' || d.service and m.partition = d.partition and m.offset = d.offset
left join orders o using (order_id)
where d.reason = 'duplicate_order' and OrderPlaced is null
  and order_id not in (select order_id from not_judged)
  -- What it repeats may have been deleted, unless it was placed later than that.
  and coalesce((
    select max(again.placed_at) from mention again
    where again.order_id = m.order_id and again.topic = 'orders.raw'
  ), 0) >= coalesce((select at from horizon where partition = source_partition), 0)`,
    counts: {
      messages: "messages of orders.raw",
      orders: "OrderPlaced",
      "dead letters": "not placed",
    },
  },

  outcome: {
    guarantee: "G1",
    promise: "every order has exactly one outcome, or waits for a dead letter to be resolved",
    sql: `
select order_id as who, 'no outcome; seen: ' || ${SEEN} as what
from orders o
where OrderPlaced is not null and ${OUTCOME_COUNT} = 0 and not ${isWaiting(...OUTCOMES)}
union all
select order_id, 'more than one outcome; seen: ' || ${SEEN}
from orders o where ${OUTCOME_COUNT} > 1
union all
-- An older order of which orders.raw still has the message: its outcome must be there, too, unless it may
-- have been deleted. Where all outcomes were, a table's row is the only proof that there was one.
select order_id, 'no outcome' || iif(first > 0 and messages = 0, ', which nothing proves: all messages of ' ||
    topic || ' ' || partition || ' were deleted', '')
from not_judged o join log using (partition) cross join clocks
where why = 'older' and placed and not has_outcome and topic = 'orders.outcomes'
  and (first = 0 or placed_at > first_at + ${CLOCKS_MS} + ahead or (messages = 0
    and order_id not in (select order_id from joins where outcome is not null)
    and order_id not in (select order_id from order_row)))
  and not ${isWaiting(...OUTCOMES)}`,
    counts: {
      orders: "OrderPlaced",
      confirmed: "OrderConfirmed",
      cancelled: "OrderCancelled",
      rejected: "OrderRejected",
      "waiting for a dead letter": "waiting",
    },
  },

  answered: {
    guarantee: "G1",
    promise: "every message that asks something of a service is answered, or a dead letter",
    sql: unanswered((duty, column) =>
      `'${duty.service} has not answered ' || ` +
      duty.asks.map((ask) => asking(ask, column(ask))).join(" || ' and ' || "), {
      // A replay may be behind the cut.
      from: (duty) =>
        duty.asks.map(({ topic }, i) => `
join log l${i} on l${i}.topic = '${topic}' and l${i}.partition = o.partition`).join(""),
      where: (duty, column) =>
        duty.asks.map((ask, i) => `${column(ask)} < l${i}.cut`).join(" and "),
    }),
    counts: { messages: "asking" },
  },

  ahead: {
    guarantee: "G1",
    promise: "no committed offset is past a message without its answer, or past the log's end",
    sql: `
select topic || ' ' || partition as who,
  service || ' has committed ' || before || ', but it ends at ' || "end" as what
from committed join log using (topic, partition) where before > "end"
union all
${
      unanswered((duty, column) =>
        duty.asks.map((ask, i) =>
          `'${duty.service} has committed ' || c${i}.before || ', past ' || ` +
          `${asking(ask, column(ask))} || ', and did not answer it'`
        ).join(" || '; ' || "), {
        from: (duty) =>
          duty.asks.map(({ topic }, i) =>
            `
cross join committed c${i} on c${i}.service = '${duty.service}' and c${i}.topic = '${topic}' ` +
            `and c${i}.partition = o.partition`
          ).join(""),
        where: (duty, column) =>
          duty.asks.map((ask, i) =>
            `${column(ask)} < c${i}.before`
          ).join(" and "),
      })
    }
union all
select ${ABOUT},
  service || ' has committed ' || before || ', past ' || ${place("b")} || ', and did not answer it'
from broken_message b join committed c using (topic, partition)
where offset < before and ${lacksDeadLetter("c.service")}`,
    counts: { "committed offsets": "committed before" },
  },

  orderless: {
    guarantee: "G1",
    promise: "no event without its order",
    sql: `
select order_id as who, ${SEEN} || ', but orders.raw does not place it' as what
from orders o where OrderPlaced is null`,
    counts: { events: "messages behind orders.raw" },
  },
} as const satisfies Record<string, Check>;
