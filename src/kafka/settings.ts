import { integer, optional, string } from "../runtime/setting.ts";
import { DEFAULT_PARTITIONS } from "../topology.ts";
import { accessSettings } from "./access.ts";

/** Access to Kafka, and the names and sizes of topics. */
export const kafkaSettings = {
  ...accessSettings,
  topicPrefix: string({
    env: "TOPIC_PREFIX",
    fallback: "",
    pattern: /^[A-Za-z0-9._-]{0,40}$/,
    expected: "at most 40 letters, digits, dots, dashes and underscores",
    help: "prefix of every topic, group and transactional id; keeps several orderflows apart",
  }),
};

export const topicSettings = {
  partitions: optional(integer({
    env: "PARTITIONS",
    option: "partitions",
    fallback: "",
    min: 1,
    max: 1_000,
    fallbackHelp: `as many as the largest has, or ${DEFAULT_PARTITIONS}`,
    help: "partitions of each order topic; those with fewer get more",
  })),
  replicationFactor: optional(integer({
    env: "REPLICATION_FACTOR",
    fallback: "",
    min: 1,
    max: 10,
    fallbackHelp: "one on each broker, at most 3",
    help: "copies of each partition of a new topic",
  })),
};
