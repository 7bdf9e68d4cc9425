/**
 * The stand-in's operator: every second it reads the resources of the Kafka cluster `orderflow` and does
 * with them what Strimzi's topic and user operators would. It runs beside the broker, in its pod.
 *
 * It creates topics (partitions, configuration) and, while it runs, deletes those whose resource is
 * gone; users get a password, the Secret that Strimzi would make, and exactly their ACLs.
 */
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  createClient,
  type KafkaAdmin,
  ResourcePatternTypes,
} from "../../../kafka/client/client.ts";
import { type KubeApi, openKubeApi, type Resource } from "./kube_api.ts";
import { aclKey, aclsOf, setPassword, type UserSpec } from "./users.ts";

const CLUSTER = "orderflow";
const BROKER = { hostname: "127.0.0.1", port: 9092 };
const CA_FILE = "/var/lib/kafka/certificates/ca.crt";
const EVERY_MS = 1_000;

interface TopicSpec {
  readonly topicName?: string;
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
}

/** The status of a resource that is as it should be. */
function ready({ metadata: { generation } }: Resource, more: object = {}) {
  const lastTransitionTime = new Date().toISOString();
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
  return { observedGeneration: generation, conditions, ...more };
}

function notReady({ metadata: { generation } }: Resource, error: unknown) {
  const lastTransitionTime = new Date().toISOString();
  const message = error instanceof Error ? error.message : String(error);
  const reason = "StandInFailed";
  const conditions = [{ type: "Ready", status: "False", lastTransitionTime, reason, message }];
  return { observedGeneration: generation, conditions };
}

function isDone({ metadata: { generation }, status }: Resource): boolean {
  return status?.observedGeneration === generation &&
    status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

/** Does `work` for each resource that is not as it should be, and writes the result into its status. */
async function reconcile<Spec>(
  api: KubeApi,
  plural: string,
  work: (resource: Resource<Spec>) => Promise<object>,
): Promise<Resource<Spec>[]> {
  const all = await api.list<Spec>(plural, CLUSTER);
  for (const resource of all) {
    if (isDone(resource)) continue;
    const { kind, metadata: { name } } = resource;
    let status: object;
    try {
      status = ready(resource, await work(resource));
      console.log(`${kind} ${name} is ready`);
    } catch (error) {
      status = notReady(resource, error);
      console.error(`${kind} ${name}:`, error);
    }
    await api.patchStatus(plural, name, status);
  }
  return all;
}

async function reconcileCluster(api: KubeApi): Promise<void> {
  await reconcile(api, "kafkas", async () => {
    const labels = { "strimzi.io/cluster": CLUSTER };
    const name = `${CLUSTER}-cluster-ca-cert`;
    await api.putSecret({ name, labels }, { "ca.crt": await Deno.readTextFile(CA_FILE) });
    const bootstrapServers = `${CLUSTER}-kafka-bootstrap.${api.namespace}.svc:9093`;
    return { listeners: [{ name: "tls", bootstrapServers }] };
  });
}

/** The topics that this process has had a resource of. */
const managed = new Set<string>();

async function reconcileTopics(api: KubeApi, admin: KafkaAdmin): Promise<void> {
  const nameOf = ({ metadata, spec }: Resource<TopicSpec>) => spec.topicName ?? metadata.name;
  const existing = new Set(await admin.listTopics());
  const all = await reconcile<TopicSpec>(api, "kafkatopics", async (resource) => {
    const { partitions = 1, config = {} } = resource.spec;
    const topic = nameOf(resource);
    if (!existing.has(topic)) {
      const configEntries = Object.entries(config)
        .map(([name, value]) => ({ name, value: String(value) }));
      const replicationFactor = 1;
      await admin.createTopics({
        waitForLeaders: true,
        topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
      });
    }
    return { topicName: topic };
  });
  const wanted = new Set(all.map(nameOf));
  for (const topic of wanted) managed.add(topic);
  for (const topic of managed) {
    if (wanted.has(topic)) continue;
    managed.delete(topic);
    await admin.deleteTopics({ topics: [topic] });
    console.log(`topic ${topic} is deleted`);
  }
}

/** Matches every ACL. */
const ANY_ACL = {
  resourceType: AclResourceTypes.ANY,
  resourcePatternType: ResourcePatternTypes.ANY,
  operation: AclOperationTypes.ANY,
  permissionType: AclPermissionTypes.ANY,
};

async function currentAcls(admin: KafkaAdmin) {
  const { resources } = await admin.describeAcls(ANY_ACL);
  return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...resource, ...acl })));
}

async function reconcileUsers(api: KubeApi, admin: KafkaAdmin): Promise<void> {
  const all = await reconcile<UserSpec>(api, "kafkausers", async (resource) => {
    const { metadata: { name, uid }, apiVersion, kind, spec } = resource;
    const mechanism = spec.authentication?.type;
    if (mechanism !== "scram-sha-512") throw new TypeError(`no such authentication: ${mechanism}`);
    const password = (await api.secret(name))?.password ??
      crypto.randomUUID().replaceAll("-", "");
    await setPassword(BROKER, name, password);
    const login = "org.apache.kafka.common.security.scram.ScramLoginModule";
    await api.putSecret({
      name,
      labels: { "strimzi.io/cluster": CLUSTER, "strimzi.io/kind": "KafkaUser" },
      ownerReferences: [{ apiVersion, kind, name, uid }],
    }, {
      password,
      "sasl.jaas.config": `${login} required username="${name}" password="${password}";`,
    });
    const wanted = aclsOf(name, spec);
    const before = new Set((await currentAcls(admin)).map(aclKey));
    const missing = wanted.filter((acl) => !before.has(aclKey(acl)));
    if (missing.length > 0) await admin.createAcls({ acl: missing });
    return { username: name, secret: name };
  });
  await removeAcls(admin, all);
}

/** What no user asks for, or no longer. */
async function removeAcls(admin: KafkaAdmin, users: readonly Resource<UserSpec>[]): Promise<void> {
  const wanted = new Set(
    users.filter(isDone).flatMap(({ metadata: { name }, spec }) => aclsOf(name, spec)).map(aclKey),
  );
  const unsure = new Set(
    users.filter((user) => !isDone(user)).map(({ metadata: { name } }) => `User:${name}`),
  );
  const stale = (await currentAcls(admin))
    .filter((acl) => !wanted.has(aclKey(acl)) && !unsure.has(acl.principal));
  if (stale.length > 0) await admin.deleteAcls({ filters: stale });
}

const api = await openKubeApi();
const kafka = createClient({ brokers: [`${BROKER.hostname}:${BROKER.port}`] }, "stand-in");
const admin = kafka.admin();
let trouble: string | undefined;
for (;;) {
  try {
    await admin.connect();
    await reconcileCluster(api);
    await reconcileTopics(api, admin);
    await reconcileUsers(api, admin);
    trouble = undefined;
  } catch (error) {
    const now = error instanceof Error ? error.message : String(error);
    if (now !== trouble) console.error(`trying again: ${now}`);
    trouble = now;
  }
  await new Promise((resume) => setTimeout(resume, EVERY_MS));
}
