import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AclOperationTypes, createClient } from "./client.ts";
import {
  ADMIN,
  fileAt,
  makeAuthority,
  type SecureTestBroker,
  startSecureTestBroker,
  unsignedToken,
} from "../../local/testing/secure_broker.ts";
import { argumentsOf, PROJECT } from "../../local/task.ts";
import type { KafkaAccess, Login } from "../access.ts";
import { Names } from "../../topology.ts";
import { clusterReady } from "./cluster_ready.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  readAll,
  refuse,
  startValidator,
} from "../testing/topics.ts";
import { allow, secretFile } from "../testing/secure.ts";
import { createTopics } from "../topics.ts";

/** The line of a process that waits for a cluster which refuses it. */
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

const holds = (text: string) => ({ path: "FILE", read: () => text });

/** Every way in that the broker has. */
function waysIn(secure: SecureTestBroker): Record<string, KafkaAccess> {
  const tls = { caFile: fileAt(secure.caFile) };
  const password = holds(ADMIN.password);
  const byPassword = (mechanism: Login["mechanism"]) => ({
    brokers: [secure.bootstrap],
    tls,
    login: { mechanism, username: ADMIN.username, secret: password },
  });
  const token = holds(unsignedToken(ADMIN.username, 600_000));
  const plain = byPassword("plain");
  return {
    "TLS and PLAIN": plain,
    "TLS and SCRAM-SHA-256": byPassword("scram-sha-256"),
    "TLS and SCRAM-SHA-512": byPassword("scram-sha-512"),
    "TLS and OAUTHBEARER": {
      ...plain,
      login: { mechanism: "oauthbearer", username: "", secret: token },
    },
    "TLS and OAUTHBEARER with extensions": {
      ...plain,
      login: {
        mechanism: "oauthbearer",
        username: "",
        secret: token,
        extensions: "logicalCluster=lkc-1,identityPoolId=pool-1",
      },
    },
    "TLS alone": { brokers: [secure.tlsAlone], tls },
    "PLAIN without TLS": { brokers: [secure.clear], login: plain.login },
    ...secure.ipv6 && { "IPv6": { brokers: [secure.ipv6] } },
  };
}

/** Creates topics, places an order, and lets a validator answer it. */
async function wholeLoop(access: KafkaAccess): Promise<void> {
  const names = new Names(`t${crypto.randomUUID().slice(0, 8)}.`);
  const kafka = createClient(access, "test");
  await createTopics(kafka, names, { partitions: 1, replicationFactor: 1 });
  await publishAll(kafka, names.topic("orders.raw"), [publication(placed(1))]);
  const validator = startValidator("", names, refuse, { access });
  const outcomes = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
  await until("the order has its outcome", async () => await outcomes() === 1);
  await validator.stop();
}

/** Each refusal, and what its line says after `waiting for Kafka at …`. */
function refusals(secure: SecureTestBroker, otherCa: string): [string, KafkaAccess, string[]][] {
  const good = waysIn(secure);
  const scram = good["TLS and SCRAM-SHA-512"]!;
  const token = (text: string): KafkaAccess => ({
    ...scram,
    login: { mechanism: "oauthbearer", username: "", secret: holds(text) },
  });
  const wrong = (mechanism: Login["mechanism"]): KafkaAccess => ({
    ...scram,
    login: { ...scram.login!, mechanism, secret: holds("wrong") },
  });
  const noPassword = { ...scram.login!, secret: fileAt("gone") };
  return [
    ["scram", wrong("scram-sha-512"), ['refuses "admin" by SCRAM-SHA-512 (FILE): ', "credentials"]],
    ["plain", wrong("plain"), ['refuses "admin" by PLAIN (FILE): ', "Invalid username or pass"]],
    ["no token", token("x"), ["refuses the token by OAUTHBEARER (FILE): ", "invalid_token"]],
    ["an old token", token(unsignedToken("admin", -60_000)), ["invalid_token", "expired at 20"]],
    ["not offered", { ...good["PLAIN without TLS"]!, login: scram.login }, [
      "by SCRAM-SHA-512",
      "UNSUPPORTED_SASL_MECHANISM: it offers PLAIN (KAFKA_SASL_MECHANISM)",
    ]],
    ["no login wanted", { ...good["TLS alone"]!, login: scram.login }, ["KAFKA_SASL_USERNAME"]],
    ["no file", { ...scram, login: noPassword }, ["No such file", "gone"]],
    ["another authority", { ...scram, tls: { caFile: fileAt(otherCa) } }, [
      "certificate",
      `KAFKA_SSL_CA_FILE=${otherCa}`,
    ]],
    ["no authority", { ...scram, tls: {} }, ["certificate", "KAFKA_SSL=true"]],
    ["another name", { ...scram, brokers: [secure.bootstrap.replace("localhost", "127.0.0.1")] }, [
      "KAFKA_BROKERS",
    ]],
    ["no TLS", { ...scram, tls: undefined }, ["does it want TLS (KAFKA_SSL, KAFKA_SSL_CA_FILE)?"]],
    ["no login", { ...scram, login: undefined }, ["want a login (KAFKA_SASL_USERNAME)?"]],
    ["neither", { brokers: scram.brokers }, ["TLS (KAFKA_SSL, KAFKA_SSL_CA_FILE) or a login"]],
    ["TLS to a plain port", { ...scram, brokers: [secure.broker.bootstrap] }, ["TLS"]],
  ];
}

