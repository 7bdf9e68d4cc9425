/**
 * `deno task chart:topology` writes what the chart has to know of src/topology.ts into
 * orderflow/topology.yaml: helm reads no TypeScript. A test compares the two.
 */
import { basename } from "node:path";
import { topicConfigs } from "../src/kafka/topics.ts";
import { AUDIT_REPORTS, Names, PROCESSORS, TOPIC_NAMES, TOPICS } from "../src/topology.ts";

export const TOPOLOGY_FILE = new URL("orderflow/topology.yaml", import.meta.url);

/** The file's text, formatted as `deno fmt` wants it. */
export function chartTopology(): string {
  const list = (names: readonly string[]) => `[${names.join(", ")}]`;
  const topics = TOPIC_NAMES.map((topic) => {
    const { writers, readers } = TOPICS[topic];
    return `  ${topic}:\n    writers: ${list(writers)}\n    readers: ${list(readers)}\n`;
  });
  const configs = topicConfigs(new Names(), { partitions: 1, replicationFactor: 1 });
  const shapeOf = (isIt: (topic: string) => boolean) => {
    const { numPartitions, configEntries } = configs.find(({ topic }) => isIt(topic))!;
    const entries = configEntries!.map(({ name, value }) => `    ${name}: ${value}\n`);
    return `  partitions: ${numPartitions}\n  config:\n${entries.join("")}`;
  };
  return `\
# Made from src/topology.ts by \`deno task chart:topology\`: do not edit. Topics, users and what each
# may do come from here.

# In the order in which an order flows through them.
topics:
${topics.join("")}
# Those that consume, transform and produce: each has transactions and a topic of dead letters.
processors: ${list(PROCESSORS)}

# How each topic of dead letters is.
deadLetters:
${shapeOf((topic) => topic.startsWith("dlq."))}
# Where each audit publishes its report.
auditReports:
  topic: ${AUDIT_REPORTS}
${shapeOf((topic) => topic === AUDIT_REPORTS)}`;
}

/** @returns what was done, for people */
export function writeTopology(file: URL, text: string): string {
  const name = `charts/orderflow/${basename(file.pathname)}`;
  if (readIfThere(file) === text) return `${name} is up to date`;
  Deno.writeTextFileSync(file, text);
  return `${name} written`;
}

function readIfThere(file: URL): string | undefined {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

if (import.meta.main) console.log(writeTopology(TOPOLOGY_FILE, chartTopology()));
