/** Whether the whole pipeline is at rest: nothing is waiting for any service, and nothing came. */
import type { Kafka } from "kafkajs";
import { type Names, PROCESSORS, TOPIC_NAMES, topicsReadBy } from "../topology.ts";
import { hasCaughtUp } from "./backlog.ts";
import { openLogReader } from "./log_reader.ts";

/**
 * Whether every service has processed all there is for it, and nothing came meanwhile: what one has
 * processed while another was asked after would have been missed.
 */
export async function allCaughtUp(kafka: Kafka, names: Names): Promise<boolean> {
  const admin = kafka.admin();
  const reader = await openLogReader(kafka);
  const allEnds = async () =>
    JSON.stringify(
      await Promise.all(TOPIC_NAMES.map(async (topic) => [
        ...await reader.ends(names.topic(topic)),
      ])),
    );
  try {
    await admin.connect();
    const before = await allEnds();
    for (const service of PROCESSORS) {
      for (const topic of topicsReadBy(service)) {
        const group = names.group(service);
        if (!await hasCaughtUp(admin, reader, group, names.topic(topic))) return false;
      }
    }
    return await allEnds() === before;
  } finally {
    await Promise.allSettled([admin.disconnect(), reader.close()]);
  }
}
