/** G2: no event is published twice, and the events of an order agree. */
import { type Processor, PROCESSORS, TOPICS } from "../../topology.ts";
import { any, ASKS, REPEATS } from "../order_columns.ts";
import { DUTIES } from "../duties.ts";
import {
  ABOUT,
  type Check,
  hasNoEvent,
  isBeforeCut,
  isJudged,
  lacksDeadLetter,
  oddOne,
  place,
  SEEN,
} from "./check.ts";

const STOCK = ["InventoryReserved", "InventoryRejected"] as const;
const PAYMENT = ["PaymentProcessed", "PaymentFailed"] as const;
const AFTER_VALIDATED = [
  ...STOCK,
  ...PAYMENT,
  "InventoryReleased",
  "PaymentRefunded",
  "OrderConfirmed",
  "OrderCancelled",
] as const;

/** Of an order: it has a message that was answered, and is not before its group's offset. */
const IS_LATE = ASKS.map(({ duty, topic, column: name }) => {
  const column = `o.${name}`;
  const after = `from committed where service = '${duty.service}' and topic = '${topic}'`;
  // Most are before the least offset of all partitions, which is looked up once.
  return `(${column} >= (select min(after) ${after})
    and ${column} >= (select after ${after} and partition = o.partition)
    and ${any(duty.answers)})`;
}).join("\n  or ");

/** What was answered, and will be read and answered again. */
const ANSWERED_AGAIN = ASKS.map(({ duty, topic, column: name }) => {
  const column = `o.${name}`;
  // The answer to several messages goes with the offset of the one that was read last.
  const last = duty.asks.length === 1 ? "" : `
join joins j on j.order_id = o.order_id and j.decided_by_topic = '${topic}' ` +
    `and j.decided_by_offset = ${column}`;
  return `
select o.order_id, '${duty.service} answered ${topic} ' || o.partition || '@' || ${column} ||
  ', but has committed ' || c.after || ': it will answer it again'
from late o
join committed c on c.service = '${duty.service}' and c.topic = '${topic}' ` +
    `and c.partition = o.partition${last}
where ${column} >= c.after and ${any(duty.answers)}`;
}).join("\nunion all");

/**
 * What is wrong with the rows of a service's order tables. A row may be there before its event: then
 * the order is unfinished, which `answered` says.
 */
function rowsOf(service: Processor): string {
  const duties = DUTIES.filter((duty) => duty.service === service);
  const asks = new Set(
    ASKS.filter(({ duty }) => duty.service === service).map(({ column }) => column),
  );
  return `
select o.order_id as who, '${service} answered it, but ' || t.name || ' has no row for it' as what
from order_table t cross join orders o
where t.service = '${service}' and ${any(duties.flatMap(({ answers }) => answers))}
  and not exists (select 1 from order_row r where r.table_id = t.id and r.order_id = o.order_id)
union all
select r.order_id, t.name || ' has a row for it, but nothing asked ${service} about it'
from order_table t join order_row r on r.table_id = t.id left join orders o using (order_id)
where t.service = '${service}' and ${isJudged("r.order_id", "o.order_id")}
  and coalesce(${[...asks, "null"].join(", ")}) is null
  and not exists (
    select 1 from mention m where m.topic = 'dlq.${service}' and m.order_id = r.order_id
  )`;
}

/** The outcome that an order's join should have, by its events. */
const OUTCOME = `case
    when OrderConfirmed is not null then 'OrderConfirmed'
    when OrderCancelled is not null then 'OrderCancelled'
  end`;

