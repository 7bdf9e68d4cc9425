/** What a processor counts, as Prometheus metrics. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { DEAD_LETTER_REASONS, LOSS_REASONS } from "../events/reasons.ts";
import {
  type Processor,
  type Service,
  TOPICS,
  topicsReadBy,
  topicsWrittenBy,
  writerOf,
} from "../topology.ts";

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
    retries: new Counter({
      name: "orderflow_handler_retries_total",
      help: "Batches that the handler was given once more, because a database or gateway was away",
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

/** The first of a kind is an increase, and not the first that is heard of it: that is no news to an alert. */
export function startAtZero(metrics: ProcessorMetrics, service: Processor): ProcessorMetrics {
  for (const topic of topicsReadBy(service)) metrics.messages.inc({ topic }, 0);
  for (const topic of topicsWrittenBy(service)) {
    for (const event of TOPICS[topic].events) {
      if (writerOf(event) === service) metrics.events.inc({ event }, 0);
    }
  }
  for (const reason of DEAD_LETTER_REASONS) metrics.deadLetters.inc({ reason }, 0);
  lossesAtZero(metrics, service);
  return metrics;
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

/** As `startAtZero`. */
export function lossesAtZero<M extends LossMetrics>(metrics: M, service: Service): M {
  for (const topic of topicsReadBy(service)) {
    metrics.recreations.inc({ topic }, 0);
    for (const why of LOSS_REASONS) metrics.recordsLost.inc({ topic, why }, 0);
  }
  return metrics;
}
