/** The chart with a Kafka that Strimzi does not run: Secrets, settings, topics, policies, KEDA. */
import { assert, assertEquals } from "@std/assert";
import { PROCESSORS } from "../../src/topology.ts";
import { accessChecks, accessSettings, type SaslMechanism } from "../../src/kafka/access.ts";
import { lacks } from "../../src/testing/skips.ts";
import { find, HELM, podsOf, render, type Resource } from "./helm.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `another Kafka: ${name}`, ignore: lacks(HELM), fn });
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

/** The container's KAFKA_ settings, with `Secret/key` for one that is in a Secret. */
// deno-lint-ignore no-explicit-any
function kafkaSettingsOf(pod: any): Record<string, string> {
  const variables = (pod.containers[0].env ?? []) as Variable[];
  return Object.fromEntries(
    variables.filter(({ name }) => name.startsWith("KAFKA_")).map(({ name, value, valueFrom }) => {
      const secret = valueFrom?.secretKeyRef;
      return [name, value ?? `${secret?.name}/${secret?.key}`];
    }),
  );
}

/** Mounted files, as `Secret/key`. */
// deno-lint-ignore no-explicit-any
function filesOf(pod: any): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { name, mountPath } of pod.containers[0].volumeMounts ?? []) {
    const secret = pod.volumes.find((volume: { name: string }) => volume.name === name)?.secret;
    for (const { key, path } of secret?.items ?? []) {
      files[`${mountPath}/${path}`] = `${secret.secretName}/${key}`;
    }
  }
  return files;
}

const kafkaPods = (rendered: readonly Resource[]) =>
  podsOf(rendered).filter(({ pod }) => "KAFKA_BROKERS" in kafkaSettingsOf(pod));
const podOf = (rendered: readonly Resource[], component: string) =>
  podsOf(rendered).find(({ metadata }) =>
    metadata.labels?.["app.kubernetes.io/component"] === component
  )!.pod;

test("nothing of Strimzi is made; a Job makes the topics, as KafkaTopics would be", async () => {
  const rendered = await render("other-kafka");
  assert(!rendered.some(({ apiVersion }) => apiVersion.startsWith("kafka.strimzi.io")));
  assert(!JSON.stringify(rendered).includes("cluster-ca-cert"));
  const pod = podOf(rendered, "topics");
  assertEquals(pod.containers[0].args, ["topics"]);
  const env = Object.fromEntries(pod.containers[0].env.map((v: Variable) => [v.name, v.value]));
  assertEquals([env.PARTITIONS, env.REPLICATION_FACTOR], ["12", "3"]);
  assertEquals(filesOf(pod)["/etc/kafka/user/password"], "kafka-admin/password");
  for (const strimzi of [true, false]) {
    const without = await render(strimzi ? "default" : "other-kafka", [
      ...["--set", "topics.create=false"],
    ]);
    assert(!without.some(({ kind }) => kind === "KafkaTopic"));
    assert(!without.some(({ metadata }) => metadata.name.includes("-topics-")));
  }
});

test("every process has the login of its own Secret, or that of all", async () => {
  const pods = kafkaPods(await render("other-kafka"));
  assert(pods.length > PROCESSORS.length);
  for (const { name, metadata, pod } of pods) {
    const component = metadata.labels!["app.kubernetes.io/component"]!;
    const own: Record<string, string> = { audit: "kafka-audit", topics: "kafka-admin" };
    const secret = own[component] ?? "kafka-orderflow";
    assertEquals(kafkaSettingsOf(pod), {
      KAFKA_BROKERS: "b-1.example.com:9096,b-2.example.com:9196",
      KAFKA_SSL_CA_FILE: "/etc/kafka/ca/ca.crt",
      KAFKA_SASL_MECHANISM: "scram-sha-256",
      KAFKA_SASL_USERNAME: `${secret}/username`,
      KAFKA_SASL_PASSWORD_FILE: "/etc/kafka/user/password",
    }, name);
    assertEquals(filesOf(pod), {
      "/etc/kafka/ca/ca.crt": "kafka-ca/ca.pem",
      "/etc/kafka/user/password": `${secret}/password`,
    }, name);
  }
});

/** Kinds of access: values, then what a process is told. */
const ACCESS: Record<string, [values: string, settings: Record<string, string>]> = {
  "plaintext, no login": [
    "kafka.tls.enabled=false,kafka.tls.existingSecret=,kafka.saslMechanism=none",
    {},
  ],
  "TLS with the system's authorities, no login": [
    "kafka.tls.existingSecret=,kafka.saslMechanism=none",
    { KAFKA_SSL: "true" },
  ],
  "TLS with the system's authorities, plain": [
    "kafka.tls.existingSecret=,kafka.saslMechanism=plain,kafka.login.usernameKey=key",
    {
      KAFKA_SSL: "true",
      KAFKA_SASL_MECHANISM: "plain",
      KAFKA_SASL_USERNAME: "kafka-orderflow/key",
      KAFKA_SASL_PASSWORD_FILE: "/etc/kafka/user/password",
    },
  ],
  "a name that is no secret": [
    "kafka.tls.existingSecret=,kafka.saslMechanism=plain,env.KAFKA_SASL_USERNAME=$ConnectionString",
    {
      KAFKA_SSL: "true",
      KAFKA_SASL_MECHANISM: "plain",
      KAFKA_SASL_USERNAME: "$ConnectionString",
      KAFKA_SASL_PASSWORD_FILE: "/etc/kafka/user/password",
    },
  ],
  "no TLS, scram": [
    "kafka.tls.enabled=false,kafka.saslMechanism=scram-sha-512",
    {
      KAFKA_SASL_MECHANISM: "scram-sha-512",
      KAFKA_SASL_USERNAME: "kafka-orderflow/username",
      KAFKA_SASL_PASSWORD_FILE: "/etc/kafka/user/password",
    },
  ],
  "oauthbearer": [
    "kafka.saslMechanism=oauthbearer,env.KAFKA_SASL_EXTENSIONS=logicalCluster=lkc-1",
    {
      KAFKA_SSL_CA_FILE: "/etc/kafka/ca/ca.crt",
      KAFKA_SASL_MECHANISM: "oauthbearer",
      KAFKA_SASL_TOKEN_FILE: "/etc/kafka/user/token",
      KAFKA_SASL_EXTENSIONS: "logicalCluster=lkc-1",
    },
  ],
};

