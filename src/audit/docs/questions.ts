/** What a person may ask the audit's database with sqlite3: docs/audit.md shows it, a test asks it. */
export interface Question {
  readonly title: string;
  /** What comes back, in a sentence. */
  readonly answer: string;
  readonly sql: string;
}

export const QUESTIONS: readonly Question[] = [
  {
    title: "The slowest orders of a run",
    answer: "The ten that took longest from placed to their outcome, in seconds.",
    sql: `
select order_id, kind, (max(at) - placed_at) / 1000.0 as seconds
from event
where kind in ('OrderConfirmed', 'OrderCancelled', 'OrderRejected')
  and order_id > 'r1-' and order_id < 'r1.'
group by order_id order by seconds desc, order_id limit 10;`,
  },
  {
    title: "All that happened while a member was down",
    answer: "Every event between two times, in order; dead letters have no time of their own here.",
    sql: `
select strftime('%H:%M:%f', at / 1000.0, 'unixepoch') as time, order_id, kind,
  topic || ' ' || partition || '@' || offset as place, reason
from event
where at between unixepoch('2026-01-01 00:00:00') * 1000 and unixepoch('2026-01-01 00:00:30') * 1000
order by at, order_id, kind;`,
  },
  {
    title: "Orders between stock and payment at a moment",
    answer:
      "Orders of which one half was there then, and the other was not; and which half it was.",
    sql: `
with moment (at) as (select unixepoch('2026-01-01 00:00:00') * 1000),
half as (
  select order_id, kind like 'Inventory%' as is_stock, min(event.at) as at
  from event
  where kind in ('InventoryReserved', 'InventoryRejected', 'PaymentProcessed', 'PaymentFailed')
  group by order_id, is_stock
)
select order_id, iif(max(is_stock), 'stock has answered', 'payment has answered') as half
from half join moment on half.at <= moment.at
group by order_id having count(*) = 1
order by order_id;`,
  },
  {
    title: "A customer's refunds",
    answer: "A row a refund: the order, when, how much, and why it was cancelled.",
    sql: `
select refund.order_id, datetime(refund.at / 1000, 'unixepoch') as time,
  printf('%.2f', refund.amount_cents / 100.0) as amount, refund.currency, cancelled.reason
from event placed
join event refund on refund.order_id = placed.order_id and refund.kind = 'PaymentRefunded'
left join event cancelled
  on cancelled.order_id = placed.order_id and cancelled.kind = 'OrderCancelled'
where placed.kind = 'OrderPlaced' and placed.customer_id = 'c-1'
order by refund.at;`,
  },
  {
    title: "The busiest product",
    answer: "Products by pieces that confirmed orders took, most first.",
    sql: `
select key as product_id, sum(value) as pieces, count(*) as orders
from event, json_each(event.items)
where kind = 'InventoryReserved' and not is_copy
  and order_id in (select order_id from event where kind = 'OrderConfirmed')
group by key order by pieces desc, product_id;`,
  },
];
