/** What a processor counts, as Prometheus metrics. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export type ProcessorMetrics = ReturnType<typeof createProcessorMetrics>;
export type LossMetrics = ReturnType<typeof createLossMetrics>;

export function createProcessorMetrics(registry: Registry) {
  const registers = [registry];
  return {
    messages: new Counter({
      name: "orderflow_messages_total",
      help: "Messages processed, by input topic",
      labelNames: ["topic"],
      registers,
    }),
    events: new Counter({
      name: "orderflow_events_total",
      help: "Events published, by type",
      labelNames: ["event"],
      registers,
    }),
    deadLetters: new Counter({
      name: "orderflow_dead_letters_total",
      help: "Messages that went to the dead letters, by reason",
      labelNames: ["reason"],
      registers,
    }),
    batchSeconds: new Histogram({
      name: "orderflow_batch_seconds",
      help: "From decoding a batch to its commit, seconds",
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    partitions: new Gauge({
      name: "orderflow_assigned_partitions",
      help: "Input partitions assigned to this member",
      registers,
    }),
    topicPartitions: new Gauge({
      name: "orderflow_topic_partitions",
      help: "Partitions of a topic; order topics must have the same number; 0: it is gone",
      labelNames: ["topic"],
      registers,
    }),
    rebalances: new Counter({
      name: "orderflow_rebalances_total",
      help: "Rebalances of the group that this member took part in",
      registers,
    }),
    partitionRestarts: new Counter({
      name: "orderflow_partition_restarts_total",
      help: "Partitions assigned again after a failed transaction",
      registers,
    }),
    ...createLossMetrics(registry),
  };
}

/** What a reader of the log counts that is not there any more. */
export function createLossMetrics(registry: Registry) {
  const registers = [registry];
  return {
    recordsLost: new Counter({
      name: "orderflow_records_lost_total",
      help:
        "Offsets that are not in the log any more: deleted unread, or before the first start; " +
        "or truncated after they were processed",
      labelNames: ["topic", "why"],
      registers,
    }),
    recreations: new Counter({
      name: "orderflow_partitions_recreated_total",
      help: "Input partitions whose topic was found deleted and created anew",
      labelNames: ["topic"],
      registers,
    }),
  };
}
