/**
 * Requests to a coordinator: the one broker that answers for a transactional id, or for a group. It
 * moves, so it is looked up when it is unknown, gone, or says that another broker is it now.
 */
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { causeOf } from "./errors.ts";
import { dropConnections } from "../patches/connection.ts";
import type { Broker, Cluster } from "./cluster.ts";
import type { WireRequest } from "../protocol/wire.ts";
import {
  errorOf,
  ERRORS,
  noAnswer,
  outOfTime,
  ProducerError,
  remedyOf,
  Unanswered,
} from "./error_codes.ts";
import { COORDINATOR_TYPES, findCoordinatorRequest } from "../protocol/coordinator_requests.ts";
import type { CodeAnswer } from "../protocol/requests.ts";

/** `any`: every broker can answer. */
export type CoordinatorType = keyof typeof COORDINATOR_TYPES | "any";

/** A broker that does not answer may be frozen, or cut off, and another may have taken its place. */
const MAX_ATTEMPT_MS = 5_000;
/** What is sent with less time left would be given up as unanswered, though nothing is wrong. */
const MIN_ATTEMPT_MS = 1_000;
/** A transaction that follows closely on another waits for the markers of that one: short at first. */
const RETRY_MS = { first: 10, most: 300 };

/** So long is an answer waited for that may not come: all other brokers may be frozen. */
const CONFIRM_LIMIT_MS = 2_000;

const MOVED: readonly number[] = [
  ERRORS.NOT_COORDINATOR.code,
  ERRORS.COORDINATOR_NOT_AVAILABLE.code,
];

export interface AskOptions {
  readonly limitMs: number;
  /**
   * Whether to repeat the request when no answer comes, or one that says nothing (UNKNOWN_SERVER_ERROR).
   * The first one may then be carried out after the second, or after later requests: only where that does
   * no harm.
   */
  readonly repeatable: boolean;
  /** Told of each request that is repeated and may have been carried out, or may still be. */
  readonly onUnanswered?: (error: ProducerError) => void;
  /** Told once, when the request is not carried out after so long. */
  readonly late?: { readonly afterMs: number; readonly tell: (error: ProducerError) => void };
  /**
   * A coordinator that was frozen and replaced does not know it, and answers as before. So it is looked up
   * first, and after its answer another broker is asked whether it still is; that may take CONFIRM_LIMIT_MS
   * beyond the limit.
   */
  readonly fresh?: boolean;
  /** Gives up before the next attempt when it aborts. */
  readonly signal?: AbortSignal;
}

/** What became of one request: `isAnswered` is false where it may be carried out all the same. */
type Attempt<Answer> =
  | { readonly answer: Answer }
  | { readonly failure: ProducerError; readonly isAnswered: boolean };

export interface Coordinators {
  /**
   * Asks the coordinator of `key` until it has carried out the request.
   *
   * @throws {ProducerError} the request is refused, or gets no answer
   */
  ask<Answer extends CodeAnswer>(
    type: CoordinatorType,
    key: string,
    request: WireRequest<Answer>,
    options: AskOptions,
  ): Promise<Answer>;
}

export function createCoordinators(cluster: Cluster): Coordinators {
  return new KnownCoordinators(cluster);
}

class KnownCoordinators implements Coordinators {
  readonly #known = new Map<string, Broker>();

  constructor(private readonly cluster: Cluster) {}

  async ask<Answer extends CodeAnswer>(
    type: CoordinatorType,
    key: string,
    request: WireRequest<Answer>,
    { limitMs, repeatable, onUnanswered, late, fresh, signal }: AskOptions,
  ): Promise<Answer> {
    const { apiName } = request.request;
    const what = type === "any" ? apiName : `${apiName} of ${key}`;
    const startedAt = performance.now();
    let told = late === undefined;
    const attemptMs = repeatable ? Math.min(MAX_ATTEMPT_MS, limitMs / 2) : limitMs;
    const once = { what, attemptMs, untilMs: startedAt + limitMs, fresh };
    for (let waitMs = RETRY_MS.first;; waitMs = Math.min(RETRY_MS.most, waitMs * 1.5)) {
      const result = await this.#attempt(type, key, request, once);
      if ("answer" in result) return result.answer;
      const { failure, isAnswered } = result;
      if (isAnswered && failure.remedy !== "repeat") throw failure;
      if (!isAnswered) {
        this.#known.delete(`${type} ${key}`);
        if (!repeatable) throw failure;
        onUnanswered?.(failure);
      }
      const forMs = performance.now() - startedAt;
      if (!told && forMs >= late!.afterMs) {
        told = true;
        late!.tell(outOfTime("not done", late!.afterMs, failure));
      }
      const isOver = forMs + waitMs >= limitMs;
      if (!isOver) await pause(waitMs, signal);
      // Most aborts come during the pause.
      if (isOver || signal?.aborted) throw outOfTime("not done", limitMs, failure);
    }
  }

