/** A compacted topic proves nothing: Kafka keeps the last message of each order there, and no other. */
import type { KafkaAdmin } from "../kafka/client/client.ts";
import { causeOf } from "../kafka/client/errors.ts";
import { Failure } from "../runtime/errors.ts";
import { deadLetterTopicOf, type Names, PROCESSORS, TOPIC_NAMES } from "../topology.ts";

/** A topic, as a resource of Kafka's protocol. */
const TOPIC_RESOURCE = 2;
const POLICY = "cleanup.policy";

/**
 * Asks how Kafka cleans up the topics that the audit reads.
 *
 * @returns what the report should say: that it could not be asked
 * @throws {Failure} a topic is compacted
 */
export async function refuseCompacted(
  admin: Pick<KafkaAdmin, "describeConfigs" | "listTopics">,
  names: Names,
): Promise<string[]> {
  const there = new Set(await admin.listTopics());
  const resources = [...TOPIC_NAMES, ...PROCESSORS.map(deadLetterTopicOf)]
    .map((topic) => names.topic(topic))
    .filter((topic) => there.has(topic))
    .map((name) => ({ type: TOPIC_RESOURCE, name, configNames: [POLICY] }));
  if (resources.length === 0) return [];
  try {
    const found = await admin.describeConfigs({ resources, includeSynonyms: false });
    for (const { resourceName, configEntries } of found.resources) {
      const policy = configEntries.find(({ configName }) => configName === POLICY)?.configValue;
      if (policy?.includes("compact")) throw compacted(resourceName, policy);
    }
    return [];
  } catch (error) {
    const { type } = causeOf(error) as { type?: string };
    if (type !== "TOPIC_AUTHORIZATION_FAILED") throw error;
    return [
      "whether a topic is compacted could not be checked: that needs the right DescribeConfigs on " +
      "the topics",
    ];
  }
}

function compacted(topic: string, policy: string): Failure {
  return new Failure(
    `${topic} is compacted (${POLICY}=${policy}): Kafka deletes all but the last message of each ` +
      `order, and nothing can be proven from the rest; set ${POLICY}=delete, such as with ` +
      `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ` +
      `${POLICY}=delete`,
  );
}
