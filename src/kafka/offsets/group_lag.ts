/**
 * How far each consumer group of the topology is behind, who its members are and what each owns: two
 * requests to each coordinator, and two to each leader.
 *
 * Lag is counted in offsets. A transactional topic ends in a control record that no consumer sees: one
 * that does not step over it stays 1 behind, in each partition, forever. Nothing is subtracted for
 * that: by its offsets it is the same as one unread message. readers/backlog.ts reads what is there.
 */
import type { Kafka } from "kafkajs";
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
import { GroupCoordinators } from "./group_coordinators.ts";
import type { DescribedGroup } from "../protocol/coordinator_requests.ts";
import { committedRequests, describeGroupsRequest } from "./group_requests.ts";
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
  readonly cluster: Cluster;
  readonly coordinators: GroupCoordinators;
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
  const named = groups.map(({ name }) => name);
  let connected: Promise<Connections> | undefined;
  const connect = async (): Promise<Connections> => {
    const cluster = createCluster(kafka);
    try {
      await cluster.connect();
      await cluster.refreshMetadata();
    } catch (error) {
      await cluster.disconnect().catch(() => {});
      throw error;
    }
    return { cluster, coordinators: new GroupCoordinators(cluster) };
  };
  const close = async () => {
    const connections = await connected?.catch(() => undefined);
    connected = undefined;
    await connections?.cluster.disconnect().catch(() => {});
  };
  return {
    async read() {
      try {
        const { cluster, coordinators } = await (connected ??= connect());
        const [described, ends, committed] = await allOf([
          coordinators.ask(named, (_, groups) => [describeGroupsRequest(groups)]),
          logEndsByTopic(cluster, topics.map((topic) => names.topic(topic))),
          coordinators.ask(named, committedRequests),
        ]);
        return groups.map((group) => {
          const offsets = committed.get(group.name)?.offsets ?? [];
          const committedIn = (topic: string) =>
            new Map(
              offsets.filter((of) => of.topic === topic)
                .map(({ partition, offset }) => [partition, offset]),
            );
          const positions = group.topics.flatMap((topic) => {
            const name = names.topic(topic);
            return positionsIn(topic, endsIn(ends, name), committedIn(name));
          });
          return stateOf(group, described.get(group.name), positions, names);
        });
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
  described: DescribedGroup | undefined,
  positions: readonly GroupPosition[],
  names: Names,
): GroupState {
  const lags = topics.map((topic) => ({
    topic,
    lagMessages: lagMessagesOf(positions.filter((position) => position.topic === topic)),
  }));
  const own = topics.map((topic) => names.topic(topic));
  const memberList = (described?.members ?? []).map((member) => {
    const subscription = subscriptionIn(member.metadata);
    return {
      memberId: member.memberId,
      clientId: member.clientId,
      host: member.host.replace(/^\//, ""),
      owned: ownedBy(member.assignment, topics, names),
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
