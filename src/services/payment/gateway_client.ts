/**
 * The patience that a payment provider needs: a time limit for each call, further attempts with the
 * same idempotency key after growing pauses with jitter, a breaker that spares a provider that is
 * down, and a bound on how many calls are in flight.
 *
 * It costs about 20 µs of CPU a call, most of it the time limit's timer and AbortSignal.
 */
import {
  BrokenCircuitError,
  bulkhead,
  circuitBreaker,
  CircuitState,
  ExponentialBackoff,
  handleType,
  retry,
  SamplingBreaker,
  wrap,
} from "cockatiel";
import { waits } from "../../runtime/waits.ts";
import { RetryableError } from "../../runtime/errors.ts";
import { GatewayTimeout, GatewayUnavailable, type PaymentGateway } from "./gateway.ts";

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

/**
 * The breaker opens when more than half of the calls of the last seconds failed: over a time, not over
 * a number of calls, because calls that time out together are many at once.
 */
const BREAKER = { threshold: 0.5, duration: 5_000, minimumRps: 4 };
const BACKOFF = { initialDelay: 50, maxDelay: 1_000 };

/**
 * A gateway that tries harder.
 *
 * @param onChange told why the provider is given up for a while, and undefined when it is back
 * @returns a gateway whose calls throw RetryableError when the provider does not answer; what it refuses
 * passes through
 */
export function createGatewayClient(
  gateway: PaymentGateway,
  limits: GatewayLimits,
  onChange: (failure: string | undefined) => void = () => {},
): PaymentGateway {
  const { execute, lastFailure } = createPolicy(limits, onChange);
  const deadline = sharedDeadlines(limits.timeoutMs);

  async function patiently<A>(
    call: (signal: AbortSignal) => Promise<A>,
    signal: AbortSignal | undefined,
  ): Promise<A> {
    const limit = () => signal ? AbortSignal.any([signal, deadline()]) : deadline();
    try {
      return await execute(() => watched(() => call(limit())), signal);
    } catch (error) {
      if (error instanceof GatewayTimeout || error instanceof GatewayUnavailable) {
        throw new RetryableError(describe(error), { cause: error });
      }
      if (error instanceof BrokenCircuitError) {
        throw new RetryableError(lastFailure(), { cause: error });
      }
      throw error;
    }
  }

  return {
    charge: (request) =>
      patiently((signal) => gateway.charge({ ...request, signal }), request.signal),
    refund: (request) =>
      patiently((signal) => gateway.refund({ ...request, signal }), request.signal),
  };
}

/** How calls are bounded and repeated, and when the provider is spared. */
function createPolicy(limits: GatewayLimits, onChange: (failure: string | undefined) => void) {
  const transient = handleType(GatewayTimeout).orType(GatewayUnavailable);
  let available = true;
  let failure: unknown;
  /** By a clock that only goes forward. */
  let brokenAt = 0;
  const lastFailure = () => describe(failure);
  const changed = (now: boolean) => {
    if (now !== available) onChange(now ? undefined : lastFailure());
    available = now;
  };
  const createBreaker = (initialState?: unknown) => {
    const breaker = circuitBreaker(transient, {
      halfOpenAfter: limits.breakerOpenMs,
      breaker: new SamplingBreaker(BREAKER),
      initialState,
    });
    breaker.onBreak((reason) => {
      failure = (reason as { error?: unknown }).error;
      brokenAt = performance.now();
      changed(false);
    });
    breaker.onReset(() => changed(true));
    return breaker;
  };
  let breaker = createBreaker();
  /** It asks the clock that people set how long it is open: set back by an hour, it would be for an hour. */
  const present = () => {
    const isOver = performance.now() - brokenAt >= limits.breakerOpenMs;
    if (breaker.state === CircuitState.Open && isOver) {
      const { ownState, breakerState } = breaker.toJSON() as BreakerState;
      breaker = createBreaker({ ownState: { ...ownState, openedAt: 0 }, breakerState });
    }
    return breaker;
  };
  const around = wrap(
    // The queue is bounded by the batches that the processor hands out at once.
    bulkhead(limits.maxInFlight, Infinity),
    retry(transient, {
      maxAttempts: limits.attempts - 1,
      backoff: new ExponentialBackoff(BACKOFF),
    }),
  );
  const execute = <A>(call: () => Promise<A>, signal: AbortSignal | undefined): Promise<A> =>
    around.execute(() => present().execute(call), signal);
  return { execute, lastFailure };
}

/** What `toJSON` of cockatiel's breaker returns, as far as it matters here. */
interface BreakerState {
  readonly ownState: { readonly openedAt?: number };
  readonly breakerState: unknown;
}

const PEER = {
  id: "gateway",
  name: "the payment gateway",
  until: "until it answers: each order is asked for again with the same key",
};

/** One attempt, whose silence is noted; a refusal is an answer. */
async function watched<A>(attempt: () => Promise<A>): Promise<A> {
  const question = waits.ask(PEER, "an answer");
  try {
    const answer = await attempt();
    question.answered();
    return answer;
  } catch (error) {
    if (error instanceof GatewayTimeout) question.givenUp();
    else question.answered();
    throw error;
  }
}

function describe(failure: unknown): string {
  return failure instanceof Error
    ? `the payment gateway: ${failure.message}`
    : "the payment gateway does not answer";
}

/** Calls that begin within this time have one deadline, which may come so much earlier for the last. */
const DEADLINE_GRAIN_MS = 10;

/** Signals that abort `timeoutMs` after they were asked for, to the grain; the gateway honours them. */
function sharedDeadlines(timeoutMs: number): () => AbortSignal {
  let current: AbortSignal | undefined;
  let freshUntil = 0;
  return () => {
    const now = performance.now();
    if (current === undefined || now > freshUntil) {
      current = AbortSignal.timeout(timeoutMs + DEADLINE_GRAIN_MS);
      freshUntil = now + DEADLINE_GRAIN_MS;
    }
    return current;
  };
}
