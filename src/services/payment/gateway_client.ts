/**
 * The patience that a payment provider needs: a time limit for each call, further attempts with the
 * same idempotency key after growing pauses with jitter, a breaker that spares a provider that is
 * down, and a bound on how many calls are in flight.
 *
 * It works on whole batches: calls that begin together share a timer, an AbortSignal and a note in
 * `waits`, and a call that is answered at once costs little more than the call itself.
 */
import { ExponentialBackoff, type IBackoff } from "cockatiel";
import { RetryableError } from "../../runtime/errors.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import {
  type ChargeAnswer,
  type ChargeRequest,
  GatewayTimeout,
  GatewayUnavailable,
  type PaymentGateway,
  type RefundAnswer,
  type RefundRequest,
} from "./gateway.ts";
import { createRounds } from "./rounds.ts";

export interface GatewayLimits {
  /** For one attempt. */
  readonly timeoutMs: number;
  /** Attempts in all, before it counts as unavailable. */
  readonly attempts: number;
  /** Calls at once, of this process; further ones wait. */
  readonly maxInFlight: number;
  /** How long the open breaker waits before it lets one call through. */
  readonly breakerOpenMs: number;
}

/** Calls for whole batches. */
export interface GatewayClient {
  /**
   * Makes all charges at once and waits for every one of them, so that what did succeed can be recorded
   * before the batch fails.
   *
   * @param onAnswer told of each answer as it comes, with the request's index
   * @returns one failure if there was any: RetryableError, if one of them was that the provider does not
   * answer. What it refuses is a failure as it came
   */
  charge(
    requests: readonly ChargeRequest[],
    onAnswer: (answer: ChargeAnswer, index: number) => void,
  ): Promise<unknown>;
  /** Makes all refunds, as `charge`. */
  refund(
    requests: readonly RefundRequest[],
    onAnswer: (answer: RefundAnswer, index: number) => void,
  ): Promise<unknown>;
}

const BACKOFF = new ExponentialBackoff({ initialDelay: 50, maxDelay: 1_000 });

interface Call<A = unknown> {
  readonly ask: (signal: AbortSignal) => Promise<A>;
  readonly onAnswer: (answer: A) => void;
  /** Told once, of what no further attempt would change, or came in the last one. */
  readonly onFailure: (error: unknown) => void;
  failures: number;
  backoff: IBackoff<unknown> | undefined;
}

/** @param onChange told why the provider is given up for a while, and undefined when it is back */
export function createGatewayClient(
  gateway: PaymentGateway,
  limits: GatewayLimits,
  onChange: (failure: string | undefined) => void = () => {},
): GatewayClient {
  const make = createCaller(limits, onChange);
  return {
    charge: (requests, onAnswer) =>
      all(requests, make, (request, signal) => gateway.charge(request, signal), onAnswer),
    refund: (requests, onAnswer) =>
      all(requests, make, (request, signal) => gateway.refund(request, signal), onAnswer),
  };
}

/** Makes a call for each request; see GatewayClient. */
function all<R, A>(
  requests: readonly R[],
  make: (call: Call<A>) => void,
  ask: (request: R, signal: AbortSignal) => Promise<A>,
  onAnswer: (answer: A, index: number) => void,
): Promise<unknown> {
  let left = requests.length;
  let failure: unknown;
  if (left === 0) return Promise.resolve(failure);
  return new Promise((resolve) => {
    const onFailure = (error: unknown) => {
      if (failure === undefined || error instanceof RetryableError) failure = error;
      if (--left === 0) resolve(failure);
    };
    for (const [index, request] of requests.entries()) {
      make({
        ask: (signal) => ask(request, signal),
        onAnswer(answer) {
          try {
            onAnswer(answer, index);
          } catch (error) {
            return onFailure(error);
          }
          if (--left === 0) resolve(failure);
        },
        onFailure,
        failures: 0,
        backoff: undefined,
      });
    }
  });
}

/** @returns makes a call, with as many attempts as it may take */
function createCaller(
  { timeoutMs, attempts, maxInFlight, breakerOpenMs }: GatewayLimits,
  onChange: (failure: string | undefined) => void,
): <A>(call: Call<A>) => void {
  const breaker = new CircuitBreaker(
    breakerOpenMs,
    (isClosed) => onChange(isClosed ? undefined : describe(breaker.failure)),
  );
  const rounds = createRounds(timeoutMs);
  let inFlight = 0;
  /** Bounded by the batches that the processor hands out at once. */
  const waiting = new Set<Call>();

  function begin(call: Call): void {
    if (inFlight >= maxInFlight) waiting.add(call);
    else if (breaker.mayCall()) attempt(call);
    else if (breaker.trial) breaker.trial.then(() => begin(call));
    else call.onFailure(new RetryableError(describe(breaker.failure)));
  }

  function attempt(call: Call): void {
    inFlight++;
    const round = rounds.join();
    const { epoch } = breaker;
    call.ask(round.signal).then((answer) => {
      round.leave(true);
      breaker.succeeded(epoch);
      call.onAnswer(answer);
      letNextBegin();
    }, (error) => {
      round.leave(!(error instanceof GatewayTimeout));
      if (error instanceof GatewayTimeout || error instanceof GatewayUnavailable) {
        breaker.failed(epoch, error);
        againLater(call, error);
      } else {
        // A refusal is an answer.
        breaker.succeeded(epoch);
        call.onFailure(error);
      }
      letNextBegin();
    });
  }

  function againLater(call: Call, error: Error): void {
    if (++call.failures >= attempts) {
      return call.onFailure(new RetryableError(describe(error), { cause: error }));
    }
    call.backoff = (call.backoff ?? BACKOFF).next(undefined);
    setTimeout(begin, call.backoff.duration, call);
  }

  function letNextBegin(): void {
    inFlight--;
    for (const call of waiting) {
      if (inFlight >= maxInFlight) break;
      waiting.delete(call);
      begin(call);
    }
  }

  return begin as <A>(call: Call<A>) => void;
}

function describe(failure: unknown): string {
  return failure instanceof Error
    ? `the payment gateway: ${failure.message}`
    : "the payment gateway does not answer";
}
