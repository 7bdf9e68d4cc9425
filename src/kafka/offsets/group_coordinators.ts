/**
 * Asks the coordinators of consumer groups. kafkajs's admin looks each up for each question; here it is
 * looked up once, and again when it does not answer, or another broker is it now.
 */
import type { Broker, Cluster } from "../client/cluster.ts";
import { answerOf } from "../client/coordinator.ts";
import { isKafkaError } from "../client/errors.ts";
import { require } from "../patches/replace_module.ts";
import { COORDINATOR_TYPES } from "../protocol/coordinator_requests.ts";
import type { WireRequest } from "../protocol/wire.ts";

/** What a coordinator says of one group. */
export interface GroupAnswer {
  readonly group: string;
  /** Kafka's; 0: no error. */
  readonly code: number;
}

/** The requests of a question about some groups, of one coordinator. */
export type Question<Answer> = (
  coordinator: Broker,
  groups: readonly string[],
) => readonly WireRequest<readonly Answer[]>[];

const ANSWER_LIMIT_MS = 5_000;
const createErrorFromCode: (code: number) => Error =
  require("kafkajs/src/protocol/error.js").createErrorFromCode;

export class GroupCoordinators {
  readonly #known = new Map<string, Broker>();

  constructor(private readonly cluster: Cluster) {}

  /**
   * The answers by group.
   *
   * @throws as kafkajs's admin: a coordinator does not answer, or refuses, twice
   */
  async ask<Answer extends GroupAnswer>(
    groups: readonly string[],
    question: Question<Answer>,
  ): Promise<Map<string, Answer>> {
    try {
      return await this.#ask(groups, question);
    } catch (error) {
      if (!isKafkaError(error)) throw error;
      this.#known.clear();
      return await this.#ask(groups, question);
    }
  }

  async #ask<Answer extends GroupAnswer>(
    groups: readonly string[],
    question: Question<Answer>,
  ): Promise<Map<string, Answer>> {
    const lookups = groups.map((group) => this.#coordinatorOf(group));
    // What still asked would connect again behind a close; so with the requests.
    await Promise.allSettled(lookups);
    const coordinators = await Promise.all(lookups);
    const byCoordinator = Map.groupBy(groups, (_, index) => coordinators[index]!);
    const requests = [...byCoordinator].flatMap(([coordinator, groups]) =>
      question(coordinator, groups).map((request) =>
        answerOf(coordinator, request, ANSWER_LIMIT_MS)
      )
    );
    await Promise.allSettled(requests);
    const answers = (await Promise.all(requests)).flat();
    const failed = answers.find(({ code }) => code !== 0);
    if (failed) throw createErrorFromCode(failed.code);
    return new Map(answers.map((answer) => [answer.group, answer]));
  }

  async #coordinatorOf(group: string): Promise<Broker> {
    const known = this.#known.get(group);
    if (known?.isConnected()) return known;
    const found = await this.cluster.findGroupCoordinator({
      groupId: group,
      coordinatorType: COORDINATOR_TYPES.group,
    });
    this.#known.set(group, found);
    return found;
  }
}
