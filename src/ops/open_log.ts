/** What a person's command starts with: waiting for Kafka, and a reader of the log. */
import { Failure } from "../runtime/program.ts";
import { createClient, explain, isKafkaError } from "../stream/client.ts";
import { clusterReady } from "../stream/cluster_ready.ts";
import { type LogReader, openLogReader } from "../stream/log_reader.ts";
import { Names } from "../topology.ts";

export interface OpenLog {
  readonly kafka: ReturnType<typeof createClient>;
  readonly reader: LogReader;
  readonly names: Names;
}

/**
 * Opens the log of the cluster that the settings name, and closes it after `work`.
 *
 * @param command who asks, for the broker's logs
 * @throws {Failure} it was stopped before Kafka answered, or Kafka failed in the middle
 */
export async function withLog<T>(
  config: { readonly brokers: readonly string[]; readonly topicPrefix: string },
  command: string,
  signal: AbortSignal,
  work: (log: OpenLog) => Promise<T>,
): Promise<T> {
  const { brokers, topicPrefix } = config;
  const kafka = createClient({ brokers, clientId: `${command}-${Deno.pid}` });
  const onWait = (reason: string) => console.error(`${command}: ${reason}`);
  await clusterReady(kafka, { brokers, topics: [], signal, onWait });
  if (signal.aborted) throw new Failure("stopped before Kafka answered");
  try {
    const reader = await openLogReader(kafka);
    try {
      return await work({ kafka, reader, names: new Names(topicPrefix) });
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (!isKafkaError(error)) throw error;
    throw new Failure(`Kafka at ${brokers.join(", ")} failed: ${explain(error)}`);
  }
}
