/**
 * The consumer groups as Prometheus metrics. Names and labels are those of kafka_exporter, so that
 * dashboards made for it work; topics and groups have their names on the cluster. Each analytics sees all
 * groups: who scrapes several of them takes the maximum before adding up.
 */
import type { Registry } from "prom-client";
import { type GroupPosition, lagMessagesOf } from "../../../kafka/offsets/group_lag.ts";
import type { Names } from "../../../topology.ts";
import { type Metric, register } from "../metrics.ts";
import type { PartitionView } from "../web/live.ts";
import type { GroupWatch } from "./watch.ts";

type Watched = Pick<GroupWatch, "latest" | "groups">;
/** A gauge of what `T` says: its name, its help and its value. */
type GaugeOf<T> = readonly [name: string, help: string, value: (of: T) => number];

/** There are no samples while Kafka does not answer: no lag is not a lag of 0. */
export function registerGroups(registry: Registry, names: Names, watch: Watched): void {
  const metrics = [
    ...gauges(GROUPS, ["consumergroup"], () => groupRows(watch)),
    ...gauges(POSITIONS, ["consumergroup", "topic", "partition"], () => positionRows(names, watch)),
    ...gauges(WAITS, ["consumergroup", "topic", "partition"], () => waitRows(names, watch)),
    ...gauges(TOPICS, ["topic"], () => topicRows(names, watch)),
    ...gauges(LOGS, ["topic", "partition"], () => logRows(names, watch)),
  ];
  for (const metric of metrics) register(registry, metric);
}

function gauges<T, L extends Readonly<Record<string, string>>>(
  of: readonly GaugeOf<T>[],
  labelNames: (keyof L & string)[],
  rows: () => readonly (readonly [labels: L, of: T])[],
): Metric[] {
  return of.map(([gauge, help, value]) => ({
    gauge,
    help,
    labelNames,
    values: () => rows().map(([labels, row]) => [labels, value(row)] as const),
  }));
}

const GROUPS: readonly GaugeOf<number>[] = [
  ["kafka_consumergroup_members", "Members of a consumer group", (members) => members],
];

const POSITIONS: readonly GaugeOf<GroupPosition>[] = [
  [
    "kafka_consumergroup_lag",
    "Offsets that a consumer group is behind in a partition, control records among them",
    (position) => lagMessagesOf([position]),
  ],
  [
    "kafka_consumergroup_current_offset",
    "The next offset that a consumer group will read",
    ({ committed }) => committed,
  ],
];

/** By samples over time: Kafka's answers have no time in them. */
const WAITS: readonly GaugeOf<PartitionView>[] = [
  [
    "kafka_consumergroup_lag_seconds",
    "How long the oldest message that a consumer group has not read has been waiting, seconds",
    ({ lagMs }) => lagMs / 1_000,
  ],
  [
    "orderflow_partition_stalled_seconds",
    "For how long a group has not moved on in a partition that has messages for it, seconds",
    ({ stalledMs }) => stalledMs / 1_000,
  ],
];

const TOPICS: readonly GaugeOf<number>[] = [
  ["kafka_topic_partitions", "Partitions of a topic", (partitions) => partitions],
];

const LOGS: readonly GaugeOf<GroupPosition>[] = [
  [
    "kafka_topic_partition_current_offset",
    "The offset behind the last record of a partition",
    ({ end }) => end,
  ],
  [
    "kafka_topic_partition_oldest_offset",
    "The first offset of a partition that is still in the log",
    ({ first }) => first,
  ],
];

function groupRows({ latest }: Watched) {
  return (latest ?? []).map(({ group, members }) => [{ consumergroup: group }, members] as const);
}

function positionRows(names: Names, { latest }: Watched) {
  return (latest ?? []).flatMap(({ group, positions }) =>
    positions.map((position) => {
      const { topic, partition } = placeOf(names, position);
      return [{ consumergroup: group, topic, partition }, position] as const;
    })
  );
}

/** Several groups read a topic: any of them says where its log is. */
function logRows(names: Names, watch: Watched) {
  const rows = positionRows(names, watch).map(([{ topic, partition }, position]) =>
    [{ topic, partition }, position] as const
  );
  return [...new Map(rows.map((row) => [`${row[0].topic}/${row[0].partition}`, row])).values()];
}

function topicRows(names: Names, watch: Watched) {
  const byTopic = Map.groupBy(logRows(names, watch), ([{ topic }]) => topic);
  return [...byTopic].map(([topic, { length }]) => [{ topic }, length] as const);
}

function waitRows(names: Names, { groups }: Watched) {
  return (groups ?? []).flatMap(({ group, topics }) =>
    topics.flatMap(({ topic, partitions }) =>
      partitions.map((view) =>
        [{ consumergroup: group, ...placeOf(names, { ...view, topic }) }, view] as const
      )
    )
  );
}

function placeOf(names: Names, { topic, partition }: Pick<GroupPosition, "topic" | "partition">) {
  return { topic: names.topic(topic), partition: String(partition) };
}
