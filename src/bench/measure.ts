/** What the bench measures: logs on disk, CPU and memory of processes, and Kafka's own tools. */
import type { Broker } from "../local/kafka/broker.ts";
import { LOG_DIRECTORY } from "../local/kafka/java_runtime.ts";
import type { Cluster } from "../local/kafka/cluster.ts";

/** Bytes of all segments of topics, not of Kafka's own (`__…`). */
export async function logBytes({ directory }: Pick<Broker, "directory">): Promise<number> {
  let bytes = 0;
  const logs = `${directory}/${LOG_DIRECTORY}`;
  for await (const partition of Deno.readDir(logs)) {
    if (!partition.isDirectory || partition.name.startsWith("__")) continue;
    for await (const { name } of Deno.readDir(`${logs}/${partition.name}`)) {
      if (name.endsWith(".log")) {
        bytes += (await Deno.stat(`${logs}/${partition.name}/${name}`)).size;
      }
    }
  }
  return bytes;
}

/** What a process has used so far, according to Linux; NaN on other systems. */
export interface Usage {
  /** Largest resident size, MiB. */
  readonly peakMiB: number;
  readonly cpuSeconds: number;
}

/** Clock ticks a second in /proc: 100 on every Linux that matters. */
const TICKS_PER_SECOND = 100;

export async function usageOf(pid: number): Promise<Usage> {
  // Deno opens files of /proc itself only with all permissions.
  const cat = new Deno.Command("cat", {
    args: [`/proc/${pid}/stat`, `/proc/${pid}/status`],
    stderr: "null",
  });
  const text = await cat.output()
    .then(({ stdout }) => new TextDecoder().decode(stdout))
    .catch(() => "");
  // After the name in brackets: state, then eleven fields, then ticks in user and in system mode.
  const fields = text.slice(text.indexOf(") ") + 2).split(" ");
  return {
    peakMiB: Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? NaN) / 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
  };
}

// Kafka's own tools are the yardstick: how fast the same broker is for its own clients.

interface ToolFigure {
  readonly tool: string;
  /** Messages per second. */
  readonly perSecond: number;
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
export async function kafkaTools(cluster: Cluster): Promise<ToolFigure[]> {
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
  return [
    { tool: "ProducerPerformance", perSecond: producerRate(produced) },
    { tool: "ConsumerPerformance", perSecond: consumerRate(consumed) },
    {
      tool: "TransactionalMessageCopier, 1 partition",
      perSecond: copierRate(copied, performance.now() - copyStart),
    },
  ];
}

/** `500000 records sent, 155763.2 records/sec (…)`: the last line is the sum. */
function producerRate(printed: string): number {
  const rates = [...printed.matchAll(/([\d.]+) records\/sec/g)];
  return expectNumber(rates.at(-1)?.[1], printed);
}

/** `start, end, MB, MB/s, messages, messages/s, …`, in its last line. */
function consumerRate(printed: string): number {
  const line = printed.trim().split("\n").at(-1) ?? "";
  return expectNumber(line.split(",")[5]?.trim(), printed);
}

/**
 * The copier prints JSON with the messages consumed at each progress report. The time is that of the
 * whole process, its start included.
 */
function copierRate(printed: string, elapsedMs: number): number {
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
