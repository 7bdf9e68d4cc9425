/** The input partitions that are a member's own, and since which generation of the group. */
import { inputOf } from "../../database/positions.ts";
import type { Member } from "../group/membership.ts";
import type { MemberGeneration, TopicPartition } from "../protocol/requests.ts";
import type { AssignedPartition } from "./assignment.ts";
import { type AssignedInput, follows } from "./member_writer.ts";
import { PartitionTask } from "./partition_task.ts";

export interface OwnPartition extends TopicPartition {
  /** Such as `orders.raw/3`. */
  readonly name: string;
  readonly task: PartitionTask;
  /** Another one where somebody else may have had it in between: whatever is under way keeps the old. */
  input: AssignedInput & { generation: MemberGeneration };
  /** How often it has failed. */
  failures: number;
  /** Why it is not fetched. */
  readonly pauses: Set<PauseReason>;
}

/** It failed, or is to be assigned anew; or a batch of it waits for the one before. */
type PauseReason = "failed" | "behind";

export class OwnPartitions {
  readonly #all = new Map<string, OwnPartition>();

  /** @param open assigns one: fences, and finds out where to go on */
  constructor(
    private readonly open: (own: OwnPartition) => Promise<AssignedPartition>,
    private readonly consumer: Pick<Member, "pause" | "resume">,
  ) {}

  pause(own: OwnPartition, why: PauseReason): void {
    own.pauses.add(why);
    this.consumer.pause(own);
  }

  resume(own: OwnPartition, why: PauseReason): void {
    own.pauses.delete(why);
    // It may be another's by now, or ours once more, and then has reasons of its own.
    if (this.named(own.name) === own && own.pauses.size === 0) this.consumer.resume(own);
  }

  get all(): readonly OwnPartition[] {
    return [...this.#all.values()];
  }

  named(name: string): OwnPartition | undefined {
    return this.#all.get(name);
  }

  /**
   * From now on these are its own, and no others. What somebody else may have had in between is closed,
   * after what is under way.
   */
  assign(places: readonly TopicPartition[], generation: MemberGeneration): {
    mine: readonly OwnPartition[];
    lost: readonly OwnPartition[];
  } {
    const before = new Map(this.#all);
    this.#all.clear();
    const mine = places.map((place) => {
      const name = inputOf(place.topic, place.partition);
      const own = this.#keep(before.get(name), generation) ?? this.#create(name, place, generation);
      this.#all.set(name, own);
      before.delete(name);
      return own;
    });
    const lost = [...before.values()];
    for (const { task } of lost) void task.exclusive(() => task.close());
    return { mine, lost };
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.all.map(({ task }) => task.idle()));
  }

  /** It is no member any more. */
  async close(): Promise<void> {
    await Promise.all(this.all.map(({ task }) => task.exclusive(() => task.close())));
    this.#all.clear();
  }

  #keep(own: OwnPartition | undefined, generation: MemberGeneration): OwnPartition | undefined {
    if (own === undefined) return undefined;
    const { task, input } = own;
    // Nobody else had it in between.
    if (follows(generation, input.generation)) input.generation = generation;
    else {
      own.input = { ...input, generation };
      void task.exclusive(() => task.close());
    }
    return own;
  }

  #create(name: string, place: TopicPartition, generation: MemberGeneration): OwnPartition {
    const task = new PartitionTask(() => this.open(own));
    const own: OwnPartition = {
      ...place,
      name,
      task,
      input: { ...place, generation },
      failures: 0,
      pauses: new Set(),
    };
    return own;
  }
}