Deno.test("createClient: every login, with the whole transactional loop behind it", async (t) => {
  const secure = await startSecureTestBroker();
  await using broker = secure.broker;
  const directory = await Deno.makeTempDir();
  const { kafka, names } = await freshTopics(broker.bootstrap, 2);
  const username = "validator";
  const passwordFile = fileAt(await secure.addUser(username));
  await secure.addUser(ADMIN.username, ADMIN);
  await secure.addUser(ADMIN.username, { ...ADMIN, mechanism: "SCRAM-SHA-256" });
  const access: KafkaAccess = {
    brokers: [secure.bootstrap],
    tls: { caFile: fileAt(secure.caFile) },
    login: { mechanism: "scram-sha-512", username, secret: passwordFile },
  };

  await t.step("a user without any ACL sees no topic", async () => {
    const admin = createClient(access, "test").admin();
    await admin.connect();
    assertEquals(await admin.listTopics(), []);
    await admin.disconnect();
  });

  const orders = [1, 2, 3].map((n) => publication(placed(n)));
  await publishAll(kafka, names.topic("orders.raw"), orders);
  await t.step("a user with the rights consumes, and publishes in transactions", async () => {
    await allow(kafka, username, names);
    const validator = startValidator("", names, refuse, { access });
    const outcomes = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
    await until("all orders have their outcome", async () => await outcomes() === 3);
    await validator.stop();
    assertEquals(await outcomes(), 3);
  });

  for (const [name, way] of Object.entries(waysIn(secure))) {
    await t.step(`${name}: topics, orders and transactions`, () => wholeLoop(way));
  }

  const { READ, WRITE } = AclOperationTypes;
  for (
    const { topic, operation, says } of [
      { topic: "orders.raw", operation: READ, says: "Not authorized to access topics" },
      { topic: "orders.outcomes", operation: WRITE, says: "no right to write to the topic" },
    ] as const
  ) {
    await t.step(`a missing right is reported with its topic: ${topic}`, async () => {
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

  await makeAuthority(directory, "other");
  for (const [name, wrong, parts] of refusals(secure, `${directory}/other.crt`)) {
    await t.step(`${name}: a refused connection is explained in one line`, async () => {
      const line = await waitingLine(wrong);
      assertStringIncludes(line, `waiting for Kafka at ${wrong.brokers[0]}: `);
      for (const part of parts) assertStringIncludes(line, part);
      assert(!/\n|deno task broker|secret|wrong/.test(line), line);
    });
  }

  await t.step("KAFKA_SSL=true: the authorities of the system are trusted", async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: argumentsOf("topics"),
      cwd: PROJECT,
      env: {
        KAFKA_BROKERS: secure.tlsAlone,
        KAFKA_SSL: "true",
        SSL_CERT_FILE: secure.caFile,
        DENO_TLS_CA_STORE: "",
        NODE_EXTRA_CA_CERTS: "",
        TOPIC_PREFIX: `t${crypto.randomUUID().slice(0, 8)}.`,
      },
      // With others it would wait for a certificate that it knows.
      signal: AbortSignal.timeout(60_000),
    }).output();
    const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    assertEquals(code, 0, output);
  });

  await t.step("a file of authorities that changes is used by the next connection", async () => {
    const other = Deno.readTextFileSync(`${directory}/other.crt`);
    const caFile = secretFile(directory, other);
    const admin = createClient({ ...access, tls: { caFile } }, "test").admin({
      retry: { retries: 0 },
    });
    const connects = () => admin.connect().then(() => true, () => false);
    assertEquals(await connects(), false);
    caFile.write(other + Deno.readTextFileSync(secure.caFile));
    assertEquals(await connects(), true);
    await admin.disconnect();
  });

  await Deno.remove(directory, { recursive: true });
});
