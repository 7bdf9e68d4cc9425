/**
 * How far each consumer group of the topology is behind, who its members are and what each owns. About
 * ten small requests: one offset request a group, two a leader, one for all members.
 *
 * Lag is counted in offsets. A transactional topic ends in a control record that no consumer sees: one
 * that does not step over it stays 1 behind, in each partition, forever. Nothing is subtracted for
 * that: by its offsets it is the same as one unread message. readers/backlog.ts reads what is there.
 */
import type { Admin, GroupDescription, Kafka } from "kafkajs";
import { AssignerProtocol } from "../patches/kafkajs.ts";
import {
  CONSUMERS,
  type Names,
  type Service,
  type Topic,
  TOPIC_NAMES,
  topicsReadBy,
} from "../../topology.ts";
import { subscriptionIn } from "../group/assigner.ts";
import { isSubscription } from "../group/foreign_members.ts";
import { committedOffsetsByTopic } from "./committed_offsets.ts";
import { LeaderUnknown, type LogEnd, logEndsByTopic } from "./log_ends.ts";
import { type Cluster, createCluster } from "../client/cluster.ts";

export interface GroupLag {
  readonly service: Service;
  /** The group's name on the cluster. */
  readonly group: string;
  readonly members: number;
  /** Over all topics, messages. */
  readonly lagMessages: number;
  readonly topics: readonly { readonly topic: Topic; readonly lagMessages: number }[];
}

export interface GroupMember {
  readonly memberId: string;
  /** What the process calls itself. */
  readonly clientId: string;
  /** Its address, as the broker sees it. */
  readonly host: string;
  /** What it was assigned; nothing while the group rebalances. */
  readonly owned: readonly { readonly topic: Topic; readonly partition: number }[];
  /** The topics that it reads, by their names on the cluster; undefined while the group rebalances. */
  readonly subscription: readonly string[] | undefined;
  /** It reads something else than the group's own members: another application. */
  readonly isForeign: boolean;
}

/** How far a group has come in one partition. */
export interface GroupPosition {
  readonly topic: Topic;
  readonly partition: number;
  /** The next offset that the group will read, as far as it has said so. */
  readonly committed: number;
  /** What it has said; undefined where it has committed nothing. */
  readonly stored: number | undefined;
  /** The first offset that is still in the log: what the group had not read below it is lost. */
  readonly first: number;
  /** The offset after the last record. */
  readonly end: number;
}

export interface GroupState extends GroupLag {
  /** Kafka's word: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead. */
  readonly state: string;
  readonly memberList: readonly GroupMember[];
  readonly positions: readonly GroupPosition[];
}

interface GroupLagReader {
  /**
   * All groups (or the one), in the order of the flow. May be called again after it threw.
   *
   * @throws when the cluster does not answer, or a topic is not there
   */
  read(): Promise<GroupState[]>;
  close(): Promise<void>;
}

interface Connections {
  readonly admin: Admin;
  /** For where the logs end: kafkajs's admin fails when it is asked that twice at once. */
  readonly cluster: Cluster;
}

interface Group {
  readonly service: Service;
  readonly name: string;
  readonly topics: readonly Topic[];
}

/** The groups of the topology, in the order of the flow, and the topics that each reads. */
function groupsOf(names: Names): Group[] {
  return CONSUMERS.map((service) => ({
    service,
    name: names.group(service),
    topics: topicsReadBy(service),
  }));
}

