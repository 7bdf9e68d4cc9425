/**
 * The simulated provider's ledger: every charge by its idempotency key, every refund by its own. What
 * is booked under a key stays as it is, however often it is asked for.
 */
import type { PaymentFailureReason } from "../../events/reasons.ts";
import { type Row, table, type Transaction } from "../../database/database.ts";
import { type ChargeRequest, GatewayRefusal, type RefundRequest } from "./gateway.ts";

/** Of owner `gateway`. */
export const charges = table("charges", "idempotency_key", {
  idempotency_key: "text",
  payment_id: "text",
  /** charged or declined. */
  status: "text",
  reason: "text",
  amount_cents: "integer",
  currency: "text",
  refunded_cents: "integer",
  /** The call that booked it: of several with one key, exactly one. */
  booked_by: "text",
});

/** Of owner `gateway`. */
export const refunds = table("refunds", "idempotency_key", {
  idempotency_key: "text",
  payment_id: "text",
  amount_cents: "integer",
  currency: "text",
});

export type Charge = Row<typeof charges>;
type Refund = Row<typeof refunds>;

/** A charge as it is booked. */
export interface BookedCharge {
  /** Unique among all calls of all processes. */
  readonly callId: string;
  readonly request: ChargeRequest;
  /** Why the bank says no; undefined when it agrees. */
  readonly declined: PaymentFailureReason | undefined;
}

const PAYMENT_ID_PREFIX = "pay-";

/** The row that the ledger has for an entry; or what is wrong with the request. */
type Booked<T> = T | GatewayRefusal;

/**
 * Books charges, each unless its key is booked already.
 *
 * @returns for each entry, in their order, the row of its key, which another call may have booked
 */
export async function bookCharges(
  tx: Transaction,
  entries: readonly BookedCharge[],
): Promise<Booked<Charge>[]> {
  const fresh = new Map<string, Charge>();
  for (const { callId, request, declined } of entries) {
    const { idempotencyKey, amountCents, currency } = request;
    if (fresh.has(idempotencyKey)) continue;
    fresh.set(idempotencyKey, {
      idempotency_key: idempotencyKey,
      payment_id: PAYMENT_ID_PREFIX + idempotencyKey,
      status: declined ? "declined" : "charged",
      reason: declined ?? null,
      amount_cents: amountCents,
      currency,
      refunded_cents: 0,
      booked_by: callId,
    });
  }
  const rows = fresh;
  for (const row of await tx.insert(charges, [...fresh.values()])) {
    rows.set(row.idempotency_key, row);
  }
  return entries.map(({ request: { idempotencyKey, amountCents, currency } }) => {
    const row = rows.get(idempotencyKey)!;
    return row.amount_cents === amountCents && row.currency === currency
      ? row
      : refusal(idempotencyKey, `was used for ${row.amount_cents} ${row.currency} cents`);
  });
}

/**
 * Books refunds, each unless its key is booked already.
 *
 * @returns for each request, in their order, the row of its key
 */
export async function bookRefunds(
  tx: Transaction,
  requests: readonly RefundRequest[],
): Promise<Booked<Refund>[]> {
  const chargeKeys = new Set(requests.map(({ paymentId }) => chargeKeyOf(paymentId)));
  // Locked first: two refunds of one charge must not each see the other's money still there.
  const charged = new Map(
    (await tx.select(charges, [...chargeKeys], { lock: true })).map((row) => [row.payment_id, row]),
  );
  const keys = new Set(requests.map(({ idempotencyKey }) => idempotencyKey));
  const booked = new Map(
    (await tx.select(refunds, [...keys])).map((row) => [row.idempotency_key, row]),
  );
  const fresh: Refund[] = [];
  const changed = new Set<Charge>();
  const answers = requests.map(({ idempotencyKey, paymentId, amountCents, currency }) => {
    const known = booked.get(idempotencyKey);
    if (known) {
      return known.payment_id === paymentId && known.amount_cents === amountCents
        ? known
        : refusal(idempotencyKey, `was used for ${known.payment_id}`);
    }
    const charge = charged.get(paymentId);
    if (charge?.status !== "charged") return refusal(idempotencyKey, `${paymentId}: not charged`);
    const left = charge.amount_cents! - charge.refunded_cents!;
    if (amountCents > left || currency !== charge.currency) {
      return refusal(idempotencyKey, `${paymentId} has ${left} ${charge.currency} cents left`);
    }
    const refund = {
      idempotency_key: idempotencyKey,
      payment_id: paymentId,
      amount_cents: amountCents,
      currency,
    };
    fresh.push(refund);
    booked.set(idempotencyKey, refund);
    charge.refunded_cents! += amountCents;
    changed.add(charge);
    return refund;
  });
  await tx.insert(refunds, fresh);
  await tx.upsert(charges, [...changed]);
  return answers;
}

function chargeKeyOf(paymentId: string): string {
  return paymentId.slice(PAYMENT_ID_PREFIX.length);
}

function refusal(idempotencyKey: string, why: string): GatewayRefusal {
  return new GatewayRefusal(`key ${JSON.stringify(idempotencyKey)}: ${why}`);
}
