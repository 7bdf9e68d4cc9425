import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Kafka,
  ResourcePatternTypes,
} from "kafkajs";
import { makeAuthority, startSecureTestBroker } from "../local/secure_testing.ts";
import type { KafkaAccess } from "../runtime/settings.ts";
import type { Names } from "../topology.ts";
import { createClient } from "./client.ts";
import { clusterReady } from "./cluster_ready.ts";
import { freshTopics, placed, publication, publishAll, readAll, refuse } from "./testing.ts";
import { startValidator, until } from "./testing.ts";

/** Allows a user everything below a prefix; but for one thing with one topic, if that is said. */
async function allow(
  admin: Kafka,
  username: string,
  { prefix }: Names,
  denied?: { topic: string; operation: AclOperationTypes },
): Promise<void> {
  const client = admin.admin();
  await client.connect();
  try {
    const { TOPIC, GROUP, TRANSACTIONAL_ID } = AclResourceTypes;
    await client.createAcls({
      acl: [TOPIC, GROUP, TRANSACTIONAL_ID].map((resourceType) => ({
        resourceType,
        resourceName: prefix,
        resourcePatternType: ResourcePatternTypes.PREFIXED,
        principal: `User:${username}`,
        host: "*",
        operation: AclOperationTypes.ALL,
        permissionType: AclPermissionTypes.ALLOW,
      })),
    });
    if (!denied) return;
    await client.createAcls({
      acl: [{
        resourceType: TOPIC,
        resourceName: denied.topic,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${username}`,
        host: "*",
        operation: denied.operation,
        permissionType: AclPermissionTypes.DENY,
      }],
    });
  } finally {
    await client.disconnect();
  }
}

/** What is said while waiting for a cluster that does not let us in. */
async function waitingLine(access: KafkaAccess): Promise<string> {
  const stop = new AbortController();
  let said = "";
  await clusterReady(createClient(access, "test"), {
    access,
    topics: [],
    signal: stop.signal,
    onWait: (line) => {
      said = line;
      stop.abort();
    },
  });
  return said;
}

Deno.test("createClient: TLS and SCRAM, with the whole transactional loop behind them", async (t) => {
  const secure = await startSecureTestBroker();
  await using broker = secure.broker;
  const { kafka, names } = await freshTopics(broker.bootstrap, 2);
  const username = "validator";
  const password = await Deno.readTextFile(await secure.addUser(username));
  const caPem = await Deno.readTextFile(secure.caFile);
  const brokers = [secure.bootstrap];
  const access = { brokers, caPem, login: { username, password } };
  await publishAll(
    kafka,
    names.topic("orders.raw"),
    [1, 2, 3].map((n) => publication(placed(n))),
  );

  await t.step("a user whom no ACL allows anything sees no topic", async () => {
    const admin = createClient(access, "test").admin();
    await admin.connect();
    assertEquals(await admin.listTopics(), []);
    await admin.disconnect();
  });

  await t.step("one who may do it consumes, and publishes in transactions", async () => {
    await allow(kafka, username, names);
    const validator = startValidator("", names, refuse, { access });
    const outcomes = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
    await until("all orders have their outcome", async () => await outcomes() === 3);
    await validator.stop();
    assertEquals(await outcomes(), 3);
  });

  const { READ, WRITE } = AclOperationTypes;
  for (
    const { topic, operation, says } of [
      { topic: "orders.raw", operation: READ, says: "Not authorized to access topics" },
      { topic: "orders.outcomes", operation: WRITE, says: "no right to write to the topic" },
    ] as const
  ) {
    await t.step(`a missing right is said, with the topic that it is for: ${topic}`, async () => {
      const { kafka, names } = await freshTopics(broker.bootstrap, 1);
      const denied = { topic: names.topic(topic), operation };
      await allow(kafka, username, names, denied);
      await publishAll(kafka, names.topic("orders.raw"), [publication(placed(1))]);
      const validator = startValidator("", names, refuse, { access });
      const said = () => validator.processor.notReady() ?? "";
      await until(says, () => said().includes(denied.topic) && said().includes(says));
      await validator.stop();
    });
  }

  await t.step("a broker that does not let us in says why, in one line", async () => {
    const directory = await Deno.makeTempDir();
    await makeAuthority(directory, "other");
    const otherCa = await Deno.readTextFile(`${directory}/other.crt`);
    await Deno.remove(directory, { recursive: true });
    const cases: [KafkaAccess, string][] = [
      [{ ...access, login: { username, password: "wrong" } }, "invalid credentials"],
      [{ ...access, caPem: otherCa }, "certificate"],
      [{ ...access, caPem: undefined }, "does it want TLS (KAFKA_SSL_CA_FILE)"],
      [{ ...access, login: undefined }, "or a login (KAFKA_SASL_USERNAME)?"],
      [{ ...access, brokers: [broker.bootstrap] }, "TLS"],
    ];
    for (const [wrong, why] of cases) {
      const line = await waitingLine(wrong);
      assertStringIncludes(line, `waiting for Kafka at ${wrong.brokers[0]}: `);
      assertStringIncludes(line, why);
      assertEquals(line.includes("\n"), false);
    }
  });
});
