/** G3: stock is never negative and never leaks. */
import { type Check, givenBack, hasNoEvent, oddOne, WHOLE } from "./check.ts";
import { ids } from "../order_columns.ts";
import { kindId } from "../duties.ts";

/** No order was placed behind the cut: while orders flow, a product's row is ahead of what is judged. */
const AT_REST = "not exists (select 1 from not_judged where why = 'newer')";

/** The state that an order's reservation should have, by its events. */
const RESERVATION_STATE = `case
    when InventoryReleased is not null then 'released'
    when InventoryReserved is not null then 'reserved'
    when InventoryRejected is not null then 'rejected'
  end`;

export const G3 = {
  stock: {
    guarantee: "G3",
    promise: "per product: initial - reserved + released = on hand, never below zero",
    sql: `
with taken (product_id, pieces) as (
  select key, sum(value) from reservations, json_each(items) where state = 'reserved' and not ${WHOLE}
  group by key
),
change (product_id, pieces) as (
  select key, sum(iif(kind_id = ${kindId("InventoryReserved")}, -value, value))
  from event_row, json_each(items)
  where kind_id in (${ids(["InventoryReserved", "InventoryReleased"])}) and not is_copy
  group by key
)
select product_id as who, 'its row does not say initial and on_hand' as what
from stock where initial is null or on_hand is null
union all
select product_id, on_hand || ' on hand: oversold' from stock where on_hand < 0
union all
select product_id, 'initial ' || initial || ', changes ' || coalesce(pieces, 0) || ': expected ' ||
    (initial + coalesce(pieces, 0)) || ' on hand, found ' || on_hand
from stock left join change using (product_id)
where initial + coalesce(pieces, 0) <> on_hand and ${WHOLE} and ${AT_REST}
union all
select product_id, 'changed by ' || pieces || ', but the table does not have it'
from change left join stock using (product_id)
where stock.product_id is null
union all
select product_id, 'initial ' || initial || ', reserved by rows of its table ' ||
    coalesce(pieces, 0) || ': expected ' || (initial - coalesce(pieces, 0)) || ' on hand, found ' ||
    on_hand
from stock left join taken using (product_id)
where initial - coalesce(pieces, 0) <> on_hand and not ${WHOLE} and ${AT_REST}`,
    counts: { products: "stock" },
  },

  items: {
    guarantee: "G3",
    promise: "reserved = ordered, released = reserved",
    sql: `
select order_id as who, ${
      oddOne({
        says: "kind || ' has other pieces than the order''s other events: ' || items",
        of: "items is not null",
        isSame: "same.items = e.items",
      })
    } as what
from orders o where items <> max_items`,
    counts: { reserved: "InventoryReserved", released: "InventoryReleased" },
  },

  released: {
    guarantee: "G3",
    promise: "released: what was reserved for a cancelled order, all of it, nothing else",
    sql: givenBack("InventoryReserved", "InventoryReleased"),
    counts: { cancelled: "OrderCancelled", released: "InventoryReleased" },
  },

  reservations: {
    guarantee: "G3",
    promise: "the table of reservations says the same as the events",
    sql: `
select order_id as who, case
    when row.order_id is not null
      and coalesce(row.state, '') not in ('reserved', 'rejected', 'released')
      then 'its row''s state is ' || coalesce(row.state, 'null')
    when row.state is not ${RESERVATION_STATE}
      then 'its row: ' || coalesce(row.state, 'none') || '; its events say: ' ||
        coalesce(${RESERVATION_STATE}, 'none')
    else 'its row says ' || coalesce(row.items, 'no pieces') || '; its events say ' || o.items
  end as what
from orders o left join reservations row using (order_id)
where row.state is not ${RESERVATION_STATE} or (row.order_id is not null and (
  row.state is null or row.items not in (o.items, o.max_items)
  or (row.items is null and row.state <> 'rejected')
))
union all
select order_id, 'its row: ' || coalesce(state, 'no state') || '; its events say: none'
from reservations where ${hasNoEvent("order_id")}`,
    counts: { rows: "reservations" },
  },
} as const satisfies Record<string, Check>;
