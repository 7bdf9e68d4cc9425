/** Kafka's own tools, the yardstick: how fast the same broker is for its own clients. */
import type { Cluster } from "../local/kafka/cluster.ts";

/** Messages a second. */
export interface ToolRates {
  readonly produce: number;
  readonly consume: number;
  /** From one partition, in transactions. */
  readonly copy: number;
}

const TOPIC = "bench.tools";
const COPY_TOPIC = "bench.copy";
const GROUP = "bench.copier";
const MESSAGES = 500_000;
/** About the size of an order. */
const MESSAGE_BYTES = 350;
/** Copied by one transactional producer, 1,000 messages a transaction. */
const COPIED = 30_000;

/** Produces, consumes and copies in transactions; takes some seconds each. */
export async function kafkaTools(cluster: Cluster): Promise<ToolRates> {
  const { bootstrap } = cluster;
  for (const [topic, partitions] of [[TOPIC, 12], [COPY_TOPIC, 1]] as const) {
    await cluster.runTool("org.apache.kafka.tools.TopicCommand", [
      ...["--bootstrap-server", bootstrap, "--create", "--topic", topic],
      ...["--partitions", String(partitions), "--replication-factor", "1"],
    ]);
  }
  const produce = (topic: string, count: number) =>
    cluster.runTool("org.apache.kafka.tools.ProducerPerformance", [
      ...["--topic", topic, "--num-records", String(count), "--record-size", String(MESSAGE_BYTES)],
      ...["--throughput", "-1", "--producer-props", `bootstrap.servers=${bootstrap}`, "acks=all"],
      ...["linger.ms=5", "batch.size=131072"],
    ]);
  const produced = await produce(TOPIC, MESSAGES);

  const consumed = await cluster.runTool("org.apache.kafka.tools.ConsumerPerformance", [
    ...["--bootstrap-server", bootstrap, "--topic", TOPIC, "--num-records", String(MESSAGES)],
    "--hide-header",
  ]);

  await produce(COPY_TOPIC, COPIED);
  const copyStart = performance.now();
  const copied = await cluster.runTool("org.apache.kafka.tools.TransactionalMessageCopier", [
    ...["--broker-list", bootstrap, "--input-topic", COPY_TOPIC, "--input-partition", "0"],
    ...["--output-topic", TOPIC, "--consumer-group", GROUP, "--transactional-id", GROUP],
    ...["--max-messages", String(COPIED), "--transaction-size", "1000"],
  ]);
  return {
    produce: producerRate(produced),
    consume: consumerRate(consumed),
    copy: copierRate(copied, performance.now() - copyStart),
  };
}

/** `500000 records sent, 155763.2 records/sec (…)`: the last line is the sum. */
export function producerRate(printed: string): number {
  const rates = [...printed.matchAll(/([\d.]+) records\/sec/g)];
  return expectNumber(rates.at(-1)?.[1], printed);
}

/** `start, end, MB, MB/s, messages, messages/s, …`, in its last line. */
export function consumerRate(printed: string): number {
  const line = printed.trim().split("\n").at(-1) ?? "";
  return expectNumber(line.split(",")[5]?.trim(), printed);
}

/**
 * The copier prints JSON with the messages consumed at each progress report. The time is that of the
 * whole process, its start included.
 */
export function copierRate(printed: string, elapsedMs: number): number {
  const consumed = [...printed.matchAll(/"consumed":"?(\d+)/g)].map((match) => Number(match[1]));
  return 1_000 * expectNumber(String(Math.max(...consumed)), printed) / elapsedMs;
}

function expectNumber(text: string | undefined, printed: string): number {
  const value = Number(text);
  if (text === undefined || !Number.isFinite(value)) {
    throw new Error(`the tool printed no figure:\n${printed}`);
  }
  return value;
}
