/**
 * `deno task topics`: waits for Kafka, creates the topics that are missing, gives all order topics the
 * same number of partitions, and prints what it did.
 */
import { caller, runProgram } from "../program.ts";
import { Failure } from "../runtime/errors.ts";
import { accessChecks, kafkaAccess, kafkaSettings } from "../kafka/access.ts";
import { logSettings } from "../runtime/log.ts";
import { jsonSettings } from "../runtime/setting.ts";
import {
  createTopics,
  TooFewPartitions,
  topicSettings,
  type TopicsResult,
} from "../kafka/topics.ts";
import { createClient } from "../kafka/client/client.ts";
import { explain, isKafkaError } from "../kafka/client/errors.ts";
import { clusterReady } from "../kafka/client/cluster_ready.ts";
import { Names } from "../topology.ts";

function report({ created, existing, raised, partitions, replicationFactor }: TopicsResult) {
  const lines = raised.map(({ topic, from }) => `${topic}: ${from} → ${partitions} partitions`);
  if (created.length > 0) {
    lines.push(`created ${created.join(", ")}: replication factor ${replicationFactor}`);
  }
  lines.push(
    `${created.length + existing.length} topics are there; ` +
      `each order topic has ${partitions} partitions`,
  );
  if (raised.length > 0) {
    lines.push(
      `new orders go to one of ${partitions} partitions by their key; an order that has begun stays ` +
        "in its partition",
    );
  }
  return lines;
}

Deno.exit(
  await runProgram({
    name: "topics",
    settings: { ...topicSettings, ...jsonSettings, ...kafkaSettings, ...logSettings },
    checks: [...accessChecks],
    examples: [
      ["", "creates what is missing; may be repeated"],
      ["--partitions 24", "24 partitions for each order topic; partitions are only ever added"],
    ],
    async run({ config, signal }) {
      const access = kafkaAccess(config);
      const kafka = createClient(access, `topics-${Deno.pid}`);
      await clusterReady(kafka, {
        access,
        topics: [],
        signal,
        onWait: caller("topics").onWait,
      });
      if (signal.aborted) return 1;
      try {
        const names = new Names(config.topicPrefix);
        const result = await createTopics(kafka, names, config);
        console.log(config.json ? JSON.stringify(result, null, 2) : report(result).join("\n"));
      } catch (error) {
        if (error instanceof TooFewPartitions) throw new Failure(error.message);
        if (!isKafkaError(error)) throw error;
        throw new Failure(
          `Kafka at ${access.brokers.join(", ")} refuses: ${explain(error)}`,
        );
      }
    },
  }),
);