/** @param only the service whose group is read, and no other; all of them by default */
export function createGroupLagReader(kafka: Kafka, names: Names, only?: Service): GroupLagReader {
  const groups = groupsOf(names).filter(({ service }) => service === (only ?? service));
  const topics = TOPIC_NAMES.filter((topic) =>
    groups.some((group) => group.topics.includes(topic))
  );
  let connected: Promise<Connections> | undefined;
  const connect = async (): Promise<Connections> => {
    const admin = kafka.admin({ retry: { retries: 1 } });
    const cluster = createCluster(kafka);
    // Not at once: what connects after the other has failed would stay connected.
    await admin.connect();
    try {
      await cluster.connect();
    } catch (error) {
      await admin.disconnect().catch(() => {});
      throw error;
    }
    return { admin, cluster };
  };
  const close = async () => {
    const connections = await connected?.catch(() => undefined);
    connected = undefined;
    await connections?.admin.disconnect().catch(() => {});
    await connections?.cluster.disconnect().catch(() => {});
  };
  return {
    async read() {
      try {
        const { admin, cluster } = await (connected ??= connect());
        const [described, ends, committed] = await allOf([
          admin.describeGroups(groups.map(({ name }) => name)),
          logEndsByTopic(cluster, topics.map((topic) => names.topic(topic))),
          allOf(groups.map((group) =>
            committedOffsetsByTopic(
              admin,
              group.name,
              group.topics.map((topic) => names.topic(topic)),
            )
          )),
        ]);
        return groups.map((group, index) =>
          stateOf(
            group,
            described.groups.find(({ groupId }) => groupId === group.name),
            group.topics.flatMap((topic) =>
              positionsIn(
                topic,
                endsIn(ends, names.topic(topic)),
                committed[index]!.get(names.topic(topic)),
              )
            ),
            names,
          )
        );
      } catch (error) {
        // Whatever it was, the next time begins with connections of its own.
        await close();
        throw error;
      }
    },
    close,
  };
}

/** As `Promise.all`, but settles last of all: what still asked would connect again behind a close. */
async function allOf<T extends readonly unknown[] | []>(
  work: T,
): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  await Promise.allSettled(work);
  return await Promise.all(work);
}

/** @throws {LeaderUnknown} there is no such topic: no lag is not a lag of 0 */
function endsIn(ends: ReadonlyMap<string, Map<number, LogEnd>>, topic: string) {
  const partitions = ends.get(topic);
  if (!partitions?.size) throw new LeaderUnknown(topic);
  return partitions;
}

/**
 * @param ends first offset and end of the log by partition
 * @param committed by partition; missing, or negative, where nothing was committed
 */
export function positionsIn(
  topic: Topic,
  ends: ReadonlyMap<number, LogEnd>,
  committed: ReadonlyMap<number, number> = new Map(),
): GroupPosition[] {
  return [...ends].toSorted(([a], [b]) => a - b).map(([partition, { first, end }]) => ({
    topic,
    partition,
    // Where the log was cut off behind the group, what is gone is not waiting for it.
    committed: Math.max(first, committed.get(partition) ?? first),
    stored: storedOf(committed.get(partition)),
    first,
    end,
  }));
}

/** Kafka's -1 is no offset. */
function storedOf(committed: number | undefined): number | undefined {
  return committed !== undefined && committed >= 0 ? committed : undefined;
}

/** How many offsets were deleted before the group had read them. */
export function lostBefore({ stored, first }: GroupPosition): number {
  return Math.max(0, first - (stored ?? first));
}

function stateOf(
  { service, name, topics }: Group,
  described: GroupDescription | undefined,
  positions: readonly GroupPosition[],
  names: Names,
): GroupState {
  const lags = topics.map((topic) => ({
    topic,
    lagMessages: lagMessagesOf(positions.filter((position) => position.topic === topic)),
  }));
  const own = topics.map((topic) => names.topic(topic));
  const memberList = (described?.members ?? []).map((member) => {
    const subscription = subscriptionIn(member.memberMetadata);
    return {
      memberId: member.memberId,
      clientId: member.clientId,
      host: member.clientHost.replace(/^\//, ""),
      owned: ownedBy(member.memberAssignment, topics, names),
      subscription,
      // While the group rebalances no member says anything.
      isForeign: described?.state === "Stable" && !isSubscription(own, subscription),
    };
  });
  return {
    service,
    group: name,
    state: described?.state ?? "Dead",
    members: memberList.length,
    memberList,
    lagMessages: lagMessagesOf(positions),
    topics: lags,
    positions,
  };
}

function ownedBy(assignment: Uint8Array, topics: readonly Topic[], names: Names) {
  // It is empty while the group rebalances.
  if (assignment.length === 0) return [];
  const byTopic = AssignerProtocol.MemberAssignment.decode(Buffer.from(assignment))?.assignment;
  return topics.flatMap((topic) =>
    (byTopic?.[names.topic(topic)] ?? []).toSorted((a, b) => a - b)
      .map((partition) => ({ topic, partition }))
  );
}

export function lagMessagesOf(positions: readonly GroupPosition[]): number {
  // A log that was made anew may end before what was committed.
  return positions.reduce((sum, { committed, end }) => sum + Math.max(0, end - committed), 0);
}
