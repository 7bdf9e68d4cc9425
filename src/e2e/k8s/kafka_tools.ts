/** Kafka's own tools, run in the stand-in's broker: they share no code with our client. */
import type { Cluster } from "../../kind/cluster.ts";

const JAVA = "java -Xmx128m -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*'";
const IN_BROKER = ["exec", "-i", "orderflow-dual-role-0", "-c", "kafka", "--"];
/** The listener that only the pod itself reaches; it asks for no login. */
const LOCAL = "127.0.0.1:9092";
/**
 * How long the console consumer waits for another message before it ends: the first time, and the
 * second. That includes joining its group, which on a busy machine may take longer than the first.
 */
const IDLE_MS = [8_000, 30_000];

/**
 * The longest time that passed between two committed records of one partition, among those of a topic
 * that were made from `fromMs` to `toMs` (epoch).
 */
export async function longestPauseMs(
  cluster: Cluster,
  topic: string,
  fromMs: number,
  toMs: number,
): Promise<{ partition: number; pauseMs: number }> {
  let printed = "";
  for (const idleMs of IDLE_MS) {
    printed = await printTimes(cluster, topic, idleMs);
    const longest = longestPauseIn(printed, fromMs, toMs);
    if (longest !== undefined) return longest;
  }
  throw new Error(`no records of ${topic} in that time:\n${printed}`);
}

/** The console consumer's word on each committed record of a topic: its time and partition. */
function printTimes(cluster: Cluster, topic: string, idleMs: number): Promise<string> {
  return cluster.kubectl([
    ...IN_BROKER,
    ...["sh", "-c"],
    `${JAVA} org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server ${LOCAL} ` +
    `--topic ${topic} --from-beginning --isolation-level read_committed --timeout-ms ${idleMs} ` +
    "--formatter-property print.timestamp=true --formatter-property print.partition=true " +
    "--formatter-property print.value=false --formatter-property print.key=false 2>&1",
  ]);
}

/** @returns undefined when no record is of that time */
function longestPauseIn(
  printed: string,
  fromMs: number,
  toMs: number,
): { partition: number; pauseMs: number } | undefined {
  const last = new Map<number, number>();
  let longest = { partition: -1, pauseMs: -1 };
  for (const [, time, number] of printed.matchAll(/CreateTime:(\d+)\tPartition:(\d+)/g)) {
    const [atMs, partition] = [Number(time), Number(number)];
    if (atMs < fromMs || atMs > toMs) continue;
    const pauseMs = atMs - (last.get(partition) ?? atMs);
    if (pauseMs > longest.pauseMs) longest = { partition, pauseMs };
    last.set(partition, Math.max(atMs, last.get(partition) ?? 0));
  }
  return longest.partition < 0 ? undefined : longest;
}

/** What Kafka answers a user over its TLS listener. */
export interface Answer {
  readonly code: number;
  readonly text: string;
}

/** Runs a tool over the TLS listener, as the KafkaUser whose Secret has this name. */
export async function asUser(
  cluster: Cluster,
  user: string,
  tool: string,
  args: string,
  options: { configFlag: string; stdin: string },
): Promise<Answer> {
  const encoded = await cluster.kubectl([
    ...["get", "secret", user, "-o", "jsonpath={.data.sasl\\.jaas\\.config}"],
  ]);
  const settings = [
    "security.protocol=SASL_SSL",
    "sasl.mechanism=SCRAM-SHA-512",
    `sasl.jaas.config=${atob(encoded)}`,
    "ssl.truststore.type=PEM",
    "ssl.truststore.location=/var/lib/kafka/certificates/ca.crt",
    "retries=0",
  ].join("\n");
  const script = `cat >/tmp/client.properties <<'SETTINGS'\n${settings}\nSETTINGS\n` +
    `printf '%s' '${options.stdin}' | ${JAVA} ${tool} ` +
    `--bootstrap-server orderflow-kafka-bootstrap.$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace).svc:9093 ` +
    `${options.configFlag} /tmp/client.properties ${args} 2>&1\n`;
  const { code, stdout, stderr } = await cluster.tryKubectl([...IN_BROKER, "sh", "-s"], {
    stdin: script,
  });
  return { code, text: stdout + stderr };
}
