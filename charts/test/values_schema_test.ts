import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lacks } from "../../src/testing/skips.ts";
import { attempt } from "../../src/kind/cluster.ts";
import { CHART, HELM, helmTemplate, parseAll, renderText, VALUES_FILE, valuesOf } from "./helm.ts";

/** What must be refused: options of helm, and what its message has to name. */
const REFUSED: Record<string, [string[], string]> = {
  "a value that there is not": [["--set", "imagee.tag=x"], "imagee"],
  "one in a known place": [["--set", "image.tagg=x"], "tagg"],
  "a consumer that there is not": [
    ["--set", "consumers.shipping.replicas=1"],
    "consumers.shipping: there is no such service, only validator, ",
  ],
  "a field of a consumer that there is not": [
    ["--set", "consumers.validator.replica=1"],
    "replica",
  ],
  "a negative number of replicas": [["--set", "consumers.validator.replicas=-1"], "replicas"],
  "no partitions": [["--set", "topics.partitions=0"], "partitions"],
  "a word for a number": [["--set", "topics.partitions=many"], "partitions"],
  "a pull policy that there is not": [["--set", "image.pullPolicy=Sometimes"], "pullPolicy"],
  "an address without a port": [["--set", "kafka.bootstrapServers=kafka"], "bootstrapServers"],
  "an IPv6 address without brackets": [
    ["--set", "kafka.bootstrapServers=::1:9092"],
    "bootstrapServers",
  ],
  "a mechanism that there is not": [["--set", "kafka.saslMechanism=gssapi"], "saslMechanism"],
  "a prefix that is no resource's name": [["--set", "kafka.topicPrefix=EU_"], "topicPrefix"],
  "a node port out of range": [["--set", "service.nodePort=8080"], "nodePort"],
  "a digest that is none": [["--set", "image.digest=latest"], "digest"],
  "a pull secret without a name": [["--set", "imagePullSecrets[0].secret=x"], "secret"],
  "a pull secret as a word": [["--set", "imagePullSecrets[0]=registry"], "imagePullSecrets/0"],
  "a name with capitals": [["--set", "nameOverride=Pipeline"], "nameOverride"],
  "a full name that begins with a digit": [["--set", "fullnameOverride=1st"], "fullnameOverride"],
  "a full name that is too long": [
    ["--set", `fullnameOverride=${"x".repeat(41)}`],
    "fullnameOverride",
  ],
  "an account that is no name": [["--set", "serviceAccount.name=A_B"], "serviceAccount/name"],
  "an annotation that is a number": [["--set", "podAnnotations.a=1"], "podAnnotations/a"],
  "a label of the chart's own": [
    ["--set", "podLabels.app\\.kubernetes\\.io/name=x"],
    "podLabels: app.kubernetes.io/name is the chart's own",
  ],
  "a node label that is a truth": [["--set", "nodeSelector.gpu=true"], "nodeSelector/gpu"],
  "a toleration with a fault": [["--set", "tolerations[0].keys=x"], "keys"],
  "an effect that there is not": [["--set", "tolerations[0].effect=Evict"], "effect"],
  "an affinity that there is not": [["--set", "affinity.nodes.a=b"], "nodes"],
  "a priority class that is no name": [["--set", "priorityClassName=A B"], "priorityClassName"],
  "a setting without a name": [["--set", "extraEnv[0].value=x"], "name"],
  "a source that there is not": [
    ["--set", "extraEnv[0].name=A,extraEnv[0].valueFrom.vault.a=b"],
    "vault",
  ],
  "a Secret without a key": [
    ["--set", "extraEnv[0].name=A,extraEnv[0].valueFrom.secretKeyRef.name=x"],
    "key",
  ],
  "a setting of the chart's own, twice": [
    ["--set", "extraEnv[0].name=KAFKA_BROKERS,extraEnv[0].value=x"],
    "extraEnv: KAFKA_BROKERS is set already: override a setting with `env`",
  ],
  "one of somebody's own, twice": [
    ["--set", "extraEnv[0].name=A,extraEnv[0].value=x,extraEnv[1].name=A,extraEnv[1].value=y"],
    "extraEnv: A is there twice",
  ],
  "settings from nowhere": [["--set", "envFrom[0].secret=x"], "envFrom/0"],
  "a key that is no key": [["--set", "kafka.tls.caKey=a/b"], "caKey"],
  "Secrets under a process's name with capitals": [
    ["--set", "kafka.login.existingSecrets.Validator=x"],
    "Validator",
  ],
  "a Secret for a process that there is not": [
    ["--set", "kafka.login.existingSecrets.validater=x"],
    "kafka.login.existingSecrets.validater: there is no such process, only validator, ",
  ],
  "a login beside Strimzi's": [
    ["--set", "kafka.login.existingSecret=x"],
    "kafka.login: Strimzi makes the logins; yours are for kafka.strimzi.enabled=false",
  ],
  "another Kafka that is nowhere": [
    ["--set", "kafka.strimzi.enabled=false,kafka.saslMechanism=none"],
    "kafka.bootstrapServers: without Strimzi it has to say where Kafka is, host:port",
  ],
  "a login without a Secret": [
    ["--set", "kafka.strimzi.enabled=false,kafka.bootstrapServers=kafka:9092"],
    "needs a Secret to log in with scram-sha-512: set kafka.login.existingSecret, or kafka.login.existingSecrets.",
  ],
  "Strimzi's users without a login": [
    ["--set", "kafka.saslMechanism=none"],
    "kafka.saslMechanism: none is for kafka.strimzi.enabled=false",
  ],
  "Strimzi's TLS listener without TLS": [
    ["--set", "kafka.tls.enabled=false"],
    "kafka.tls.enabled: without TLS, kafka.bootstrapServers has to name the listener",
  ],
  "KEDA with a token": [
    [
      "--set",
      "kafka.strimzi.enabled=false,kafka.bootstrapServers=kafka:9092,kafka.saslMechanism=oauthbearer," +
      "kafka.login.existingSecret=x,keda.enabled=true",
    ],
    "keda.enabled: KEDA cannot log in with the token of kafka.saslMechanism=oauthbearer",
  ],
  "a range of ports without its first": [
    ["--set", "networkPolicy.kafkaPorts[0].endPort=9100"],
    "port",
  ],
  "the port of Kafka's policy by its former name": [
    ["--set", "networkPolicy.kafkaPort=9092"],
    "kafkaPort",
  ],
  "an Ingress for no host": [
    ["--set", "ingress.enabled=true"],
    "ingress.hosts: it needs one at least",
  ],
  "a host with a scheme": [["--set", "ingress.hosts[0]=https://orders.example.com"], "hosts/0"],
  "a certificate with a fault": [["--set", "ingress.tls[0].secret=x"], "secret"],
  "a route to no Gateway": [
    ["--set", "httpRoute.enabled=true"],
    "httpRoute.parentRefs: it needs one at least",
  ],
  "a Gateway without a name": [["--set", "httpRoute.parentRefs[0].namespace=x"], "name"],
  "the database as a setting": [["--set", "env.DATABASE_URL=postgres://x"], "DATABASE_URL"],
  "a setting in lower case": [["--set", "env.logLevel=debug"], "logLevel"],
  "a quantity that is none": [["--set", "resources.limits.memory=plenty"], "memory"],
  "a drain that is too short": [["--set", "drainTimeoutMs=10"], "drainTimeoutMs"],
  "a lag that markers alone make up": [["--set", "keda.lagThreshold=1"], "lagThreshold"],
  "a peer with a fault": [["--set", "networkPolicy.kafkaTo[0].ip=10.0.0.1"], "ip"],
  "more replicas than partitions": [
    ["--set", "keda.enabled=true,keda.maxReplicas=13"],
    "keda.maxReplicas: 13 is more than topics.partitions, 12",
  ],
  "fewer replicas at most than at least": [
    ["--set", "keda.enabled=true,keda.minReplicas=7"],
    "keda.maxReplicas: 6 is less than keda.minReplicas, 7",
  ],
  "replicas that Helm and KEDA would both set": [
    ["--set", "keda.enabled=true,consumers.payment.replicas=2"],
    "consumers.payment.replicas: with keda.enabled KEDA sets it",
  ],
  "KEDA's cooldown, which is for scaling to 0 alone": [["--set", "keda.cooldownS=60"], "cooldownS"],
  "a behavior with a fault": [
    ["--set", "keda.behavior.scaleDown.stabilizationWindowS=60"],
    "stabilizationWindowS",
  ],
};

