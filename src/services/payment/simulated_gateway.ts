/**
 * A stand-in for a real payment provider: answers after a while, declines some, and fails as networks
 * do. Its ledger is a database of its own, for a real provider would be another machine: it outlives
 * any death of the payment service, and several processes may ask at once.
 *
 * All that it does depends only on the seed, the idempotency key, and (for failures) how often the
 * key was asked for, so that runs can be compared. All calls that arrive together are booked in one
 * transaction, and each is answered when it is due.
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
import { createDelayQueue } from "./delay_queue.ts";
import { bookCharges, type BookedCharge, bookRefunds, type Charge } from "./gateway_ledger.ts";
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
/** How long a transaction waits for more calls. */
const GATHER_MS = 5;
/** Keys whose attempts are counted: those that failed and were not answered since. */
const MAX_COUNTED_KEYS = 10_000;

/** What a number from `chance` is drawn for. */
const SALT = { decline: 1, reason: 2, timeout: 3, error: 1_000, latency: 2_000_000 };

const DETAILS: Record<PaymentFailureReason, string> = {
  card_declined: "the bank declined the card",
  insufficient_funds: "the account does not cover the amount",
  expired_card: "the card has expired",
};

interface CallOf<R> {
  readonly request: R;
  readonly signal: AbortSignal | undefined;
  readonly attempt: number;
  readonly dueAtMs: number;
  /** Takes the answer of its kind. */
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
  /** How it is answered when it is due. */
  outcome: ChargeAnswer | RefundAnswer | Error | undefined;
}

type ChargeCall = { readonly kind: "charge" } & BookedCharge & CallOf<ChargeRequest>;
type RefundCall = { readonly kind: "refund" } & CallOf<RefundRequest>;
type Call = ChargeCall | RefundCall;

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

/** Calls that wait, by the signal that ends their wait, which many may share: one listener a signal. */
class Waiting {
  readonly #bySignal = new Map<AbortSignal, { calls: Set<Call>; giveUp: () => void }>();

  /** @param giveUp is called for each that waits when its signal aborts */
  constructor(private readonly giveUp: (call: Call) => void) {}

  add(call: Call): void {
    const { signal } = call;
    if (!signal) return;
    let waiting = this.#bySignal.get(signal);
    if (!waiting) {
      const calls = new Set<Call>();
      const giveUp = () => {
        this.#bySignal.delete(signal);
        calls.forEach(this.giveUp);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#bySignal.set(signal, waiting = { calls, giveUp });
    }
    waiting.calls.add(call);
  }

  /** It is answered. */
  delete(call: Call): void {
    const { signal } = call;
    const waiting = signal && this.#bySignal.get(signal);
    if (!waiting) return;
    waiting.calls.delete(call);
    if (waiting.calls.size > 0) return;
    signal.removeEventListener("abort", waiting.giveUp);
    this.#bySignal.delete(signal);
  }
}

export class SimulatedGateway implements PaymentGateway {
  readonly #failures = new Failures();
  readonly #waiting = new Waiting((call) => call.reject(this.#timeout()));
  /** Since the last transaction began. */
  #arrived: Call[] = [];
  #isBooking = false;
  readonly #due = createDelayQueue<Call>((calls) => calls.forEach((call) => this.#answer(call)));
  readonly #instance = crypto.randomUUID();
  #calls = 0;
  /** Why the last transaction failed; a call that times out while it waits for the next one says so. */
  #trouble: string | undefined;

  /** @param database with the tables of gateway_ledger.ts; the caller closes it */
  constructor(
    private readonly database: Database,
    private readonly behaviour: GatewayBehaviour,
  ) {}

  charge(request: ChargeRequest, signal?: AbortSignal): Promise<ChargeAnswer> {
    const callId = `${this.#instance}/${++this.#calls}`;
    const declined = this.#declineOf(request.idempotencyKey);
    return new Promise((resolve, reject) => {
      const answering = { resolve, reject, outcome: undefined };
      const call = this.#callOf(request, signal);
      this.#receive({ kind: "charge", callId, declined, ...call, ...answering });
    });
  }

  refund(request: RefundRequest, signal?: AbortSignal): Promise<RefundAnswer> {
    return new Promise((resolve, reject) => {
      const answering = { resolve, reject, outcome: undefined };
      this.#receive({ kind: "refund", ...this.#callOf(request, signal), ...answering });
    });
  }

