/**
 * The rights of the chart's KafkaUsers, on a real broker with an authorizer: the pipeline works with
 * them, each process with its own and with the permissions of its task, and nobody can do what is
 * another's.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Kafka,
  ResourcePatternTypes,
} from "kafkajs";
import { type SecureTestBroker, startSecureTestBroker } from "../../src/local/secure_testing.ts";
import { argumentsOf, PROJECT, startTask } from "../../src/local/task_process.ts";
import { createClient } from "../../src/stream/client.ts";
import { openPublisher } from "../../src/stream/publisher.ts";
import { until } from "../../src/stream/testing.ts";
import { createTopics } from "../../src/stream/topics.ts";
import { openTransactionalSender } from "../../src/stream/transaction.ts";
import {
  Names,
  PROCESSORS,
  type Service,
  TOPIC_NAMES,
  TOPICS,
  topicsReadBy,
} from "../../src/topology.ts";
import { hasHelm, render, type Resource } from "./helm.ts";

const ORDERS = 500;
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

async function runTask(task: string, args: string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf(task), ...args],
    cwd: PROJECT,
    env,
  }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout) + text.decode(stderr) };
}

Deno.test(
  { name: "KafkaUsers: their rights are enough, and no more", ignore: !hasHelm },
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
    for (const user of (await render("default")).filter(({ kind }) => kind === "KafkaUser")) {
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
        const placed = await runTask("simulator", orders, envOf("simulator"));
        assertEquals(placed.code, 0, placed.output);
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

    const clientOf = async (user: string) => {
      const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD_FILE: file } = loginOf(user);
      const login = { username, password: await Deno.readTextFile(file) };
      const caPem = await Deno.readTextFile(secure.caFile);
      return createClient({ brokers: [secure.bootstrap], caPem, login }, "intruder");
    };

    await t.step("nobody writes to a topic that is another's", async () => {
      for (const user of [...SERVICES, "audit"]) {
        const client = await clientOf(user);
        for (const topic of TOPIC_NAMES) {
          if ((TOPICS[topic].writers as readonly string[]).includes(user)) continue;
          const write = async () => {
            const publisher = await openPublisher(client, topic);
            await publisher.publish([{ key: "k", value: null }]).finally(() => publisher.close());
          };
          await assertRejects(write, Error, "uthoriz", `${user} writes to ${topic}`);
        }
      }
    });

    await t.step("nobody takes another's group or transactions", async () => {
      for (const user of PROCESSORS) {
        const client = await clientOf(user);
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
