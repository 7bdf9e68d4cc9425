import { storeSettings } from "../database/settings.ts";
import { cloudEventSettings } from "../events/cloud_events.ts";
import { compressionSettings, kafkaSettings } from "../kafka/access.ts";
import { tracingSettings } from "../kafka/tracing/open.ts";
import { GUARANTEES } from "../kafka/processor/options.ts";
import { allowedHostsSetting } from "../runtime/http.ts";
import { logSettings } from "../runtime/log.ts";
import { choice, flag, integer, string } from "../runtime/setting.ts";

/** What every long-running process has. */
export const serviceSettings = {
  ...kafkaSettings,
  ...logSettings,
  httpHost: string({
    env: "HTTP_HOST",
    fallback: "127.0.0.1",
    pattern: /^[^[\]\s]+$/,
    expected: "an address without brackets, such as 127.0.0.1 or ::1",
    help: "the address that /livez, /readyz and /metrics are served at",
  }),
  httpPort: integer({
    env: "HTTP_PORT",
    fallback: "0",
    min: 0,
    max: 65_535,
    help: "the port of /livez, /readyz and /metrics; 0: any free port",
  }),
  allowedHosts: allowedHostsSetting,
  memberName: string({
    env: "MEMBER_NAME",
    fallback: "",
    fallbackHelp: "service and process id, in a container service and host name",
    help: "the name of this process in its consumer group, such as its pod's",
  }),
  drainTimeoutMs: integer({
    env: "DRAIN_TIMEOUT_MS",
    fallback: "15000",
    min: 1_000,
    max: 300_000,
    help: "how long a stop may take to finish what is in flight",
  }),
  stopWithStdin: flag({
    env: "STOP_WITH_STDIN",
    fallback: "false",
    help: "stop when standard input ends, so that a supervisor that is killed leaves no orphans",
  }),
};

/** What the four services have that consume, transform and produce. */
export const processorSettings = {
  ...serviceSettings,
  ...compressionSettings,
  ...cloudEventSettings,
  ...storeSettings,
  ...tracingSettings,
  guarantee: choice({
    env: "PROCESSING_GUARANTEE",
    fallback: "exactly_once",
    words: GUARANTEES,
    help: "exactly_once: outputs and offsets in one Kafka transaction; at_least_once: without",
  }),
  sessionTimeoutMs: integer({
    env: "SESSION_TIMEOUT_MS",
    fallback: "10000",
    min: 6_000,
    max: 300_000,
    help: "after how long without a heartbeat a member is removed from its consumer group",
  }),
  transactionTimeoutMs: integer({
    env: "TRANSACTION_TIMEOUT_MS",
    fallback: "60000",
    min: 6_000,
    max: 900_000,
    help: "how long a transaction may stay open: longer than any absence of Kafka's coordinators",
  }),
  maxBatch: integer({
    env: "MAX_BATCH",
    fallback: "1000",
    min: 1,
    max: 10_000,
    help: "the most messages in one transaction",
  }),
};
