/** `deno task topics`: waits for Kafka, creates the topics that are missing, and says which. */
import { Failure, runProgram } from "../runtime/program.ts";
import {
  accessChecks,
  kafkaAccess,
  kafkaSettings,
  logSettings,
  topicSettings,
} from "../runtime/settings.ts";
import { createClient, explain, isKafkaError } from "../stream/client.ts";
import { clusterReady } from "../stream/cluster_ready.ts";
import { createTopics, PartitionsDiffer } from "../stream/topics.ts";
import { Names } from "../topology.ts";

Deno.exit(
  await runProgram({
    name: "topics",
    settings: { ...kafkaSettings, ...logSettings, ...topicSettings },
    checks: [...accessChecks],
    async run({ config, signal }) {
      const { partitions } = config;
      const access = kafkaAccess(config);
      const kafka = createClient(access, `topics-${Deno.pid}`);
      await clusterReady(kafka, {
        access,
        topics: [],
        signal,
        onWait: console.error,
      });
      if (signal.aborted) return 1;
      try {
        const names = new Names(config.topicPrefix);
        const { created, existing, replicationFactor } = await createTopics(kafka, names, config);
        if (created.length > 0) {
          console.log(`created ${created.join(", ")}: replication factor ${replicationFactor}`);
        }
        console.log(
          `${created.length + existing.length} topics are there; ` +
            `each order topic has ${partitions} partitions`,
        );
      } catch (error) {
        if (error instanceof PartitionsDiffer) throw new Failure(error.message);
        if (!isKafkaError(error)) throw error;
        throw new Failure(
          `Kafka at ${access.brokers.join(", ")} does not create them: ${explain(error)}`,
        );
      }
    },
  }),
);
