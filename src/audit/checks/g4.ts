/** G4: every order is charged once: processed - refunded = confirmed. */
import { type Check, isJudged, money, SEEN } from "./check.ts";

/** Orders that are paid and wait for a person to resolve a dead letter: by currency, cents. */
const HELD = `
held (currency, cents) as (
  select event.currency, sum(event.amount_cents)
  from waiting join orders using (order_id) join event using (order_id)
  where waiting.kind = iif(OrderCancelled is null, 'OrderConfirmed', 'PaymentRefunded')
    and PaymentRefunded is null and OrderConfirmed is null
    and event.kind = 'PaymentProcessed' and event.offset = PaymentProcessed
  group by event.currency
)`;

/** What an order's events say: where they differ, the check of amounts says so. */
const SAID = "amount_cents, max_amount_cents, currency, max_currency, payment_id, max_payment_id";

const CONFIRMED = `'confirmed ' || ${money("confirmed", "currency")} ||
    iif(held > 0, ', held by dead letters ' || ${money("held", "currency")}, '')`;

export const G4 = {
  amounts: {
    guarantee: "G4",
    promise: "charged, refunded and confirmed is the order's total",
    sql: `
select order_id as who, (
    select kind || ' says ' || amount_cents || ' ' || currency || ' cents, another event does not'
    from event e where e.order_id = o.order_id and amount_cents is not null
    order by (
      select count(*) from event same
      where same.order_id = e.order_id and same.amount_cents = e.amount_cents
        and same.currency = e.currency
    ), rowid desc limit 1
  ) as what
from orders o where amount_cents <> max_amount_cents or currency <> max_currency
union all
select order_id, 'its events are about two payments, ' || payment_id || ' and ' || max_payment_id
from orders where payment_id <> max_payment_id`,
    counts: { payments: "payments by events", confirmed: "OrderConfirmed" },
  },

  refunded: {
    guarantee: "G4",
    promise: "refunded: what was paid for a cancelled order, all of it, nothing else",
    sql: `
select order_id as who, 'OrderCancelled and PaymentProcessed, but no PaymentRefunded' as what
from orders o
where OrderCancelled is not null and PaymentProcessed is not null and PaymentRefunded is null
  and not exists (
    select 1 from waiting w where w.order_id = o.order_id and w.kind = 'PaymentRefunded'
  )
union all
select order_id, 'PaymentRefunded without OrderCancelled or PaymentProcessed; seen: ' || ${SEEN}
from orders o
where PaymentRefunded is not null and (OrderCancelled is null or PaymentProcessed is null)`,
    counts: { cancelled: "OrderCancelled", refunded: "PaymentRefunded" },
  },

  balance: {
    guarantee: "G4",
    promise: "per currency: processed - refunded = confirmed",
    sql: `
with ${HELD.trim()},
sums (currency, processed, refunded, confirmed) as (
  select currency,
    coalesce(sum(amount_cents) filter (where kind = 'PaymentProcessed'), 0),
    coalesce(sum(amount_cents) filter (where kind = 'PaymentRefunded'), 0),
    coalesce(sum(amount_cents) filter (where kind = 'OrderConfirmed'), 0)
  from event where currency is not null and not is_copy
    and order_id not in (select order_id from not_judged)
  group by currency
),
account as (select *, coalesce(cents, 0) as held from sums left join held using (currency))
select currency as who,
  'processed ' || ${money("processed", "currency")} || ' - refunded ' ||
    ${money("refunded", "currency")} || ': ' || ${CONFIRMED} as what
from account where processed - refunded <> confirmed + held`,
    counts: `
select currency || ' cents' as name, sum(amount_cents) as n from event
where kind = 'OrderConfirmed' and not is_copy
  and order_id not in (select order_id from not_judged)
group by currency order by currency`,
  },

  payments: {
    guarantee: "G4",
    promise: "the table of payments says the same as the events",
    sql: `
with expected (
  order_id, state, amount_cents, max_amount_cents, currency, max_currency, payment_id, max_payment_id
) as (
  select order_id, case
    when PaymentRefunded is not null then 'refunded'
    when PaymentProcessed is not null then 'processed'
    when PaymentFailed is not null then 'failed'
  end, ${SAID} from orders
)
select order_id as who,
  iif(p.order_id is null or p.state in ('processed', 'failed', 'refunded'),
    'its row: ' || coalesce(p.state, 'none') || '; its events say: ' || coalesce(e.state, 'none'),
    'its row''s state is ' || coalesce(p.state, 'null')) as what
from expected e full join payments p using (order_id)
where ${isJudged("order_id", "e.order_id")}
  and (p.state is not e.state or (p.order_id is not null and p.state is null))
union all
select order_id, 'its row says ' || coalesce(p.amount_cents, 'null') || ' ' ||
    coalesce(p.currency, 'null') || ' cents, its events do not'
from payments p join expected e using (order_id)
where e.amount_cents is not null and not (
  coalesce(p.amount_cents, -1) in (e.amount_cents, e.max_amount_cents)
  and coalesce(p.currency, '') in (e.currency, e.max_currency)
)
union all
select order_id, 'its row is about payment ' || coalesce(p.payment_id, 'null') ||
    ', its events are not'
from payments p join expected e using (order_id)
where e.payment_id is not null
  and coalesce(p.payment_id, '') not in (e.payment_id, e.max_payment_id)`,
    counts: { rows: "payments" },
  },

  gateway: {
    guarantee: "G4",
    promise: "the gateway's own ledger says the same: charged once, refunded when cancelled",
    sql: `
with ${HELD.trim()},
expected (
  order_id, state, amount_cents, max_amount_cents, currency, max_currency, payment_id, max_payment_id
) as (
  select order_id, nullif(trim(
    iif(PaymentProcessed is null, '', 'charged, ') || iif(PaymentFailed is null, '', 'declined, ') ||
    iif(PaymentRefunded is null, '', 'given back'), ', '), ''), ${SAID} from orders
),
charge as (
  select *, idempotency_key as order_id,
    status || iif(coalesce(refunded_cents, 0) = 0, '', ', given back') as state from charges
),
charged (currency, charged, given_back) as (
  select charge.currency, coalesce(sum(charge.amount_cents) filter (where status = 'charged'), 0),
    sum(coalesce(refunded_cents, 0))
  from charge left join orders o using (order_id)
  where ${isJudged("order_id", "o.order_id")}
  group by charge.currency
),
confirmed (currency, confirmed) as (
  select currency, sum(amount_cents) from event
  where kind = 'OrderConfirmed' and not is_copy
    and order_id not in (select order_id from not_judged)
  group by currency
),
account as (
  select currency, coalesce(charged, 0) as charged, coalesce(given_back, 0) as given_back,
    coalesce(confirmed, 0) as confirmed, coalesce(cents, 0) as held
  from (select currency from charged union select currency from confirmed union
    select currency from held)
  left join charged using (currency) left join confirmed using (currency)
  left join held using (currency)
)
select order_id as who,
  iif(c.order_id is null or c.status in ('charged', 'declined'),
    'its row: ' || coalesce(c.state, 'none') || '; its events say: ' || coalesce(e.state, 'none'),
    'the gateway''s ledger has it as ' || coalesce(c.status, 'null')) as what
from expected e full join charge c using (order_id)
where ${isJudged("order_id", "e.order_id")}
  and (c.state is not e.state or (c.order_id is not null and c.status is null))
union all
select order_id, 'the gateway''s ledger says ' || coalesce(c.amount_cents, 'null') || ' ' ||
    coalesce(c.currency, 'null') || ' cents, its events do not'
from charge c join expected e using (order_id)
where e.amount_cents is not null and not (
  coalesce(c.amount_cents, -1) in (e.amount_cents, e.max_amount_cents)
  and coalesce(c.currency, '') in (e.currency, e.max_currency)
)
union all
select order_id, 'the gateway calls the payment ' || coalesce(c.payment_id, 'null') ||
    ', its events do not'
from charge c join expected e using (order_id)
where e.payment_id is not null
  and coalesce(c.payment_id, '') not in (e.payment_id, e.max_payment_id)
union all
select order_id, 'the gateway gave back ' || refunded_cents || ' of ' || c.amount_cents || ' cents'
from charge c left join orders o using (order_id)
where ${isJudged("order_id", "o.order_id")}
  and refunded_cents <> 0 and refunded_cents is not c.amount_cents
union all
select currency, 'the gateway charged ' || ${money("charged", "currency")} || ' and gave back ' ||
    ${money("given_back", "currency")} || ': ' || ${CONFIRMED}
from account where charged - given_back <> confirmed + held`,
    counts: { rows: "charges" },
  },
} as const satisfies Record<string, Check>;
