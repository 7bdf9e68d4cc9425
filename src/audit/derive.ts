/**
 * What the promises are asked of, derived from what was loaded: above all `orders`, one row an order
 * with where its events are. Made from the topology and the duties, so that a new event or service is in it.
 */
import type { DatabaseSync } from "node:sqlite";
import { IS_NUMBERED, OF_RUN, SEQUENCE } from "./checks/check.ts";
import { AUDITED_TABLES } from "./load/tables.ts";
import { kindId, KINDS, OUTCOMES } from "./duties.ts";
import {
  any,
  ASK_COLUMNS,
  ASKS_EXACTLY,
  ASKS_OF_KINDS,
  FIRST_EVENTS,
  ids,
} from "./order_columns.ts";

/** Clocks of those that write the log may differ by this much, and by what the log shows, up to this. */
export const CLOCKS_MS = 60_000;
/** Kafka refuses records that are further ahead of its own clock (message.timestamp.after.max.ms). */
const CLOCKS_MAX_MS = 3_600_000;

/** In this order, once, when everything is loaded. What a reader waits for is said beside each. */
export const DERIVED: readonly (readonly [what: string, sql: string])[] = [
  [
    "the dead letters",
    `
create index mention_place on mention (topic, partition, offset);
create index mention_order on mention (order_id);

-- What was decided about each dead letter: the first resolution counts.
create table resolved (
  service text, partition integer, offset integer, resolution text, at integer,
  primary key (service, partition, offset)
) without rowid;
insert or ignore into resolved
select service, of_partition, of_offset, resolution, at from resolution
where resolution in ('replayed', 'discarded') and of_partition is not null and of_offset is not null
order by partition, offset;

create table dead_letter_state as
select d.*, coalesce(resolution, 'open') as state
from dead_letter d left join resolved using (service, partition, offset);

-- Replays that are what they claim: of a dead letter that was replayed, and the first one of it.
create table arrived_replay as
select r.* from (
  select *, row_number() over (
    partition by service, of_partition, of_offset order by topic, partition, offset
  ) as n from replay
) r join resolved d
  on d.service = r.service and d.partition = r.of_partition and d.offset = r.of_offset
where n = 1 and d.resolution = 'replayed';
create index arrived_replay_place on arrived_replay (topic, partition, offset);

-- Replays behind the cut: what becomes of them is not judged, and their dead letters are as if still open.
create table newer_replay as
select r.* from replay r join log using (topic, partition)
where offset >= cut and topic <> 'orders.raw';

-- Messages that ask nothing of a service: it has a dead letter for it, or it is a replay for another.
create table not_for (
  topic text, partition integer, offset integer, service text, why text,
  primary key (topic, partition, offset, service)
) without rowid;
insert or ignore into not_for
select source_topic, source_partition, source_offset, d.service, 'dead letter'
from dead_letter d join reads r on r.service = d.service and r.topic = d.source_topic
where reason <> 'unreadable';
insert or ignore into not_for
select p.topic, p.partition, p.offset, other.service, 'replay'
from replay p
join reads its on its.topic = p.topic and its.service = p.service
join reads other on other.topic = p.topic and other.service <> p.service;
`,
  ],
  [
    "the messages that they are about",
    `
create table special (topic text, partition integer, offset integer,
  primary key (topic, partition, offset)) without rowid;
insert into special select topic, partition, offset from not_for
union select topic, partition, offset from arrived_replay
union select topic, partition, offset from newer_replay;

create table special_event (topic text, partition integer, offset integer, id integer,
  primary key (topic, partition, offset)) without rowid;
insert into special_event
select topic, partition, offset, event_row.id
from event_row cross join kind on kind.id = kind_id cross join special using (topic, partition, offset)
-- Before each of its rows is looked up.
where kind_id in (select id from kind where topic in (select topic from special));
update event_row set
  not_for = (
    select ',' || group_concat(service) || ',' from not_for n
    where n.topic = s.topic and n.partition = s.partition and n.offset = s.offset
  ),
  is_copy = topic <> 'orders.raw' and exists (
    select 1 from arrived_replay r
    where r.topic = s.topic and r.partition = s.partition and r.offset = s.offset
  ) or exists (
    select 1 from newer_replay r
    where r.topic = s.topic and r.partition = s.partition and r.offset = s.offset
  )
from special_event s where s.id = event_row.id;

-- What the validator could not process places no order.
create table not_placed as select event_row.* from special_event join event_row using (id)
where topic = 'orders.raw' and instr(not_for, ',validator,') > 0;
insert into mention
select 'orders.raw', partition, offset, order_id, placed_at from not_placed;
delete from event_row where id in (select id from not_placed);

-- Missing events that an open or discarded dead letter about the order explains.
create table waiting (order_id text, kind text, primary key (order_id, kind)) without rowid;
insert or ignore into waiting
select order_id, kind from dead_letter_state d
join explains x on x.service = d.service and x.topic = d.source_topic
join mention m
  on m.topic = 'dlq.' || d.service and m.partition = d.partition and m.offset = d.offset
where is_event and (state <> 'replayed' or exists (
  select 1 from newer_replay r
  where r.service = d.service and r.of_partition = d.partition and r.of_offset = d.offset
));
`,
  ],
  ["an index of the events", "create index event_order on event_row (order_id);"],
  [
    "the orders",
    `
-- One row an order. OrderPlaced to OrderRejected: the offset of its first event of that kind.
-- orders_validated_for_payment: the offset of the message of orders.validated that asks something of
-- payment. Least and greatest of what its events say: they should be the same.
-- placed_at is as OrderPlaced says: a false one in a later event must not make the order an older one.
create table orders (
  order_id text primary key, events integer, partition integer, max_partition integer,
  placed_at integer,
  amount_cents integer, max_amount_cents integer, currency text, max_currency text,
  payment_id text, max_payment_id text, items text, max_items text,
  ${[...KINDS, ...ASK_COLUMNS].join(", ")}
) without rowid;
insert into orders
select *, ${ASKS_OF_KINDS.join(", ")} from (
select order_id, count(*) filter (where not is_copy), min(partition), max(partition),
  coalesce(min(placed_at) filter (where kind_id = ${kindId("OrderPlaced")}), min(placed_at)),
  min(amount_cents), max(amount_cents), min(currency), max(currency),
  min(payment_id), max(payment_id), min(items), max(items),
${FIRST_EVENTS.join(",\n")}
-- Sorted: the rows of an order may be anywhere in a large file.
from event_row not indexed group by order_id
);
-- What asks of an order with dead letters or replays: few.
update orders set (${ASK_COLUMNS.join(", ")}) = (
  select
${ASKS_EXACTLY.join(",\n")}
  from event_row where event_row.order_id = orders.order_id
)
where order_id in (select order_id from special_event join event_row using (id));

-- By how much a clock is ahead of another for all that the log shows, where old messages were deleted:
-- an event happened before its order was placed. An hour at most: one strange time is no clock.
create table clocks as
select min(max(coalesce(max(placed_at - at), 0), 0), ${CLOCKS_MAX_MS}) as ahead from event_row
where (select max(first) from log where topic not like 'dlq.%') > 0;

-- From when on each partition number is whole: where old messages were deleted, the time of the first
-- one that is left, and a minute for clocks that differ; where all were, the beginning of the audit; and
-- by how much clocks are known to differ.
-- raw_at: the same of orders.raw alone.
create table horizon (partition integer primary key, at integer, raw_at integer);
insert into horizon
select partition, max(at), coalesce(max(at) filter (where topic = 'orders.raw'), 0) from (
  select topic, partition,
    iif(first = 0, 0, min(coalesce(first_at + ${CLOCKS_MS}, started_at), started_at) + ahead) as at
  from log, audit, clocks
) where topic not like 'dlq.%' and partition is not null group by partition;

-- Orders of which nothing can be said: older ones, whose first messages may have been deleted, and newer
-- ones, which were placed behind the cut.
create table not_judged (
  order_id text primary key, why text, placed integer, partition integer, placed_at integer,
  has_outcome integer
) without rowid;
insert into not_judged
select order_id, 'newer', 1, partition, placed_at, 0
from orders join log using (partition) where topic = 'orders.raw' and OrderPlaced >= cut;
insert or ignore into not_judged
select order_id, 'older', OrderPlaced is not null, partition, placed_at,
  ${any(OUTCOMES)}
from orders join horizon using (partition) where placed_at <= at;
delete from orders where order_id in (select order_id from not_judged);

-- What the events of judged orders say of money: cents, by currency and kind, a second event included.
create table booked as
select currency, kind, sum(amount_cents) as cents from event_row join kind on kind.id = kind_id
where kind_id in (${ids(["PaymentProcessed", "PaymentRefunded", "OrderConfirmed"])}) and not is_copy
  and order_id not in (select order_id from not_judged)
group by currency, kind;
`,
  ],
  [
    "acknowledged orders that are missing",
    `
-- The orders of each run that have an event, where orders.raw has lost its beginning.
create table run_order (
  run_id text, n integer, placed_at integer, primary key (run_id, n)
) without rowid;
insert into run_order
select run_id, ${SEQUENCE}, placed_at
from run cross join (
  select order_id, placed_at from orders union all select order_id, placed_at from not_judged
) on ${OF_RUN}
where (select max(raw_at) from horizon) > 0 and ${IS_NUMBERED};

-- Acknowledged orders that orders.raw has no message of, and the partition number that their key belongs
-- to (partition_of is a function of the audit's). Where each partition has lost its beginning, none from
-- before the first one of their run that is left.
create table missing_order (run_id text, n integer, order_id text, partition integer);
insert into missing_order
with recursive
begins (run_id, n, count) as (
  select run_id, iif(since = 0 or started_at > since, 0, coalesce((
    select min(n) from run_order o where o.run_id = run.run_id
  ), acknowledged_before)), acknowledged_before
  from run, (select coalesce(min(raw_at), 0) as since from horizon)
),
acknowledged (run_id, n, count) as (
  select * from begins where n < count
  union all
  select run_id, n + 1, count from acknowledged where n + 1 < count
)
select run_id, n, order_id,
  partition_of(order_id, (select count(*) from log where topic = 'orders.raw'))
from (select *, run_id || '-' || printf('%06d', n) as order_id from acknowledged)
left join orders using (order_id)
where OrderPlaced is null
  and order_id not in (select order_id from not_judged where placed)
  and order_id not in (select order_id from mention where topic = 'orders.raw');
`,
  ],
];

/** What the services and the simulator say: it is loaded anew for each audit. */
const LOADED_ANEW = [
  "log",
  "committed",
  "run",
  "order_table",
  "order_row",
  ...AUDITED_TABLES.map(({ owned }) => owned.table.name),
];

/**
 * Remembers which tables there are: those that come later are derived.
 *
 * @returns brings the database back to what was read from the log, for the next audit
 */
export function derivedIn(database: DatabaseSync): () => void {
  const all = database.prepare(
    "select type, name from sqlite_master where sql is not null order by type desc",
  );
  const loaded = new Set(all.all().map(({ name }) => name));
  return () => {
    const derived = all.all().filter(({ name }) => !loaded.has(name));
    if (derived.some(({ name }) => name === "not_placed")) {
      database.exec(`
insert into event_row select * from not_placed;
delete from mention where placed_at is not null;
update event_row set not_for = null, is_copy = 0 where not_for is not null or is_copy;`);
    }
    for (const { type, name } of derived) database.exec(`drop ${type} if exists ${name}`);
    for (const table of LOADED_ANEW) database.exec(`delete from ${table}`);
    database.exec(`update audit set started_at = ${Date.now()}`);
  };
}
