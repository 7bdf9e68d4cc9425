/** G5: a message that cannot be processed is a dead letter, and stops nobody. */
import { type Check, isBeforeCut, place } from "./check.ts";

/** Where a dead letter is. */
const LETTER = "'dlq.' || service || ' ' || partition || '@' || offset";
const OF_LETTER = "'dlq.' || service || ' ' || of_partition || '@' || of_offset";

/** The message at a place was deleted: nothing can be said of it. */
function wasDeleted(topic: string, partition: string, offset: string): string {
  return `coalesce(${offset} < (
    select first from log l where l.topic = ${topic} and l.partition = ${partition}
  ), false)`;
}

export const G5 = {
  deadLetters: {
    guarantee: "G5",
    promise: "every dead letter is about a message that is there, and is true",
    quotes: true,
    sql: `
select ${LETTER} as who, 'is neither a dead letter nor a resolution on one' as what from resolution
where coalesce(resolution, '') not in ('replayed', 'discarded')
  or of_partition is null or of_offset is null
union all
select ${LETTER}, 'says that it came from ' || source from dead_letter where source_topic is null
union all
select ${LETTER}, 'is a second dead letter for ' || source
from (
  select *, row_number() over (
    partition by service, source_topic, source_partition, source_offset order by partition, offset
  ) as n from dead_letter where source_topic is not null and reason <> 'unreadable'
) where n > 1
union all
select ${LETTER}, 'says a reason that there is not: "' || reason || '"'
from dead_letter where source_topic is not null and reason not in (select reason from reason)
union all
select ${LETTER}, 'says ' || reason || ', but the message can be read' from dead_letter_state
where source_topic is not null and state = 'open' and is_event
  and reason in (select reason from reason)
  and reason not in ('duplicate_order', 'processing_failed', 'unreadable')
union all
select source_topic || ' ' || source_partition || '@' || source_offset,
  'is not in the log, but dlq.' || service || ' has a dead letter for it'
from dead_letter d
where source_topic is not null and reason <> 'unreadable'
  and not ${wasDeleted("source_topic", "source_partition", "source_offset")} and not (
  exists (select 1 from reads r where r.service = d.service and r.topic = d.source_topic) and (
    exists (select 1 from special_event e where e.topic = source_topic
      and e.partition = source_partition and e.offset = source_offset)
    or exists (select 1 from broken_message b where b.topic = source_topic
      and b.partition = source_partition and b.offset = source_offset)
  )
)
union all
select ${LETTER}, 'has a resolution, but is no dead letter'
from resolved left join dead_letter d using (service, partition, offset)
where d.service is null and not ${wasDeleted("'dlq.' || service", "partition", "offset")}`,
    counts: {
      open: "open dead letters",
      replayed: "replayed dead letters",
      discarded: "discarded dead letters",
    },
  },

  replays: {
    guarantee: "G5",
    promise: "every replayed dead letter arrived once, and no message claims it falsely",
    quotes: true,
    sql: `
select ${OF_LETTER} as who, 'has two resolutions' as what
from resolution where resolution in ('replayed', 'discarded')
group by service, of_partition, of_offset having count(*) > 1
union all
select ${LETTER}, 'was replayed, but its message did not arrive' from resolved d
where resolution = 'replayed' and at > coalesce((
  -- Before that its message may have been deleted.
  select h.at from dead_letter l join horizon h on h.partition = source_partition
  where l.service = d.service and l.partition = d.partition and l.offset = d.offset
), 0) and not exists (
  select 1 from arrived_replay r
  where r.service = d.service and r.of_partition = d.partition and r.of_offset = d.offset
)
union all
select ${place("r")}, 'claims to be dead letter ' || claim ||
  ', which was not replayed, or has arrived before'
from replay r
where ${isBeforeCut("r")} and not ${
      wasDeleted("'dlq.' || coalesce(service, '')", "of_partition", "of_offset")
    } and not exists (
  select 1 from arrived_replay a
  where a.topic = r.topic and a.partition = r.partition and a.offset = r.offset
)
union all
select e.order_id, e.topic || ' ' || e.partition || '@' || e.offset || ' is a replay of ' || kind ||
  ', which was never there'
from special_event s join event e on e.id = s.id
where is_copy and e.order_id in (select order_id from orders) and not exists (
  select 1 from event original
  where original.order_id = e.order_id and original.kind = e.kind and not original.is_copy
)`,
    counts: { replayed: "replayed dead letters" },
  },
} as const satisfies Record<string, Check>;