  #callOf<R extends ChargeRequest>(request: R, signal: AbortSignal | undefined) {
    const attempt = this.#failures.of(request.idempotencyKey) + 1;
    const u = this.#chance(request.idempotencyKey, SALT.latency + attempt);
    const latencyMs = this.behaviour.latencyMs * Math.min(LONGEST_LATENCY, -Math.log(1 - u));
    return { request, signal, attempt, dueAtMs: performance.now() + latencyMs };
  }

  #receive(call: Call): void {
    if (call.signal?.aborted) return call.reject(this.#timeout());
    // What is on its way cannot be called back: it is booked also when its caller gives up.
    this.#waiting.add(call);
    const { idempotencyKey } = call.request;
    if (this.#chance(idempotencyKey, SALT.error + call.attempt) < this.behaviour.errorShare) {
      this.#failures.add(idempotencyKey);
      return this.#answerWhenDue(call, new GatewayUnavailable("503"));
    }
    this.#arrived.push(call);
    if (this.#isBooking) return;
    this.#isBooking = true;
    setTimeout(() => this.#bookArrived(), GATHER_MS);
  }

  /** While a transaction is at work, the next one gathers, so that they grow with the load. */
  async #bookArrived(): Promise<void> {
    while (this.#arrived.length > 0) {
      const calls = this.#arrived;
      this.#arrived = [];
      await this.#book(calls);
    }
    this.#isBooking = false;
  }

  /** Books calls together; if that fails for one of them, in halves: the others are not to blame. */
  async #book(calls: readonly Call[]): Promise<void> {
    try {
      await this.#bookTogether(calls);
      this.#trouble = undefined;
    } catch (error) {
      if (error instanceof RetryableError) {
        this.#trouble = `its database: ${error.message}`;
        // A provider whose database is away answers with a 5xx.
        const down = new GatewayUnavailable(this.#trouble, { cause: error });
        for (const call of calls) this.#answerWhenDue(call, down);
      } else if (calls.length === 1) {
        this.#answerWhenDue(calls[0]!, error as Error);
      } else {
        const half = Math.ceil(calls.length / 2);
        await this.#book(calls.slice(0, half));
        await this.#book(calls.slice(half));
      }
    }
  }

  async #bookTogether(calls: readonly Call[]): Promise<void> {
    const charges = calls.filter((call) => call.kind === "charge");
    const refunds = calls.filter((call) => call.kind === "refund");
    const booked = await this.database.transaction(async (tx) => ({
      charges: await bookCharges(tx, charges),
      refunds: await bookRefunds(tx, refunds.map(({ request }) => request)),
    }));
    for (const [i, call] of charges.entries()) this.#chargeBooked(call, booked.charges[i]!);
    for (const [i, call] of refunds.entries()) {
      const row = booked.refunds[i]!;
      this.#failures.forget(call.request.idempotencyKey);
      const isRefused = row instanceof GatewayRefusal;
      this.#answerWhenDue(call, isRefused ? row : { refundId: row.idempotency_key });
    }
  }

  #chargeBooked(call: ChargeCall, row: Charge | GatewayRefusal): void {
    const { idempotencyKey } = call.request;
    if (row instanceof GatewayRefusal) return this.#answerWhenDue(call, row);
    const isFirst = row.booked_by === call.callId;
    if (isFirst && this.#chance(idempotencyKey, SALT.timeout) < this.behaviour.timeoutShare) {
      return this.#failures.add(idempotencyKey);
    }
    this.#failures.forget(idempotencyKey);
    this.#answerWhenDue(call, toAnswer(row));
  }

  #answerWhenDue(call: Call, outcome: Call["outcome"]): void {
    call.outcome = outcome;
    if (call.dueAtMs <= performance.now()) this.#answer(call);
    else this.#due.add(call, call.dueAtMs);
  }

  #answer(call: Call): void {
    this.#waiting.delete(call);
    if (call.outcome instanceof Error) call.reject(call.outcome);
    else call.resolve(call.outcome as never);
  }

  #timeout(): GatewayTimeout {
    return new GatewayTimeout(this.#trouble ? `no answer: ${this.#trouble}` : "no answer in time");
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