for (const [kind, [values, expected]] of Object.entries(ACCESS)) {
  test(`${kind}: a process is told so, and finds no fault in it`, async () => {
    const rendered = await render("other-kafka", ["--set", `keda.enabled=false,${values}`]);
    const pod = podOf(rendered, "validator");
    const { KAFKA_BROKERS: _, ...settings } = kafkaSettingsOf(pod);
    assertEquals(settings, expected);
    const files = filesOf(pod);
    const named = Object.entries(settings).filter(([name]) => name.endsWith("_FILE"));
    assertEquals(Object.keys(files).toSorted(), named.map(([, path]) => path).toSorted());
    const file = (path?: string) => path === undefined ? undefined : { path, read: () => "x" };
    const config = {
      ssl: settings.KAFKA_SSL === "true",
      caFile: file(settings.KAFKA_SSL_CA_FILE),
      saslMechanism:
        (settings.KAFKA_SASL_MECHANISM ?? accessSettings.saslMechanism.fallback) as SaslMechanism,
      saslUsername: settings.KAFKA_SASL_USERNAME ?? "",
      passwordFile: file(settings.KAFKA_SASL_PASSWORD_FILE),
      tokenFile: file(settings.KAFKA_SASL_TOKEN_FILE),
      saslExtensions: settings.KAFKA_SASL_EXTENSIONS ?? "",
    };
    assertEquals(accessChecks.flatMap((check) => check(config) ?? []), []);
  });
}

test("a password or a token may be under any key", async () => {
  for (
    const [mechanism, key, file] of [["plain", "passwordKey", "password"], [
      "oauthbearer",
      "tokenKey",
      "token",
    ]]
  ) {
    const set = `keda.enabled=false,kafka.saslMechanism=${mechanism},kafka.login.${key}=its-key`;
    const pod = podOf(await render("other-kafka", ["--set", set]), "validator");
    assertEquals(filesOf(pod)[`/etc/kafka/user/${file}`], "kafka-orderflow/its-key");
  }
});

test("its policy lets pods out to the ports of the brokers, wherever they are", async () => {
  const egress = async (...args: string[]) =>
    find(await render("other-kafka", args), "NetworkPolicy", "orderflow-to-kafka").spec.egress;
  const tcp = (port: number) => ({ protocol: "TCP", port });
  assertEquals(await egress(), [{ ports: [tcp(9096), tcp(9196)] }]);
  assertEquals(
    await egress(
      ...[
        "--set",
        "networkPolicy.kafkaPorts[0].port=14001,networkPolicy.kafkaPorts[0].endPort=14100",
      ],
      ...["--set", "networkPolicy.kafkaTo[0].ipBlock.cidr=10.20.0.0/16"],
    ),
    [{
      ports: [{ ...tcp(14001), endPort: 14100 }],
      to: [{ ipBlock: { cidr: "10.20.0.0/16" } }],
    }],
  );
  assertEquals(await egress("--set", "kafka.bootstrapServers=[fd00::1]:9092"), [
    { ports: [tcp(9092)] },
  ]);
});

test("KEDA logs in with the same Secrets, or not at all", async () => {
  const triggers = (rendered: readonly Resource[]) =>
    rendered.filter(({ kind }) => kind === "ScaledObject").flatMap(({ spec }) => spec.triggers);
  const rendered = await render("other-kafka");
  assertEquals(find(rendered, "TriggerAuthentication", "orderflow-kafka").spec.secretTargetRef, [
    { parameter: "username", name: "kafka-orderflow", key: "username" },
    { parameter: "password", name: "kafka-orderflow", key: "password" },
    { parameter: "ca", name: "kafka-ca", key: "ca.pem" },
  ]);
  for (const { metadata, authenticationRef } of triggers(rendered)) {
    assertEquals([metadata.sasl, metadata.tls], ["scram_sha256", "enable"]);
    assertEquals(authenticationRef.name, "orderflow-kafka");
  }
  const [plaintext] = ACCESS["plaintext, no login"]!;
  const open = await render("other-kafka", ["--set", plaintext]);
  assert(!open.some(({ kind }) => kind === "TriggerAuthentication"));
  for (const { metadata, authenticationRef } of triggers(open)) {
    assertEquals([metadata.sasl, metadata.tls, authenticationRef], ["none", "disable", undefined]);
  }
});
