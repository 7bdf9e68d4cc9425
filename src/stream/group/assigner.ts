/**
 * Our assigner in place of kafkajs's, which gives partitions to members that do not read them.
 *
 * It has the name of kafkajs's and its forms: members of an older version, which have that one, are in
 * the same group during a rolling upgrade, and whichever leads assigns by its own rule. What a member
 * has is told to the leader in `userData`, which kafkajs's leaves empty and does not look at.
 */
import "../mends.ts";
import { AssignerProtocol, type PartitionAssigner } from "kafkajs";
import { assign, type Assignment, type Subscriber } from "./assign.ts";

const NAME = "RoundRobinAssigner";
const VERSION = 0;

const { MemberMetadata, MemberAssignment } = AssignerProtocol;

export interface MemberAssigner {
  /** For kafkajs; it makes one for each consumer. */
  readonly create: PartitionAssigner;
  /** To be told what this member was given: it asks to keep that the next time. */
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
        const given = assign(
          partitions,
          members.map(({ memberId, memberMetadata }) => ({ memberId, ...saysOf(memberMetadata) })),
        );
        return [...given].map(([memberId, assignment]) => ({
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

/** What a member says of itself; of another application whatever can be read of it. */
function saysOf(metadata: Uint8Array): Omit<Subscriber, "memberId"> {
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
