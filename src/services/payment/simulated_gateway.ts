/**
 * A stand-in for a real payment provider: answers after a while, declines some, and fails as networks
 * do. Its ledger is a database of its own, for a real provider would be another machine: it outlives
 * any death of the payment service, and several processes may ask at once.
 *
 * All that it does depends only on the seed, the idempotency key, and (for failures) how often the
 * key was asked for, so that runs can be compared. All calls that fall due together are booked in one
 * transaction.
 */
import { PAYMENT_FAILURE_REASONS, type PaymentFailureReason } from "../../events/reasons.ts";
import type { Database } from "../../database/database.ts";
import { RetryableError } from "../../runtime/errors.ts";
import {
  type ChargeAnswer,
  type ChargeRequest,
  GatewayRefusal,
  GatewayTimeout,
  GatewayUnavailable,
  type PaymentGateway,
  type RefundAnswer,
  type RefundRequest,
} from "./gateway.ts";
import { bookCharges, bookRefunds, type Charge } from "./gateway_ledger.ts";
import { fnv1a, mix } from "../../runtime/hash.ts";

export interface GatewayBehaviour {
  readonly seed: number;
  /** Share of the keys that the bank declines. */
  readonly declinedShare: number;
  /** Share of the keys whose charge is booked, but whose first answer never comes. */
  readonly timeoutShare: number;
  /** Share of the calls that end in a 5xx; nothing is booked then. */
  readonly errorShare: number;
  /** Mean of the time until an answer, milliseconds; exponentially distributed. */
  readonly latencyMs: number;
}

/** No call takes longer than this many times the mean. */
const LONGEST_LATENCY = 10;
/** Keys whose attempts are counted: those that failed and were not answered since. */
const MAX_COUNTED_KEYS = 10_000;

/** What a number from `chance` is drawn for. */
const SALT = { decline: 1, reason: 2, timeout: 3, error: 1_000, latency: 2_000_000 };

const DETAILS: Record<PaymentFailureReason, string> = {
  card_declined: "the bank declined the card",
  insufficient_funds: "the account does not cover the amount",
  expired_card: "the card has expired",
};

interface Call<R, A> {
  readonly request: R;
  readonly callId: string;
  readonly attempt: number;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: Error) => void;
}

type DueCall =
  | { readonly kind: "charge" } & Call<ChargeRequest, ChargeAnswer>
  | { readonly kind: "refund" } & Call<RefundRequest, RefundAnswer>;
type DueCharge = Extract<DueCall, { kind: "charge" }>;
type DueRefund = Extract<DueCall, { kind: "refund" }>;

/** Calls that failed since the last answer, by idempotency key; of this process. */
class Failures {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    const count = this.of(key);
    this.#counts.delete(key);
    if (this.#counts.size >= MAX_COUNTED_KEYS) {
      const oldest = this.#counts.keys().next();
      if (!oldest.done) this.#counts.delete(oldest.value);
    }
    this.#counts.set(key, count + 1);
  }

  forget(key: string): void {
    this.#counts.delete(key);
  }
}

export class SimulatedGateway implements PaymentGateway {
  readonly #failures = new Failures();
  readonly #queue = createDelayQueue<DueCall>((due) => this.#answer(due));
  readonly #instance = crypto.randomUUID();
  #calls = 0;
  /** Why the last transaction failed; a call that times out while it waits for the next one says so. */
  #trouble: string | undefined;

  /** @param database with the tables of gateway_ledger.ts; the caller closes it */
  constructor(
    private readonly database: Database,
    private readonly behaviour: GatewayBehaviour,
  ) {}

  charge(request: ChargeRequest): Promise<ChargeAnswer> {
    return this.#enqueue("charge", request);
  }

  refund(request: RefundRequest): Promise<RefundAnswer> {
    return this.#enqueue("refund", request);
  }

