/** What the test of rights does to its broker: users, dead letters, a run that was cut off, tasks. */
import { openDatabase } from "../../src/database/open.ts";
import { aclsOf } from "../../src/e2e/support/strimzi_stand_in/users.ts";
import type { DeadLetterReason } from "../../src/events/reasons.ts";
import { createClient, type KafkaClient, withAdmin } from "../../src/kafka/client/client.ts";
import { toDeadLetterMessage } from "../../src/kafka/dead_letters.ts";
import type { ProducerRecord } from "../../src/kafka/producer/transactional_sender.ts";
import {
  fileAt,
  type SecureTestBroker,
  startSecureTestBroker,
} from "../../src/local/testing/secure_broker.ts";
import { createTopics } from "../../src/kafka/topics.ts";
import { argumentsOf, PROJECT } from "../../src/local/task.ts";
import { beginRun, simulatorTables } from "../../src/services/simulator/runs.ts";
import { deadLetterTopicOf, Names, type Processor, type Topic } from "../../src/topology.ts";
import { render, type Resource } from "./helm.ts";

const TASK_LIMIT_MS = 90_000;

/** A broker with the chart's users, and what they need to use it. */
export interface Rights extends AsyncDisposable {
  /** In the project: tasks may write nowhere else. */
  readonly directory: string;
  /** A client without login, which may do everything. */
  readonly kafka: KafkaClient;
  /** The settings of tables in `directory`. */
  readonly tables: Readonly<Record<string, string>>;
  /** The settings of a process that logs in as `<release>-<user>`. */
  envOf(user: string): Record<string, string>;
  clientOf(user: string): KafkaClient;
}

export async function openRights(): Promise<Rights> {
  const data = new URL(".data/", PROJECT).pathname;
  await Deno.mkdir(data, { recursive: true });
  await using opened = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ dir: data, prefix: "rights-" });
  opened.defer(() => Deno.remove(directory, { recursive: true }));
  const secure = await startSecureTestBroker(directory);
  opened.use(secure.broker);
  const kafka = createClient({ brokers: [secure.broker.bootstrap] }, "test");
  await createTopics(kafka, new Names(), { partitions: 4, replicationFactor: 1 });
  const passwords = new Map<string, string>();
  const rendered = await render("default", ["--set", "dlq.enabled=true"]);
  for (const user of rendered.filter(({ kind }) => kind === "KafkaUser")) {
    passwords.set(user.metadata.name, await makeUser(secure, kafka, user));
  }
  const tables = { DATA_DIR: directory, DATABASE_URL: "", NO_COLOR: "1" };
  const loginOf = (user: string) => {
    const username = `orderflow-${user}`;
    return { username, passwordFile: passwords.get(username)! };
  };
  const all = opened.move();
  return {
    directory,
    kafka,
    tables,
    envOf(user) {
      const { username, passwordFile } = loginOf(user);
      return {
        KAFKA_BROKERS: secure.bootstrap,
        KAFKA_SSL_CA_FILE: secure.caFile,
        TOPIC_PREFIX: "",
        KAFKA_SASL_USERNAME: username,
        KAFKA_SASL_PASSWORD_FILE: passwordFile,
        ...tables,
      };
    },
    clientOf(user) {
      const { username, passwordFile } = loginOf(user);
      const login = { mechanism: "scram-sha-512", username, secret: fileAt(passwordFile) } as const;
      const tls = { caFile: fileAt(secure.caFile) };
      return createClient({ brokers: [secure.bootstrap], tls, login }, "intruder");
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** What Strimzi's user operator does with a KafkaUser. @returns the file with the password */
async function makeUser(
  secure: SecureTestBroker,
  kafka: KafkaClient,
  { metadata: { name }, spec }: Resource,
): Promise<string> {
  await withAdmin(kafka, (admin) => admin.createAcls({ acl: aclsOf(name, spec) }));
  return await secure.addUser(name);
}

/** A dead letter of a service, as if it had failed on a message of `topic`. */
export function deadLetterOf(
  service: Processor,
  topic: Topic,
  reason: DeadLetterReason,
): ProducerRecord {
  const raw = { offset: 0, key: null, value: new TextEncoder().encode("{"), headers: {} };
  const { headers } = toDeadLetterMessage(
    { topic, partition: 1, raw, fault: { reason, detail: "" } },
    { topic, group: service, attempts: 1, time: new Date().toISOString() },
  );
  return {
    topic: deadLetterTopicOf(service),
    partition: 0,
    key: raw.key,
    value: raw.value,
    headers: headers as Record<string, string>,
  };
}

/** Leaves a run behind that was cut off: whoever goes on with it has to read orders.raw. */
export async function leaveCutOff(directory: string, runId: string): Promise<void> {
  const database = await openDatabase({ directory, owner: "simulator", tables: simulatorTables });
  const orders = { seed: 1, refusedShare: 0.04, brokenShare: 0.002, zipfExponent: 1 };
  const run = await beginRun(database, { runId, orders }, Date.now());
  await run.save({ acknowledged: 0, placed: 100 }, Date.now());
  await database.close();
}

/** Runs a task to its end with its own permissions, and this environment beside ours. */
export async function runTask(task: string, args: string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf(task), ...args],
    cwd: PROJECT,
    env,
    // Without a right a task waits for it.
    signal: AbortSignal.timeout(TASK_LIMIT_MS),
  }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout) + text.decode(stderr) };
}
