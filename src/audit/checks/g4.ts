/** G4: every order is charged once: processed - refunded = confirmed. */
import { type Check, givenBack, hasNoEvent, money, oddOne, WHOLE } from "./check.ts";

/** Orders that are paid and wait for a person to resolve a dead letter: by currency, cents. */
const HELD = `
held (currency, cents) as (
  select event.currency, sum(event.amount_cents)
  from waiting cross join orders using (order_id) cross join event using (order_id)
  where waiting.kind = iif(OrderCancelled is null, 'OrderConfirmed', 'PaymentRefunded')
    and PaymentRefunded is null and OrderConfirmed is null
    and event.kind = 'PaymentProcessed' and event.offset = PaymentProcessed
  group by event.currency
)`;

const CONFIRMED = `'confirmed ' || ${money("confirmed", "currency")} ||
    iif(held > 0, ', held by dead letters ' || ${money("held", "currency")}, '')`;

/** The state that a row of payments should have, by the events of `o`. */
const PAYMENT_STATE = `case
    when PaymentRefunded is not null then 'refunded'
    when PaymentProcessed is not null then 'processed'
    when PaymentFailed is not null then 'failed'
  end`;

/** The same of the gateway's row; and what its row says. */
const CHARGE_STATE = `nullif(trim(
    iif(PaymentProcessed is null, '', 'charged, ') || iif(PaymentFailed is null, '', 'declined, ') ||
    iif(PaymentRefunded is null, '', 'given back'), ', '), '')`;
const CHARGED = "row.status || iif(coalesce(row.refunded_cents, 0) = 0, '', ', given back')";

/** The gateway's row says something else than the events of `o`; compared without making texts. */
const OTHER_CHARGE = `(
    (PaymentProcessed is not null) <> (coalesce(row.status, '') = 'charged')
    or (PaymentFailed is not null) <> (coalesce(row.status, '') = 'declined')
    or (PaymentRefunded is not null) <> (coalesce(row.refunded_cents, 0) <> 0)
  )`;

/** A row's amount is none that the events of `o` say. Where these differ, the check of amounts says so. */
const OTHER_AMOUNT = `(o.amount_cents is not null and not (
    coalesce(row.amount_cents, -1) in (o.amount_cents, o.max_amount_cents)
    and coalesce(row.currency, '') in (o.currency, o.max_currency)))`;
const OTHER_PAYMENT = `(o.payment_id is not null
    and coalesce(row.payment_id, '') not in (o.payment_id, o.max_payment_id))`;
const AMOUNT =
  "coalesce(row.amount_cents, 'null') || ' ' || coalesce(row.currency, 'null') || ' cents'";