  #enqueue<A>(kind: DueCall["kind"], request: ChargeRequest): Promise<A> {
    const { idempotencyKey, signal } = request;
    const attempt = this.#failures.of(idempotencyKey) + 1;
    const u = this.#chance(idempotencyKey, SALT.latency + attempt);
    const latencyMs = this.behaviour.latencyMs * Math.min(LONGEST_LATENCY, -Math.log(1 - u));
    return new Promise((resolve, reject) => {
      // What is on its way cannot be called back: it is booked all the same.
      const giveUp = () => {
        const why = this.#trouble ? `no answer: ${this.#trouble}` : "no answer in time";
        reject(new GatewayTimeout(why));
      };
      if (signal?.aborted) return giveUp();
      signal?.addEventListener("abort", giveUp, { once: true });
      // Of a signal that many calls share, each that is answered lets go.
      const letGo = () => signal?.removeEventListener("abort", giveUp);
      const callId = `${this.#instance}/${++this.#calls}`;
      this.#queue.add({
        kind,
        request,
        callId,
        attempt,
        resolve: (answer: A) => {
          letGo();
          resolve(answer);
        },
        reject: (error: Error) => {
          letGo();
          reject(error);
        },
      } as DueCall, latencyMs);
    });
  }

  /** Answers all calls that are due; some never get an answer. */
  async #answer(due: readonly DueCall[]): Promise<void> {
    const charges: DueCharge[] = [];
    const refunds: DueRefund[] = [];
    for (const call of due) {
      const { idempotencyKey } = call.request;
      if (this.#chance(idempotencyKey, SALT.error + call.attempt) < this.behaviour.errorShare) {
        this.#failures.add(idempotencyKey);
        call.reject(new GatewayUnavailable("503"));
      } else if (call.kind === "charge") {
        charges.push(call);
      } else {
        refunds.push(call);
      }
    }
    await this.#book(charges, refunds);
  }

  /** Books calls together; if that fails for one of them, in halves: the others are not to blame. */
  async #book(charges: readonly DueCharge[], refunds: readonly DueRefund[]): Promise<void> {
    const calls = [...charges, ...refunds];
    if (calls.length === 0) return;
    try {
      await this.#bookTogether(charges, refunds);
      this.#trouble = undefined;
    } catch (error) {
      if (error instanceof RetryableError) {
        this.#trouble = `its database: ${error.message}`;
        // A provider whose database is away answers with a 5xx.
        const down = new GatewayUnavailable(this.#trouble, { cause: error });
        for (const call of calls) call.reject(down);
      } else if (calls.length === 1) {
        calls[0]!.reject(error as Error);
      } else {
        const [c, r] = [Math.ceil(charges.length / 2), Math.floor(refunds.length / 2)];
        await this.#book(charges.slice(0, c), refunds.slice(0, r));
        await this.#book(charges.slice(c), refunds.slice(r));
      }
    }
  }

  async #bookTogether(
    charges: readonly DueCharge[],
    refunds: readonly DueRefund[],
  ): Promise<void> {
    const entries = charges.map(({ callId, request }) => {
      return { callId, request, declined: this.#declineOf(request.idempotencyKey) };
    });
    const requests = refunds.map(({ request }) => request);
    const booked = await this.database.transaction(async (tx) => ({
      charges: await bookCharges(tx, entries),
      refunds: await bookRefunds(tx, requests),
    }));
    for (const [i, call] of charges.entries()) this.#answerCharge(call, booked.charges[i]!);
    for (const [i, call] of refunds.entries()) {
      const row = booked.refunds[i]!;
      this.#failures.forget(call.request.idempotencyKey);
      if (row instanceof GatewayRefusal) call.reject(row);
      else call.resolve({ refundId: row.idempotency_key });
    }
  }

  #answerCharge(call: DueCharge, row: Charge | GatewayRefusal): void {
    const { idempotencyKey } = call.request;
    if (row instanceof GatewayRefusal) return call.reject(row);
    const isFirst = row.booked_by === call.callId;
    if (isFirst && this.#chance(idempotencyKey, SALT.timeout) < this.behaviour.timeoutShare) {
      return this.#failures.add(idempotencyKey);
    }
    this.#failures.forget(idempotencyKey);
    call.resolve(toAnswer(row));
  }

  /** Why the bank declines; undefined if it does not. */
  #declineOf(idempotencyKey: string): PaymentFailureReason | undefined {
    if (this.#chance(idempotencyKey, SALT.decline) >= this.behaviour.declinedShare) {
      return undefined;
    }
    const u = this.#chance(idempotencyKey, SALT.reason);
    return PAYMENT_FAILURE_REASONS[Math.floor(u * PAYMENT_FAILURE_REASONS.length)];
  }

  #chance(idempotencyKey: string, salt: number): number {
    return chance(this.behaviour.seed, idempotencyKey, salt);
  }
}

function toAnswer(row: Charge): ChargeAnswer {
  const paymentId = row.payment_id!;
  if (row.status === "charged") return { status: "charged", paymentId };
  const reason = row.reason as PaymentFailureReason;
  return { status: "declined", paymentId, reason, detail: DETAILS[reason] };
}

/**
 * A number from 0 (inclusive) to 1 (exclusive) for each (seed, text, salt); numbers of different
 * salts have nothing to do with each other.
 */
export function chance(seed: number, text: string, salt: number): number {
  return (mix(mix(fnv1a(text, seed)) + Math.imul(salt, 0x9e3779b9)) >>> 0) / 2 ** 32;
}

/** Resolution of the due times, milliseconds. */
const TICK_MS = 5;

/**
 * Many things that fall due at different times, with one timer: whatever is due is handed out
 * together. While a round is at work, the next one gathers, so that rounds grow with the load.
 */
interface DelayQueue<T> {
  /** Puts `item` down for `delayMs` from now. */
  add(item: T, delayMs: number): void;
}

/** @param onDue gets what is due, never called again before it has resolved; must not reject */
export function createDelayQueue<T>(onDue: (due: readonly T[]) => Promise<void>): DelayQueue<T> {
  const slots = new Map<number, T[]>();
  let awake = false;

  async function run(): Promise<void> {
    const now = performance.now();
    const due: T[] = [];
    for (const [slot, items] of slots) {
      if (slot > now) continue;
      slots.delete(slot);
      for (const item of items) due.push(item);
    }
    if (due.length > 0) await onDue(due);
    awake = slots.size > 0;
    if (awake) setTimeout(run, TICK_MS);
  }

  return {
    add(item, delayMs) {
      const slot = Math.ceil((performance.now() + delayMs) / TICK_MS) * TICK_MS;
      const items = slots.get(slot);
      if (items) items.push(item);
      else slots.set(slot, [item]);
      if (awake) return;
      awake = true;
      setTimeout(run, TICK_MS);
    },
  };
}