/** One wrong value for each place that takes a truth, a name, a key or texts. */
const WRONG: Record<string, string[]> = {
  maybe: [
    ...[
      "enabled",
      "kafka.strimzi.enabled",
      "kafka.tls.enabled",
      "topics.create",
      "ingress.enabled",
    ],
    ...["serviceAccount.create", "httpRoute.enabled"],
  ],
  // Annotations and the like; the others are lists and maps.
  "{1}": ["global", "affinity", "nodeSelector", "podLabels", "kafka.login.existingSecrets"],
  "A_B": [
    ...[
      "kafka.tls.existingSecret",
      "kafka.login.existingSecret",
      "kafka.login.existingSecrets.audit",
    ],
    ...["ingress.className", "ingress.hosts[0]", "httpRoute.hostnames[0]"],
  ],
  "a/b": ["kafka.login.usernameKey", "kafka.login.passwordKey", "kafka.login.tokenKey"],
  "1": [
    ...["serviceAccount", "service", "ingress", "httpRoute"].map((at) => `${at}.annotations.a`),
    ...["image.tag", "tolerations", "extraEnv", "envFrom", "networkPolicy.kafkaPorts"],
  ],
};

for (const [value, paths] of Object.entries(WRONG)) {
  for (const path of paths) {
    const place = path.replaceAll(/[.[]/g, "/").replaceAll("]", "");
    REFUSED[`${value} for ${path}`] = [["--set", `${path}=${value}`], `'/${place}'`];
  }
}

for (const [what, [options, name]] of Object.entries(REFUSED)) {
  Deno.test({
    name: `values: refuses ${what}`,
    ignore: lacks(HELM),
    async fn() {
      const { code, stderr } = await helmTemplate(options);
      assertEquals(code, 1);
      assertStringIncludes(stderr, name);
    },
  });
}

/** The paths of empty lists and maps. */
function emptyOnes(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== "object" || value === null) return [];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path.join(".")];
  return Array.isArray(value)
    ? []
    : entries.flatMap(([name, inner]) => emptyOnes(inner, [...path, name]));
}

