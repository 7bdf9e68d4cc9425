/**
 * Which member of a consumer group gets which partitions. Pure.
 *
 * A topic's partitions go only to the members that subscribe to it, evenly: of each topic no subscriber
 * has two more than another, and neither in all has one of two members with the same subscription. A
 * member keeps what it had, up to its share: a partition that moves pauses meanwhile.
 */
import type { PartitionAssigner } from "kafkajs";
import { AssignerProtocol } from "../patches/kafkajs.ts";

export interface Subscriber {
  readonly memberId: string;
  /** Names of topics. */
  readonly topics: readonly string[];
  /** By topic what it had before, as it says itself. */
  readonly owned: Readonly<Record<string, readonly number[]>>;
}

/** Partitions by topic. */
export type Assignment = Record<string, number[]>;

/** Such as `assigned 3 partitions: orders.raw 0,4; orders.validated 2`. */
export function describeAssignment(assignment: Assignment): string {
  const count = Object.values(assignment).flat().length;
  const list = Object.entries(assignment)
    .map(([topic, partitions]) => `${topic} ${partitions.toSorted((a, b) => a - b).join(",")}`);
  return `assigned ${count} partitions${count ? `: ${list.join("; ")}` : ""}`;
}

/**
 * The same for the same members, in whatever order; and no other when each has what it was given.
 *
 * @param partitions by topic
 * @returns by member id; a topic's partitions stay unassigned where no member subscribes to it
 */
export function assign(
  partitions: Readonly<Record<string, readonly number[]>>,
  members: readonly Subscriber[],
): Map<string, Assignment> {
  const inOrder = members.toSorted((a, b) => a.memberId < b.memberId ? -1 : 1);
  const assigned = new Map(inOrder.map(({ memberId }) => [memberId, {} as Assignment]));
  const totals = new Map(inOrder.map(({ memberId }) => [memberId, 0]));
  for (const topic of Object.keys(partitions).toSorted()) {
    const subscribers = inOrder.filter(({ topics }) => topics.includes(topic));
    if (subscribers.length === 0) continue;
    for (const [memberId, list] of assignTopic(topic, partitions[topic]!, subscribers, totals)) {
      totals.set(memberId, totals.get(memberId)! + list.length);
      if (list.length > 0) assigned.get(memberId)![topic] = list.toSorted((a, b) => a - b);
    }
  }
  return assigned;
}

function assignTopic(
  topic: string,
  partitions: readonly number[],
  subscribers: readonly Subscriber[],
  totals: ReadonlyMap<string, number>,
): Map<string, number[]> {
  const had = claims(topic, partitions, subscribers);
  const shares = sharesOf(partitions.length, subscribers, (memberId) => ({
    total: totals.get(memberId)!,
    had: had.get(memberId)!.length,
  }));
  const kept = new Map(
    [...had].map(([memberId, list]) => [memberId, list.slice(0, shares.get(memberId))]),
  );
  const assigned = new Set([...kept.values()].flat());
  const free = partitions.filter((partition) => !assigned.has(partition)).toSorted((a, b) => a - b);
  // In turn, so that neighbours are apart: as kafkajs's own assigner has it.
  for (let turn = 0; free.length > 0; turn++) {
    const { memberId } = subscribers[turn % subscribers.length]!;
    const list = kept.get(memberId)!;
    if (list.length < shares.get(memberId)!) list.push(free.shift()!);
  }
  return kept;
}

/** By member what it had of a topic: each partition once, and only those that exist. */
function claims(
  topic: string,
  partitions: readonly number[],
  subscribers: readonly Subscriber[],
): Map<string, number[]> {
  const unclaimed = new Set(partitions);
  return new Map(
    subscribers.map(({ memberId, owned }) => [
      memberId,
      // Two may claim one partition: a member that was frozen while another was assigned it.
      (owned[topic] ?? []).toSorted((a, b) => a - b).filter((p) => unclaimed.delete(p)),
    ]),
  );
}

/** How many each gets; one more goes to those with the fewest in all, then to those that had most here. */
function sharesOf(
  count: number,
  subscribers: readonly Subscriber[],
  stateOf: (memberId: string) => { total: number; had: number },
): Map<string, number> {
  const share = Math.floor(count / subscribers.length);
  const ids = subscribers.map(({ memberId }) => memberId);
  const withOneMore = new Set(
    ids.toSorted((a, b) => {
      const [one, other] = [stateOf(a), stateOf(b)];
      return one.total - other.total || other.had - one.had;
    }).slice(0, count % subscribers.length),
  );
  return new Map(ids.map((id) => [id, withOneMore.has(id) ? share + 1 : share]));
}

/**
 * kafkajs's own name: members of an older version, which have its assigner, are in the same group during
 * a rolling upgrade, and whichever leads assigns by its own rule. (kafkajs's gives partitions to members
 * that do not read them.) A member tells the leader what it has in `userData`, which kafkajs's leaves
 * empty and ignores.
 */
const NAME = "RoundRobinAssigner";
const VERSION = 0;

const { MemberMetadata, MemberAssignment } = AssignerProtocol;

interface MemberAssigner {
  /** For kafkajs; it makes one for each consumer. */
  readonly create: PartitionAssigner;
  /** Call it with what this member was assigned: it asks to keep that the next time. */
  owns(assignment: Assignment): void;
}

/** One for each consumer. */
export function createAssigner(): MemberAssigner {
  let owned: Assignment = {};
  return {
    owns: (assignment) => owned = assignment,
    create: ({ cluster }) => ({
      name: NAME,
      version: VERSION,
      // kafkajs is typed as if it gave it an empty object.
      protocol: ({ topics }) => ({
        name: NAME,
        metadata: MemberMetadata.encode({
          version: VERSION,
          topics,
          userData: MemberAssignment.encode({
            version: VERSION,
            assignment: owned,
            userData: Buffer.alloc(0),
          }),
        }),
      }),
      // deno-lint-ignore require-await
      async assign({ members, topics }) {
        const partitions = Object.fromEntries(
          topics.map((topic) => [
            topic,
            cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
          ]),
        );
        const assigned = assign(
          partitions,
          members.map(({ memberId, memberMetadata }) => ({
            memberId,
            ...subscriberOf(memberMetadata),
          })),
        );
        return [...assigned].map(([memberId, assignment]) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            version: VERSION,
            assignment,
            userData: Buffer.alloc(0),
          }),
        }));
      },
    }),
  };
}

/** What a member tells of itself; of another application, whatever can be read. */
function subscriberOf(metadata: Uint8Array): Omit<Subscriber, "memberId"> {
  const topics = subscriptionIn(metadata) ?? [];
  try {
    const { userData } = MemberMetadata.decode(Buffer.from(metadata))!;
    return { topics, owned: MemberAssignment.decode(userData)?.assignment ?? {} };
  } catch {
    return { topics, owned: {} };
  }
}

/**
 * The topics that a member subscribes to, by their names on the cluster.
 *
 * @param metadata as the group's protocol has it; empty while the group rebalances
 * @returns undefined where it cannot be read
 */
export function subscriptionIn(metadata: Uint8Array): string[] | undefined {
  if (metadata.length === 0) return undefined;
  try {
    return MemberMetadata.decode(Buffer.from(metadata))?.topics;
  } catch {
    return undefined;
  }
}
