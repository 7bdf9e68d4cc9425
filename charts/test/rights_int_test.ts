/**
 * The rights of the chart's KafkaUsers, on a real broker with an authorizer: the pipeline works with
 * them, each process with its own and with the permissions of its task, and nobody can do what is
 * another's.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Kafka,
  ResourcePatternTypes,
} from "kafkajs";
import type { DeadLetterReason } from "../../src/events/reasons.ts";
import {
  fileAt,
  type SecureTestBroker,
  startSecureTestBroker,
} from "../../src/local/testing/secure_broker.ts";
import { argumentsOf, PROJECT, startTask } from "../../src/local/supervise.ts";
import { beginRun, simulatorTables } from "../../src/services/simulator/runs.ts";
import { openDatabase } from "../../src/database/open.ts";
import { createClient } from "../../src/kafka/client/client.ts";
import { REPLAYED_FROM, toDeadLetterMessage } from "../../src/kafka/dead_letters.ts";
import { openLogReader } from "../../src/kafka/readers/log_reader.ts";
import { openPublisher } from "../../src/kafka/producer/publisher.ts";
import { until } from "../../src/kafka/testing/topics.ts";
import { createTopics } from "../../src/kafka/topics.ts";
import {
  openTransactionalSender,
  type ProducerRecord,
} from "../../src/kafka/producer/transactional_sender.ts";
import {
  deadLetterTopicOf,
  Names,
  type Processor,
  PROCESSORS,
  type Service,
  type Topic,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
} from "../../src/topology.ts";
import { lacks } from "../../src/testing/skips.ts";
import { HELM, render, type Resource } from "./helm.ts";

const ORDERS = 300;
const TASK_LIMIT_MS = 90_000;
const CONSUMERS = [...PROCESSORS, "analytics"] as const;
const SERVICES: Service[] = ["simulator", ...CONSUMERS];

/** What Strimzi's user operator does with a KafkaUser. */
async function makeUser(secure: SecureTestBroker, kafka: Kafka, user: Resource): Promise<string> {
  const principal = `User:${user.metadata.name}`;
  const types = {
    topic: AclResourceTypes.TOPIC,
    group: AclResourceTypes.GROUP,
    transactionalId: AclResourceTypes.TRANSACTIONAL_ID,
  };
  const operations = {
    Read: AclOperationTypes.READ,
    Write: AclOperationTypes.WRITE,
    Describe: AclOperationTypes.DESCRIBE,
  };
  interface Acl {
    resource: { type: keyof typeof types; name: string; patternType: "literal" | "prefix" };
    operations: (keyof typeof operations)[];
  }
  const acl = user.spec.authorization.acls.flatMap((
    { resource, operations: allowed }: Acl,
  ) =>
    allowed.map((operation) => ({
      resourceType: types[resource.type],
      resourceName: resource.name,
      resourcePatternType: resource.patternType === "prefix"
        ? ResourcePatternTypes.PREFIXED
        : ResourcePatternTypes.LITERAL,
      principal,
      host: "*",
      operation: operations[operation],
      permissionType: AclPermissionTypes.ALLOW,
    }))
  );
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.createAcls({ acl });
  } finally {
    await admin.disconnect();
  }
  return await secure.addUser(user.metadata.name);
}

