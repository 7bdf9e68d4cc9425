/** Whether the whole pipeline is at rest: nothing is waiting for any service, and nothing came; or what is. */
import type { Kafka } from "kafkajs";
import { type Names, PROCESSORS, TOPIC_NAMES, topicsReadBy } from "../topology.ts";
import { backlogOf, hasCaughtUp } from "./backlog.ts";
import { isKafkaError } from "./client.ts";
import { type LogReader, openLogReader } from "./log_reader.ts";

/**
 * Whether every service has processed all there is for it, and nothing came meanwhile: what one has
 * processed while another was asked after would have been missed. While Kafka is away nobody knows:
 * false.
 */
export async function allCaughtUp(kafka: Kafka, names: Names): Promise<boolean> {
  const admin = kafka.admin();
  let reader: LogReader | undefined;
  try {
    await admin.connect();
    reader = await openLogReader(kafka);
    const before = await allEnds(reader, names);
    for (const service of PROCESSORS) {
      for (const topic of topicsReadBy(service)) {
        const group = names.group(service);
        if (!await hasCaughtUp(admin, reader, group, names.topic(topic))) return false;
      }
    }
    return await allEnds(reader, names) === before;
  } catch (error) {
    if (!isKafkaError(error)) throw error;
    return false;
  } finally {
    await Promise.allSettled([admin.disconnect(), reader?.close()]);
  }
}

/** Messages that wait for a service in one partition. */
export interface Waiting {
  /** The consumer group's and the topic's name on the cluster. */
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly messages: number;
}

/**
 * What waits for the services: takes as long as it takes to read all that.
 *
 * @throws when Kafka does not answer
 */
export async function whatWaits(
  kafka: Kafka,
  reader: LogReader,
  names: Names,
): Promise<Waiting[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const waiting: Waiting[] = [];
    for (const service of PROCESSORS) {
      for (const topic of topicsReadBy(service).map((name) => names.topic(name))) {
        if (!await reader.partitionsOf(topic)) continue;
        const group = names.group(service);
        for (const [partition, messages] of await backlogOf(admin, reader, group, topic)) {
          waiting.push({ group, topic, partition, messages });
        }
      }
    }
    return waiting;
  } finally {
    await admin.disconnect();
  }
}

/** Where the order topics end, as something that can be compared. */
async function allEnds(reader: LogReader, names: Names): Promise<string> {
  const ends = await Promise.all(
    TOPIC_NAMES.map(async (topic) => [...await reader.ends(names.topic(topic))]),
  );
  return JSON.stringify(ends);
}
