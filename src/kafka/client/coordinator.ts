/**
 * Requests to the one broker that may answer them: the coordinator of a transactional id, or of a
 * group. Which broker that is changes; so it is looked up when it is not known, is gone, or says that
 * it is another one now.
 */
import { pause, settlesWithin } from "../../runtime/shutdown.ts";
import { causeOf } from "./errors.ts";
import { dropConnections } from "../patches/connection.ts";
import type { Broker, Cluster } from "./cluster.ts";
import type { WireRequest } from "../protocol/wire.ts";
import { errorOf, ERRORS, noAnswer, ProducerError, remedyOf } from "./error_codes.ts";
import type { CodeAnswer } from "../protocol/requests.ts";

/** Kafka's numbers of the kinds. */
const COORDINATOR_TYPES = { group: 0, transaction: 1 } as const;
/** `any`: a request that every broker answers. */
export type CoordinatorType = keyof typeof COORDINATOR_TYPES | "any";

/** A broker that does not answer may be frozen, or cut off, and another one be asked meanwhile. */
const MAX_ATTEMPT_MS = 15_000;
/**
 * A transaction that follows closely on another waits for the markers of that one. Asking sooner makes
 * transactions smaller: measured flat out, with 20 ms an order costs a tenth more CPU than with 35 ms,
 * and at 1,000 orders/s it is settled no sooner.
 */
const RETRY_MS = { first: 35, most: 300 };

const MOVED: readonly number[] = [
  ERRORS.NOT_COORDINATOR.code,
  ERRORS.COORDINATOR_NOT_AVAILABLE.code,
];

export interface AskOptions {
  /** How long it may take. */
  readonly limitMs: number;
  /**
   * Whether to ask again when no answer comes. The first request may then be carried out after the
   * second, and after whatever was asked later: only for one that this does not harm.
   */
  readonly repeatable: boolean;
  /** Looks the coordinator up, however well it is known: one of yesterday may not know that it is. */
  readonly fresh?: boolean;
  /** Gives up before the next attempt when it aborts. */
  readonly signal?: AbortSignal;
}

export interface Coordinators {
  /**
   * Asks the coordinator of `key` until it has done what the request says.
   *
   * @throws {ProducerError} it is refused, or gets no answer
   */
  ask<Answer extends CodeAnswer>(
    type: CoordinatorType,
    key: string,
    request: WireRequest<Answer>,
    options: AskOptions,
  ): Promise<Answer>;
}

export function createCoordinators(cluster: Cluster): Coordinators {
  const known = new Map<string, Broker>();

  async function coordinatorOf(type: CoordinatorType, key: string): Promise<Broker> {
    const name = `${type} ${key}`;
    const broker = known.get(name);
    if (broker?.isConnected()) return broker;
    if (!cluster.isConnected()) {
      await cluster.connect();
      await cluster.refreshMetadata();
    }
    const found = type === "any"
      ? await cluster.findBroker({ nodeId: anyOf(cluster.getNodeIds()) })
      : await cluster.findGroupCoordinator({
        groupId: key,
        coordinatorType: COORDINATOR_TYPES[type],
      });
    known.set(name, found);
    return found;
  }

  return {
    async ask(type, key, request, { limitMs, repeatable, fresh, signal }) {
      const { apiName } = request.request;
      const what = type === "any" ? apiName : `${apiName} of ${key}`;
      const deadline = performance.now() + limitMs;
      const attemptMs = repeatable ? Math.min(MAX_ATTEMPT_MS, limitMs / 2) : limitMs;
      for (let waitMs = RETRY_MS.first;; waitMs = Math.min(RETRY_MS.most, waitMs * 1.5)) {
        let last: ProducerError;
        if (fresh) known.delete(`${type} ${key}`);
        const broker = await coordinatorOf(type, key).catch((error) => noCoordinator(what, error));
        if (broker instanceof ProducerError) {
          last = broker;
          if (last.remedy === "end") throw last;
        } else {
          try {
            const leftMs = Math.max(1, deadline - performance.now());
            const answer = await answerOf(broker, request, Math.min(attemptMs, leftMs));
            const code = worstOf(answer.codes);
            if (remedyOf(code) === "success") return answer;
            last = errorOf(code, what + partitionOf(answer, code));
            if (remedyOf(code) !== "repeat") throw last;
            if (MOVED.includes(code)) known.delete(`${type} ${key}`);
          } catch (error) {
            if (error instanceof ProducerError) throw error;
            last = noAnswer(what, error);
            known.delete(`${type} ${key}`);
            if (!repeatable) throw last;
          }
        }
        const isLate = performance.now() + waitMs >= deadline;
        if (!isLate) await pause(waitMs, signal);
        // The pause is where it is most often told to give up.
        if (isLate || signal?.aborted) throw late(last, limitMs);
      }
    },
  };
}

/**
 * One request; an answer that comes after `limitMs` is never heard of, for its connection is closed.
 *
 * @throws whatever kept the answer away
 */
export async function answerOf<Answer>(
  broker: Broker,
  request: WireRequest<Answer>,
  limitMs: number,
): Promise<Answer> {
  const asked = broker.connectionPool.send(request);
  if (await settlesWithin(asked, limitMs)) return await asked;
  const error = new Error(`none within ${Math.round(limitMs)} ms`);
  dropConnections(broker, error);
  throw error;
}

function anyOf(nodeIds: readonly string[]): string {
  return nodeIds[Math.floor(Math.random() * nodeIds.length)] ?? "";
}

/** Of an answer's codes the one that decides: what ends the transaction before what may be repeated. */
function worstOf(codes: readonly number[]): number {
  const failed = codes.filter((code) => remedyOf(code) !== "success");
  // "Not attempted" is said of every partition beside the one that was the reason.
  const reasons = failed.filter((code) => code !== ERRORS.OPERATION_NOT_ATTEMPTED.code);
  return reasons.find((code) => remedyOf(code) !== "repeat") ?? reasons[0] ?? failed[0] ?? 0;
}

/** Which partition was refused, where several were asked for at once. */
function partitionOf({ partitions }: CodeAnswer, code: number): string {
  const refused = partitions?.find((partition) => partition.code === code);
  return refused ? ` for ${refused.topic}/${refused.partition}` : "";
}

function noCoordinator(what: string, error: unknown): ProducerError {
  const cause = causeOf(error);
  // kafkajs and Kafka have the same names for missing rights.
  const { type = "" } = cause as { type?: string };
  if (type.endsWith("AUTHORIZATION_FAILED") && type in ERRORS) {
    return errorOf(ERRORS[type as keyof typeof ERRORS].code, what);
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProducerError(
    "COORDINATOR_NOT_AVAILABLE",
    "repeat",
    `${what}: no coordinator is found (${why})`,
    { cause },
  );
}

function late(last: ProducerError, limitMs: number): ProducerError {
  return new ProducerError(
    "DELIVERY_TIMEOUT",
    "fence",
    `not done within ${limitMs} ms: ${last.message}`,
    { cause: last },
  );
}
