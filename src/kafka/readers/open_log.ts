/** What a person's command starts with: waiting for Kafka, and a reader of the log. */
import type { Config } from "../../runtime/setting.ts";
import { Failure } from "../../runtime/errors.ts";
import { type compressionSettings, kafkaAccess, type kafkaSettings } from "../access.ts";
import { createClient } from "../client/client.ts";
import { explain, isKafkaError } from "../client/errors.ts";
import { clusterReady } from "../client/cluster_ready.ts";
import { type LogReader, withLogReader } from "./log_reader.ts";
import { describeUnreadable, type LocatedUnreadable } from "../protocol/unreadable.ts";
import { Names } from "../../topology.ts";

export interface OpenLog {
  readonly kafka: ReturnType<typeof createClient>;
  readonly reader: LogReader;
  readonly names: Names;
  /** Tells a person of a batch that cannot be read, once; the command leaves it out. */
  readonly onUnreadable: (batch: LocatedUnreadable) => void;
}

/** A person's command that reads the log. */
export interface Caller {
  /** For the broker's logs, and before what is said on stderr. */
  readonly name: string;
  /** Told once for each change of what it waits for. */
  readonly onWait: (reason: string) => void;
}

/**
 * Opens the log of the cluster that the settings name, and closes it after `work`.
 *
 * @throws {Failure} it was stopped before Kafka answered, or Kafka failed in the middle
 */
export async function withLog<T>(
  config: Config<typeof kafkaSettings> & Partial<Config<typeof compressionSettings>>,
  { name, onWait }: Caller,
  signal: AbortSignal,
  work: (log: OpenLog) => Promise<T>,
): Promise<T> {
  const access = kafkaAccess(config);
  const kafka = createClient(access, `${name}-${Deno.pid}`);
  await clusterReady(kafka, { access, topics: [], signal, onWait });
  if (signal.aborted) throw new Failure("stopped before Kafka answered");
  try {
    const names = new Names(config.topicPrefix);
    const onUnreadable = warnOnce(name);
    return await withLogReader(kafka, (reader) => work({ kafka, reader, names, onUnreadable }));
  } catch (error) {
    if (!isKafkaError(error)) throw error;
    throw new Failure(`Kafka at ${access.brokers.join(", ")} failed: ${explain(error)}`);
  }
}

function warnOnce(command: string): OpenLog["onUnreadable"] {
  const told = new Set<string>();
  return (batch) => {
    const line = describeUnreadable(batch, batch);
    if (told.has(line)) return;
    told.add(line);
    console.error(`${command}: ${line}; left out`);
  };
}