export const G4 = {
  amounts: {
    guarantee: "G4",
    promise: "charged, refunded and confirmed is the order's total",
    sql: `
select order_id as who, ${
      oddOne({
        says:
          "kind || ' says ' || amount_cents || ' ' || currency || ' cents, another event does not'",
        of: "amount_cents is not null",
        isSame: "same.amount_cents = e.amount_cents and same.currency = e.currency",
      })
    } as what
from orders o where amount_cents <> max_amount_cents or currency <> max_currency
union all
select order_id, 'its events are about two payments, ' || payment_id || ' and ' || max_payment_id
from orders where payment_id <> max_payment_id`,
    counts: { payments: "payments by events", confirmed: "OrderConfirmed" },
  },

  refunded: {
    guarantee: "G4",
    promise: "refunded: what was paid for a cancelled order, all of it, nothing else",
    sql: givenBack("PaymentProcessed", "PaymentRefunded"),
    counts: { cancelled: "OrderCancelled", refunded: "PaymentRefunded" },
  },

  balance: {
    guarantee: "G4",
    promise: "per currency: processed - refunded = confirmed",
    sql: `
with ${HELD.trim()},
sums (currency, processed, refunded, confirmed) as (
  select currency,
    coalesce(sum(cents) filter (where kind = 'PaymentProcessed'), 0),
    coalesce(sum(cents) filter (where kind = 'PaymentRefunded'), 0),
    coalesce(sum(cents) filter (where kind = 'OrderConfirmed'), 0)
  from booked group by currency
),
account as (select *, coalesce(cents, 0) as held from sums left join held using (currency))
select currency as who,
  'processed ' || ${money("processed", "currency")} || ' - refunded ' ||
    ${money("refunded", "currency")} || ': ' || ${CONFIRMED} as what
from account where processed - refunded <> confirmed + held`,
    counts: `
select currency || ' cents' as name, cast(cents as real) as n from booked
where kind = 'OrderConfirmed' order by currency`,
  },

  payments: {
    guarantee: "G4",
    promise: "the table of payments says the same as the events",
    sql: `
select order_id as who, case
    when row.order_id is not null
      and coalesce(row.state, '') not in ('processed', 'failed', 'refunded')
      then 'its row''s state is ' || coalesce(row.state, 'null')
    when row.state is not ${PAYMENT_STATE}
      then 'its row: ' || coalesce(row.state, 'none') || '; its events say: ' ||
        coalesce(${PAYMENT_STATE}, 'none')
    when ${OTHER_AMOUNT}
      then 'its row says ' || ${AMOUNT} || ', its events do not'
    else 'its row is about payment ' || coalesce(row.payment_id, 'null') || ', its events are not'
  end as what
from orders o left join payments row using (order_id)
where row.state is not ${PAYMENT_STATE} or (row.order_id is not null and (
  row.state is null or ${OTHER_AMOUNT} or ${OTHER_PAYMENT}
))
union all
select order_id, 'its row: ' || coalesce(state, 'no state') || '; its events say: none'
from payments where ${hasNoEvent("order_id")}`,
    counts: { rows: "payments" },
  },

  gateway: {
    guarantee: "G4",
    promise: "the gateway's own ledger says the same: charged once, refunded when cancelled",
    sql: `
with ${HELD.trim()},
charged (currency, charged, given_back) as (
  select row.currency, coalesce(sum(row.amount_cents) filter (where status = 'charged'), 0),
    sum(coalesce(refunded_cents, 0))
  from charges row
  where iif(${WHOLE}, idempotency_key not in (select order_id from not_judged),
    idempotency_key in (select order_id from orders))
  group by row.currency
),
confirmed (currency, confirmed) as (
  select currency, cents from booked where kind = 'OrderConfirmed'
),
account as (
  select currency, coalesce(charged, 0) as charged, coalesce(given_back, 0) as given_back,
    coalesce(confirmed, 0) as confirmed, coalesce(cents, 0) as held
  from (select currency from charged union select currency from confirmed union
    select currency from held)
  left join charged using (currency) left join confirmed using (currency)
  left join held using (currency)
)
select order_id as who, case
    when row.idempotency_key is not null and coalesce(row.status, '') not in ('charged', 'declined')
      then 'the gateway''s ledger has it as ' || coalesce(row.status, 'null')
    when ${OTHER_CHARGE}
      then 'its row: ' || coalesce(${CHARGED}, 'none') || '; its events say: ' ||
        coalesce(${CHARGE_STATE}, 'none')
    when ${OTHER_AMOUNT}
      then 'the gateway''s ledger says ' || ${AMOUNT} || ', its events do not'
    when ${OTHER_PAYMENT}
      then 'the gateway calls the payment ' || coalesce(row.payment_id, 'null') ||
        ', its events do not'
    else 'the gateway gave back ' || row.refunded_cents || ' of ' || row.amount_cents || ' cents'
  end as what
from orders o left join charges row on row.idempotency_key = o.order_id
where ${OTHER_CHARGE} or (row.idempotency_key is not null and (
  coalesce(row.status, '') not in ('charged', 'declined') or ${OTHER_AMOUNT} or ${OTHER_PAYMENT}
  or (refunded_cents <> 0 and refunded_cents is not row.amount_cents)
))
union all
select idempotency_key, 'its row: ' || coalesce(${CHARGED}, 'no status') || '; its events say: none'
from charges row where ${hasNoEvent("idempotency_key")}
union all
select currency, 'the gateway charged ' || ${money("charged", "currency")} || ' and gave back ' ||
    ${money("given_back", "currency")} || ': ' || ${CONFIRMED}
from account where charged - given_back <> confirmed + held`,
    counts: { rows: "charges" },
  },
} as const satisfies Record<string, Check>;
