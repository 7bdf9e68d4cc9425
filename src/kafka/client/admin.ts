/** What is asked of a cluster once, by an admin of kafkajs that is connected for it. */
import type { KafkaAdmin, KafkaClient } from "./client.ts";

/** @throws what `work` throws; or no broker answers */
export async function withAdmin<T>(
  kafka: KafkaClient,
  work: (admin: KafkaAdmin) => Promise<T>,
): Promise<T> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** How many members a consumer group has. */
export function groupSize(kafka: KafkaClient, group: string): Promise<number> {
  return withAdmin(kafka, async (admin) => {
    const { groups } = await admin.describeGroups([group]);
    return groups[0]?.members.length ?? 0;
  });
}
