/**
 * How far each consumer group of the topology is behind, and how many members it has. About twenty
 * small requests: one offset request a group, two a topic, one for all members.
 *
 * Lag is counted in offsets. A transactional topic ends in a control record that no consumer sees: one
 * who does not step over it stays 1 behind, in each partition, for ever. Nothing is subtracted for
 * that, because from outside it looks the same as one message that nobody reads.
 */
import type { Admin, Kafka } from "kafkajs";
import { type Names, type Service, type Topic, TOPIC_NAMES, TOPICS } from "../topology.ts";
import { logEnds } from "./offsets.ts";

export interface GroupLag {
  readonly service: Service;
  /** The group's name on the cluster. */
  readonly group: string;
  readonly members: number;
  /** Over all topics, messages. */
  readonly lagMessages: number;
  readonly topics: readonly { readonly topic: Topic; readonly lagMessages: number }[];
}

export interface GroupLagReader {
  /**
   * All groups, in the order of the flow. May be called again after it threw.
   *
   * @throws when the cluster does not answer, or a topic is not there
   */
  read(): Promise<GroupLag[]>;
  close(): Promise<void>;
}

interface Group {
  readonly service: Service;
  readonly name: string;
  readonly topics: readonly Topic[];
}

/** The groups of the topology and the topics that each reads. */
function groupsOf(names: Names): Group[] {
  const topics = new Map<Service, Topic[]>();
  for (const topic of TOPIC_NAMES) {
    for (const service of TOPICS[topic].readers) {
      topics.set(service, [...topics.get(service) ?? [], topic]);
    }
  }
  return [...topics].map(([service, topics]) => ({ service, name: names.group(service), topics }));
}

export function createGroupLagReader(kafka: Kafka, names: Names): GroupLagReader {
  const groups = groupsOf(names);
  const topics = TOPIC_NAMES.filter((topic) =>
    groups.some((group) => group.topics.includes(topic))
  );
  let connected: Promise<Admin> | undefined;
  const connect = async () => {
    const admin = kafka.admin({ retry: { retries: 1 } });
    await admin.connect();
    return admin;
  };
  const close = async () => {
    const admin = await connected?.catch(() => undefined);
    connected = undefined;
    await admin?.disconnect().catch(() => {});
  };
  return {
    async read() {
      try {
        const admin = await (connected ??= connect());
        const [described, ends, committed] = await Promise.all([
          admin.describeGroups(groups.map(({ name }) => name)),
          Promise.all(
            topics.map(async (topic) => [topic, await logEnds(admin, names.topic(topic))] as const),
          ),
          Promise.all(groups.map((group) => committedBy(admin, group, names))),
        ]);
        const endsByTopic = new Map(ends);
        return groups.map((group, index) => {
          const lags = group.topics.map((topic) => ({
            topic,
            lagMessages: lagMessagesOf(
              endsByTopic.get(topic)!,
              committed[index]!.get(names.topic(topic)),
            ),
          }));
          return {
            service: group.service,
            group: group.name,
            members: described.groups.find(({ groupId }) =>
              groupId === group.name
            )?.members.length ??
              0,
            lagMessages: lags.reduce((sum, { lagMessages }) => sum + lagMessages, 0),
            topics: lags,
          };
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

/** A group's committed offsets by topic (name on the cluster) and partition, in one request. */
async function committedBy(admin: Admin, group: Group, names: Names) {
  const answers = await admin.fetchOffsets({
    groupId: group.name,
    topics: group.topics.map((topic) => names.topic(topic)),
  });
  return new Map(
    answers.map(({ topic, partitions }) => [
      topic,
      new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)])),
    ]),
  );
}

/**
 * @param ends first offset and end of the log by partition
 * @param committed by partition; missing, or negative, where nothing was committed
 */
export function lagMessagesOf(
  ends: ReadonlyMap<number, { readonly first: number; readonly end: number }>,
  committed: ReadonlyMap<number, number> = new Map(),
): number {
  let lag = 0;
  for (const [partition, { first, end }] of ends) {
    // Where the log was cut off behind the group, what is gone is not waiting for it.
    lag += Math.max(0, end - Math.max(first, committed.get(partition) ?? first));
  }
  return lag;
}
