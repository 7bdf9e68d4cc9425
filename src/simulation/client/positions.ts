/** Where a member fetches next, by partition. */
import type { TopicPartition } from "../../kafka/protocol/requests.ts";
import type { Assignment } from "../../kafka/group/assigner.ts";

export interface Position extends TopicPartition {
  /** The next offset to fetch; undefined: as the group has committed it. */
  next: number | undefined;
  /** Where it was told to go on, from its next fetch. */
  seek: number | undefined;
  isPaused: boolean;
  isInHand: boolean;
}

export class Positions {
  /** Also of those that were assigned once: a pause and a seek outlast a rebalance, as in kafkajs. */
  readonly #all = new Map<string, Position>();
  #assigned: Position[] = [];

  get assigned(): readonly Position[] {
    return this.#assigned;
  }

  of({ topic, partition }: TopicPartition): Position {
    const key = `${topic}/${partition}`;
    let position = this.#all.get(key);
    if (!position) {
      position = {
        topic,
        partition,
        next: undefined,
        seek: undefined,
        isPaused: false,
        isInHand: false,
      };
      this.#all.set(key, position);
    }
    return position;
  }

  assign(assignment: Assignment): void {
    this.#assigned = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => this.of({ topic, partition }))
    );
    for (const position of this.#assigned) position.next = undefined;
  }
}