/** A dead letter of a service, as if it had failed on a message of `topic`. */
function letterOf(service: Processor, topic: Topic, reason: DeadLetterReason): ProducerRecord {
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
async function leaveCutOff(directory: string, runId: string): Promise<void> {
  const database = await openDatabase({ directory, owner: "simulator", tables: simulatorTables });
  const orders = { seed: 1, refusedShare: 0.04, brokenShare: 0.002, zipfExponent: 1 };
  const run = await beginRun(database, { runId, orders }, Date.now());
  await run.save({ acknowledged: 0, placed: 100 }, Date.now());
  await database.close();
}

async function runTask(task: string, args: string[], env: Record<string, string>) {
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

Deno.test(
  { name: "KafkaUsers: their rights are enough, and no more", ignore: lacks(HELM) },
  async (t) => {
    const data = new URL(".data/", PROJECT).pathname;
    await Deno.mkdir(data, { recursive: true });
    // In the project: the tasks may read and write nothing else.
    const directory = await Deno.makeTempDir({ dir: data, prefix: "rights-" });
    await using _folder = {
      [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
    };
    const secure = await startSecureTestBroker(directory);
    await using broker = secure.broker;
    const names = new Names();
    const kafka = createClient({ brokers: [broker.bootstrap] }, "test");
    await createTopics(kafka, names, { partitions: 4, replicationFactor: 1 });
    const passwords = new Map<string, string>();
    const users = await render("default", ["--set", "dlq.enabled=true"]);
    for (const user of users.filter(({ kind }) => kind === "KafkaUser")) {
      passwords.set(user.metadata.name, await makeUser(secure, kafka, user));
    }
    const tables = { DATA_DIR: directory, DATABASE_URL: "", NO_COLOR: "1" };
    const loginOf = (user: string) => ({
      KAFKA_SASL_USERNAME: `orderflow-${user}`,
      KAFKA_SASL_PASSWORD_FILE: passwords.get(`orderflow-${user}`)!,
    });
    const envOf = (user: string): Record<string, string> => ({
      KAFKA_BROKERS: secure.bootstrap,
      KAFKA_SSL_CA_FILE: secure.caFile,
      TOPIC_PREFIX: "",
      ...loginOf(user),
      ...tables,
    });

    await t.step("the pipeline works, and the audit passes", async () => {
      const log = (name: string) => `${directory}/${name}.log`;
      const seeded = await runTask("seed", [], tables);
      assertEquals(seeded.code, 0, seeded.output);
      const running = CONSUMERS.map((task) =>
        startTask({ task, name: task, env: envOf(task), logFile: log(task) })
      );
      try {
        const orders = ["--orders", `${ORDERS}`, "--rate", "0"];
        await leaveCutOff(directory, "r2");
        for (const run of ["r1", "r2"]) {
          const placed = await runTask("simulator", [...orders, "--run", run], envOf("simulator"));
          assertEquals(placed.code, 0, placed.output);
          assertStringIncludes(placed.output, `placed ${ORDERS} orders`);
        }
        let verdict = { code: 1, output: "" };
        await until("the audit passes", async () => {
          verdict = await runTask("audit", [], envOf("audit"));
          return verdict.code === 0;
        }, 90_000).catch((error) => {
          throw new Error(`${verdict.output}\n${error.message}`);
        });
        // Analytics sees all groups, its own rights and those of others.
        const url = /http:\S+\/snapshot/.exec(await Deno.readTextFile(log("analytics")))![0];
        const groups = async () => (await (await fetch(url)).json()).lag ?? [];
        await until("analytics sees the members of all groups", async () => {
          const lags: { service: string; members: number }[] = await groups();
          return CONSUMERS.every((service) =>
            lags.find((lag) => lag.service === service)?.members === 1
          );
        });
      } finally {
        await Promise.all(running.map((process) => process.stop(20_000)));
      }
      for (const task of CONSUMERS) {
        const text = await Deno.readTextFile(log(task));
        assert(!/authoriz/i.test(text), text);
      }
    });

    const clientOf = (user: string) => {
      const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD_FILE: file } = loginOf(user);
      const login = { mechanism: "scram-sha-512", username, secret: fileAt(file) } as const;
      const tls = { caFile: fileAt(secure.caFile) };
      return createClient({ brokers: [secure.bootstrap], tls, login }, "intruder");
    };

    await t.step(
      "dlq replays to every topic that a letter can come from, and discards",
      async () => {
        const sender = await openTransactionalSender(kafka, "test-letters");
        await sender.send(PROCESSORS.flatMap((service) => [
          ...topicsReadBy(service).map((topic) => letterOf(service, topic, "processing_failed")),
          letterOf(service, topicsReadBy(service)[0]!, "invalid_json"),
        ]));
        await sender.close();
        const dlq = async (...args: string[]) => {
          const { code, output } = await runTask("dlq", args, envOf("dlq"));
          assertEquals(code, 0, output);
          return output;
        };
        for (const service of PROCESSORS) {
          const failed = ["--all", "--reason", "processing_failed"];
          const { length } = topicsReadBy(service);
          const letters = `${length} ${length === 1 ? "letter" : "letters"}`;
          assertStringIncludes(
            await dlq("replay", service, ...failed),
            `${letters} of dlq.${service}`,
          );
          assertStringIncludes(await dlq("discard", service, "--all"), "discarded");
          assertStringIncludes(
            await dlq("list", service),
            `dlq.${service}: 0 open, ${length} replayed`,
          );
        }
        const reader = await openLogReader(kafka);
        for (const topic of TOPIC_NAMES) {
          const replays: string[] = [];
          for await (const records of reader.read(topic)) {
            replays.push(...records.flatMap(({ headers }) => headers[REPLAYED_FROM] ?? []));
          }
          const readers = PROCESSORS.filter((service) => topicsReadBy(service).includes(topic));
          const services = replays.map((from) => /^dlq\.(\w+) /.exec(from)?.[1]);
          assertEquals(services.toSorted(), readers.toSorted(), topic);
        }
        await reader.close();
      },
    );

    await t.step(
      "dlq is in no group, and has no service's transactions",
      async () => {
        const client = clientOf("dlq");
        const admin = client.admin({ retry: { retries: 0 } });
        await admin.connect();
        for (const service of CONSUMERS) {
          const topics = [topicsReadBy(service)[0]!];
          await assertRejects(() => admin.fetchOffsets({ groupId: service, topics }));
        }
        await admin.disconnect();
        for (const service of PROCESSORS) {
          await assertRejects(() => openTransactionalSender(client, `${service}-test`));
        }
        // Nor has anybody else its lock.
        for (const user of [...PROCESSORS, "audit"]) {
          const other = clientOf(user);
          await assertRejects(
            () => openTransactionalSender(other, "dlq-validator"),
            Error,
            "",
            user,
          );
        }
      },
    );

    await t.step("nobody writes to a topic that is another's", async () => {
      for (const user of [...SERVICES, "audit"]) {
        const client = clientOf(user);
        for (const topic of TOPIC_NAMES) {
          if ((TOPICS[topic].writers as readonly string[]).includes(user)) continue;
          const write = async () => {
            const publisher = await openPublisher(client, topic);
            await publisher.publish([{ key: "k", value: null }]).finally(() => publisher.close());
          };
          const error = await assertRejects(write, Error, "", `${user} writes to ${topic}`);
          assertMatch(error.message, /authoriz/i);
        }
      }
    });

    await t.step("nobody takes another's group or transactions", async () => {
      for (const user of PROCESSORS) {
        const client = clientOf(user);
        const other = PROCESSORS.find((service) => service !== user)!;
        const admin = client.admin({ retry: { retries: 0 } });
        await admin.connect();
        const topics = [topicsReadBy(user)[0]!];
        await admin.fetchOffsets({ groupId: user, topics });
        await assertRejects(() => admin.fetchOffsets({ groupId: other, topics }));
        await admin.disconnect();
        await (await openTransactionalSender(client, `${user}-test`)).close();
        await assertRejects(() => openTransactionalSender(client, `${other}-test`));
      }
    });
  },
);