export const G2 = {
  twice: {
    guarantee: "G2",
    promise: "no event twice",
    sql: `
select o.order_id as who, kind || ' again, at ' || ${place("event")} as what
from orders o cross join event using (order_id)
where ${REPEATS} and kind <> 'OrderPlaced' and not is_copy and exists (
    select 1 from event first
    where first.order_id = o.order_id and first.kind = event.kind and not first.is_copy
      and first.id < event.id
  )`,
    counts: { events: "messages behind orders.raw" },
  },

  behind: {
    guarantee: "G2",
    promise: "no committed offset is before a message that was answered, or missing",
    sql: `
-- Orders with an answered message that is not before its group's offset: few, or none.
with late as materialized (
  select * from orders o where ${IS_LATE}
)
select topic || ' ' || partition as who,
  service || ' has no committed offset: it may begin at its first message' as what
from committed join log using (topic, partition) where after is null and messages > 0
union all
select n.topic || ' ' || n.partition || '@' || max(n.offset),
  n.service || ' has a dead letter for it, but has committed ' || after
from not_for n join committed c
  on c.service = n.service and c.topic = n.topic and c.partition = n.partition
where why = 'dead letter' and n.offset >= after and (
  exists (select 1 from special_event e
    where e.topic = n.topic and e.partition = n.partition and e.offset = n.offset)
  or exists (select 1 from broken_message b
    where b.topic = n.topic and b.partition = n.partition and b.offset = n.offset)
)
group by n.service, n.topic, n.partition
union all${ANSWERED_AGAIN}`,
    counts: { "committed offsets": "committed after" },
  },

  readable: {
    guarantee: "G2",
    promise: "every further message is an event of its topic, or a dead letter",
    quotes: true,
    sql: `
select ${ABOUT} as who,
  ${place("b")} || ' is no ' || case topic
    ${
      Object.entries(TOPICS).map(([topic, { events }]) =>
        `when '${topic}' then '${events.join(" or ")}'`
      ).join(" ")
    }
  end || ' (' || reason || ': ' || detail || '), and ' ||
    coalesce(group_concat(service, ', ') || ' has no', 'no service has a') || ' dead letter for it' as what
from broken_message b left join reads using (topic)
where topic <> 'orders.raw' and ${isBeforeCut("b")} and ${lacksDeadLetter("reads.service")}
group by topic, partition, offset`,
    counts: { messages: "messages behind orders.raw", "dead letters": "broken behind orders.raw" },
  },

  partition: {
    guarantee: "G2",
    promise: "all events of an order are in one partition number",
    sql: `
select order_id as who, ${
      oddOne({
        says: `kind || ' is at ' || ${place("e")} || ', its other events are elsewhere'`,
        isSame: "same.partition = e.partition",
      })
    } as what
from orders o where partition <> max_partition`,
    counts: { orders: "OrderPlaced" },
  },

  validated: {
    guarantee: "G2",
    promise: "stock, payment and outcome only after OrderValidated, or else OrderRejected",
    sql: `
select order_id as who, 'OrderValidated and OrderRejected' as what from orders
where OrderValidated is not null and OrderRejected is not null
union all
select order_id, 'no OrderValidated; seen: ' || ${SEEN} from orders o
where OrderValidated is null and ${any(AFTER_VALIDATED)}`,
    counts: { validated: "OrderValidated", rejected: "OrderRejected" },
  },

  answers: {
    guarantee: "G2",
    promise: "stock and payment each say one thing: yes or no",
    sql: [STOCK, PAYMENT].map(([yes, no]) => `
select order_id as who, '${yes} and ${no}' as what from orders
where ${yes} is not null and ${no} is not null`).join("\nunion all"),
    counts: {
      reserved: "InventoryReserved",
      refused: "InventoryRejected",
      paid: "PaymentProcessed",
      failed: "PaymentFailed",
    },
  },

  confirmed: {
    guarantee: "G2",
    promise: "confirmed: reserved and paid, nothing given back",
    sql: `
select order_id as who, 'OrderConfirmed, but seen: ' || ${SEEN} as what from orders o
where OrderConfirmed is not null and (
  InventoryReserved is null or PaymentProcessed is null
  or ${any(["InventoryRejected", "PaymentFailed", "InventoryReleased", "PaymentRefunded"])}
)`,
    counts: { confirmed: "OrderConfirmed" },
  },

  cancelled: {
    guarantee: "G2",
    promise: "cancelled: stock or payment refused, and both have answered",
    sql: `
select order_id as who, 'OrderCancelled, but seen: ' || ${SEEN} as what from orders o
where OrderCancelled is not null and not (
  ${any(["InventoryRejected", "PaymentFailed"])}
  and ${any(STOCK)}
  and ${any(PAYMENT)}
)`,
    counts: { cancelled: "OrderCancelled" },
  },

  joins: {
    guarantee: "G2",
    promise: "the table of joins says the same as the events",
    sql: `
select order_id as who, iif(row.outcome is not ${OUTCOME},
    'its row: ' || coalesce(row.outcome, 'no outcome') || '; seen: ' || ${SEEN},
    'its row says that ' || coalesce(decided_by_topic, 'no topic') || ' @' ||
      coalesce(decided_by_offset, '?') || ' completed it, where no half of it is') as what
from orders o left join joins row using (order_id)
where row.outcome is not ${OUTCOME} or (row.outcome is not null and not coalesce(
  (decided_by_topic = 'inventory.events'
    and decided_by_offset = inventory_events_for_fulfillment)
  or (decided_by_topic = 'payment.events'
    and decided_by_offset = payment_events_for_fulfillment), false))
union all
select order_id, 'its row: ' || coalesce(outcome, 'no outcome') || '; seen: nothing'
from joins where ${hasNoEvent("order_id")}`,
    counts: { rows: "joins" },
  },

  rows: {
    guarantee: "G2",
    promise:
      "every other table of a service has a row for each order that the service has answered",
    sql: PROCESSORS.map(rowsOf).join("\nunion all\n"),
    counts: `select name, count(order_id) as n
from order_table left join order_row on table_id = id group by id`,
  },
} as const satisfies Record<string, Check>;