  async #coordinatorOf(type: CoordinatorType, key: string): Promise<Broker> {
    const name = `${type} ${key}`;
    const broker = this.#known.get(name);
    if (broker?.isConnected()) return broker;
    if (!this.cluster.isConnected()) {
      await this.cluster.connect();
      await this.cluster.refreshMetadata();
    }
    const found = type === "any"
      ? await this.cluster.findBroker({ nodeId: anyOf(this.cluster.getNodeIds()) })
      : await this.cluster.findGroupCoordinator({
        groupId: key,
        coordinatorType: COORDINATOR_TYPES[type],
      });
    this.#known.set(name, found);
    return found;
  }

  /** Asks the present coordinator once. */
  async #attempt<Answer extends CodeAnswer>(
    type: CoordinatorType,
    key: string,
    request: WireRequest<Answer>,
    { what, attemptMs, untilMs, fresh }: {
      what: string;
      attemptMs: number;
      untilMs: number;
      fresh: boolean | undefined;
    },
  ): Promise<Attempt<Answer>> {
    const name = `${type} ${key}`;
    if (fresh) this.#known.delete(name);
    const broker = await this.#coordinatorOf(type, key).catch((error) =>
      noCoordinator(what, error)
    );
    if (broker instanceof ProducerError) return { failure: broker, isAnswered: true };
    try {
      // A look-up may have taken much of the time.
      const leftMs = Math.max(MIN_ATTEMPT_MS, untilMs - performance.now());
      const answer = await answerOf(broker, request, Math.min(attemptMs, leftMs));
      let code = worstOf(answer.codes);
      if (
        fresh && remedyOf(code) === "success" && await isReplaced(this.cluster, broker, type, key)
      ) {
        code = ERRORS.NOT_COORDINATOR.code;
      }
      if (remedyOf(code) === "success") return { answer };
      if (MOVED.includes(code)) this.#known.delete(name);
      const failure = errorOf(code, what + partitionOf(answer, code));
      // It says no more than no answer does.
      return { failure, isAnswered: code !== ERRORS.UNKNOWN_SERVER_ERROR.code };
    } catch (error) {
      return { failure: noAnswer(what, error), isAnswered: false };
    }
  }
}

/** Whether another broker knows another coordinator; false where no other answers. */
async function isReplaced(
  cluster: Cluster,
  { nodeId }: Broker,
  type: CoordinatorType,
  key: string,
): Promise<boolean> {
  if (type === "any") return false;
  const others = cluster.getNodeIds().filter((id) => id !== String(nodeId));
  if (others.length === 0) return false;
  const answers = others.map(async (other) => {
    const broker = await cluster.findBroker({ nodeId: other });
    const request = findCoordinatorRequest(key, type);
    const { code, node } = await answerOf(broker, request, CONFIRM_LIMIT_MS);
    if (code !== 0) throw errorOf(code, `FindCoordinator of ${key}`);
    return node !== nodeId;
  });
  const first = Promise.any(answers);
  return await settlesWithin(first, CONFIRM_LIMIT_MS) && await first.catch(() => false);
}

/**
 * Sends one request. After `limitMs` its connection is closed, so that no late answer arrives.
 *
 * @throws what kept the answer away: an error of Kafka (`isKafkaError`)
 */
export function answerOf<Answer>(
  broker: Broker,
  request: WireRequest<Answer>,
  limitMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = broker.connectionPool.send(request);
    const timer = setTimeout(() => {
      const error = new Unanswered(request.request.apiName, limitMs);
      reject(error);
      dropConnections(broker, error);
    }, limitMs);
    asked.then((answer) => {
      clearTimeout(timer);
      resolve(answer);
    }, (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

function anyOf(nodeIds: readonly string[]): string {
  return nodeIds[Math.floor(Math.random() * nodeIds.length)] ?? "";
}

/** The code that decides: one that ends the transaction before one that may be repeated. */
function worstOf(codes: readonly number[]): number {
  const failed = codes.filter((code) => remedyOf(code) !== "success");
  // "Not attempted" is the code of all partitions but the one that failed.
  const reasons = failed.filter((code) => code !== ERRORS.OPERATION_NOT_ATTEMPTED.code);
  return reasons.find((code) => remedyOf(code) !== "repeat") ?? reasons[0] ?? failed[0] ?? 0;
}

/** Names the refused one of several partitions. */
function partitionOf({ partitions }: CodeAnswer, code: number): string {
  const refused = partitions?.find((partition) => partition.code === code);
  return refused ? ` for ${refused.topic}/${refused.partition}` : "";
}

function noCoordinator(what: string, error: unknown): ProducerError {
  const cause = causeOf(error);
  // kafkajs has Kafka's own names for missing rights.
  const { type = "" } = cause as { type?: string };
  if (type.endsWith("AUTHORIZATION_FAILED") && type in ERRORS) {
    return errorOf(ERRORS[type as keyof typeof ERRORS].code, what);
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProducerError(
    "COORDINATOR_NOT_AVAILABLE",
    "repeat",
    `${what}: no coordinator found (${why})`,
    { cause },
  );
}