// As somebody's values file has it, in which all below a name is a comment.
for (const name of ["default", "other-kafka", "keda"] as const) {
  Deno.test(
    { name: `values, ${name}: null is as good as empty`, ignore: lacks(HELM) },
    async () => {
      const [values] = parseAll(Deno.readTextFileSync(VALUES_FILE));
      const [own] = parseAll(Deno.readTextFileSync(`${CHART}ci/${name}-values.yaml`));
      const given = (path: string) =>
        // deno-lint-ignore no-explicit-any
        path.split(".").reduce((at: any, key) => at?.[key], own) !== undefined;
      const nulls = emptyOnes(values).filter((path) => !given(path)).map((path) => `${path}=null`);
      assert(nulls.length > 20);
      // The password is made up anew each time.
      const args = ["--set", "postgres.password=x"];
      const [empty, without] = [
        await renderText(name, args),
        await renderText(name, [...args, "--set", nulls.join()]),
      ];
      assertEquals(without, empty);
    },
  );
}

interface Described {
  description?: string;
  $ref?: string;
  type?: string;
  additionalProperties?: unknown;
  properties?: Record<string, Described>;
}

const schema: Described & { definitions: Record<string, Described> } = JSON.parse(
  Deno.readTextFileSync(`${CHART}values.schema.json`),
);

function* allProperties(
  { properties = {} }: Described,
  path: string,
): Generator<[string, Described]> {
  for (const [name, property] of Object.entries(properties)) {
    yield [`${path}${name}`, property];
    yield* allProperties(property, `${path}${name}.`);
  }
}

Deno.test("values.schema.json: describes every value, and leaves none open", () => {
  const described = [
    ...allProperties(schema, ""),
    ...Object.entries(schema.definitions).flatMap(([name, d]) => [...allProperties(d, `${name}:`)]),
  ];
  for (const [path, property] of described) {
    assert(property.description, `${path} has no description`);
    if (property.properties) assertEquals(property.additionalProperties, false, path);
    const isOpen = property.additionalProperties === undefined;
    assert(property.type !== "object" || !isOpen, `${path} takes anything`);
  }
});

Deno.test("values.yaml: has every value of the schema but the simulator's replicas and resources", () => {
  const [values] = parseAll(Deno.readTextFileSync(VALUES_FILE));
  const has = (path: string) =>
    // deno-lint-ignore no-explicit-any
    path.split(".").reduce((at: any, name) => at?.[name], values) !== undefined;
  const absent = [...allProperties(schema, "")].map(([path]) => path).filter((path) => !has(path));
  assertEquals(absent, ["simulator.replicas", "simulator.resources"]);
});

Deno.test({ name: "helm lint --strict: nothing to say", ignore: lacks(HELM) }, async () => {
  for (const name of ["default", "keda"] as const) {
    const { code, stdout } = await attempt(["helm", "lint", "--strict", CHART, ...valuesOf(name)]);
    assertEquals(code, 0, stdout);
    assert(!/\[(WARNING|ERROR)\]/.test(stdout), stdout);
  }
});
