import { assertEquals } from "@std/assert";
import { topicConfigs } from "../../src/kafka/topics.ts";
import {
  AUDIT_REPORTS,
  CONSUMERS,
  deadLetterTopicOf,
  Names,
  PROCESSORS,
  type Service,
  TOPIC_NAMES,
  topicsReadBy,
  topicsWrittenBy,
} from "../../src/topology.ts";
import { isProcessor, SERVICES } from "../../src/testing/services.ts";
import { lacks } from "../../src/testing/skips.ts";
import { type Case, HELM, render, type Resource } from "./helm.ts";

/** A rule as one line, such as `topic orders.raw: Read, Describe`. */
const rule = (resource: string, ...operations: string[]) => `${resource}: ${operations.join(", ")}`;
const read = (resource: string) => rule(resource, "Read", "Describe");
const write = (resource: string) => rule(resource, "Write", "Describe");
const see = (resource: string) => rule(resource, "Describe");

function rulesOf(user: Resource): string[] {
  // deno-lint-ignore no-explicit-any
  return user.spec.authorization.acls.map(({ resource, operations }: any) => {
    const { type, name, patternType } = resource;
    return rule(`${type} ${name}${patternType === "prefix" ? "*" : ""}`, ...operations);
  }).toSorted();
}

/** The least that a service can do its work with, from the topology. */
function leastRights(service: Service, names: Names): string[] {
  const reads = topicsReadBy(service);
  const writes = topicsWrittenBy(service);
  const group = names.group(service);
  return [
    ...reads.map((topic) => read(`topic ${names.topic(topic)}`)),
    ...writes.map((topic) => write(`topic ${names.topic(topic)}`)),
    // Whether all topics have as many partitions; analytics may read them anyway.
    ...TOPIC_NAMES
      .filter((topic) => service !== "analytics" && ![...reads, ...writes].includes(topic))
      .map((topic) => see(`topic ${names.topic(topic)}`)),
    ...reads.length > 0 ? [read(`group ${group}`)] : [],
    ...isProcessor(service)
      ? [
        // It also says which batches a person decided to skip.
        rule(
          `topic ${names.topic(deadLetterTopicOf(service))}`,
          ...["Read", "Write", "Describe"],
        ),
        write(`transactionalId ${group}-*`),
      ]
      : [],
  ];
}

const allTopics = (names: Names) => [
  ...TOPIC_NAMES.map((topic) => names.topic(topic)),
  ...PROCESSORS.map((service) => names.topic(deadLetterTopicOf(service))),
];
const groups = (names: Names) => CONSUMERS.map((service) => names.group(service));

/** Of those who look at the work of others. */
function extraRights(user: string, names: Names): string[] {
  switch (user) {
    case "simulator":
      // Which orders of a run that was cut off have arrived.
      return topicsWrittenBy("simulator").map((topic) => read(`topic ${names.topic(topic)}`));
    case "analytics":
      // How far every group is behind, dead letters, an order's history, and the audit's report.
      return [
        ...allTopics(names)
          .filter((topic) => !topicsReadBy("analytics").some((own) => names.topic(own) === topic))
          .map((topic) => read(`topic ${topic}`)),
        ...PROCESSORS.map((service) => see(`group ${names.group(service)}`)),
        read(`topic ${names.topic(AUDIT_REPORTS)}`),
      ];
    case "audit":
      return [
        write(`topic ${names.topic(AUDIT_REPORTS)}`),
        ...allTopics(names).map((topic) =>
          rule(`topic ${topic}`, "Read", "Describe", "DescribeConfigs")
        ),
        ...groups(names).map((group) => see(`group ${group}`)),
      ];
    case "keda":
      return [
        ...TOPIC_NAMES.map((topic) => see(`topic ${names.topic(topic)}`)),
        ...groups(names).map((group) => see(`group ${group}`)),
      ];
    case "dlq":
      // A dead letter is read, and what was cut of it where it came from; it goes back to any topic that
      // its service reads; its resolution is written beside it.
      return [
        ...TOPIC_NAMES
          .filter((topic) => PROCESSORS.some((service) => topicsReadBy(service).includes(topic)))
          .map((topic) => rule(`topic ${names.topic(topic)}`, "Read", "Write", "Describe")),
        ...PROCESSORS.flatMap((service) => [
          rule(`topic ${names.topic(deadLetterTopicOf(service))}`, "Read", "Write", "Describe"),
          write(`transactionalId ${names.prefix}dlq-${service}`),
        ]),
      ];
    default:
      return [];
  }
}

const cases: { name: Case; prefix: string; namespace: string; cluster: string; users: string[] }[] =
  [
    { name: "default", prefix: "", namespace: "orderflow", cluster: "orderflow", users: ["audit"] },
    {
      name: "keda",
      prefix: "",
      namespace: "orderflow",
      cluster: "orderflow",
      users: ["audit", "keda"],
    },
    {
      name: "external-database",
      prefix: "eu.",
      namespace: "kafka",
      cluster: "shared",
      users: ["audit", "dlq"],
    },
  ];

for (const { name, prefix, namespace, cluster, users } of cases) {
  const names = new Names(prefix);

  Deno.test({
    name: `KafkaUsers, ${name}: each service may do what the topology needs, and nothing else`,
    ignore: lacks(HELM),
    async fn() {
      const rendered = (await render(name)).filter(({ kind }) => kind === "KafkaUser");
      const expected = [...SERVICES, ...users].map((user) => [
        `orderflow-${user}`,
        [
          ...SERVICES.includes(user as Service) ? leastRights(user as Service, names) : [],
          ...extraRights(user, names),
        ].toSorted(),
      ]);
      assertEquals(
        Object.fromEntries(rendered.map((user) => [user.metadata.name, rulesOf(user)])),
        Object.fromEntries(expected),
      );
      for (const { metadata, spec } of rendered) {
        assertEquals(metadata.namespace, namespace);
        assertEquals(metadata.labels?.["strimzi.io/cluster"], cluster);
        assertEquals(spec.authentication, { type: "scram-sha-512" });
        assertEquals(spec.authorization.type, "simple");
      }
    },
  });

  Deno.test({
    name: `KafkaTopics, ${name}: as \`deno task topics\` creates them`,
    ignore: lacks(HELM),
    async fn() {
      const partitions = 24;
      const rendered = (await render(name, ["--set", `topics.partitions=${partitions}`]))
        .filter(({ kind }) => kind === "KafkaTopic");
      const found = rendered.map(({ metadata, spec }) => {
        const { "min.insync.replicas": minInSync, ...config } = spec.config;
        assertEquals(minInSync, 1);
        assertEquals(metadata.namespace, namespace);
        assertEquals(metadata.labels?.["strimzi.io/cluster"], cluster);
        return [metadata.name, { partitions: spec.partitions, replicas: spec.replicas, config }];
      });
      const expected = topicConfigs(names, { partitions, replicationFactor: 1 }).map((topic) => {
        const entries = topic.configEntries?.map(({ name, value }) => [
          name,
          value === "compact" ? value : Number(value),
        ]);
        return [topic.topic, {
          partitions: topic.numPartitions,
          replicas: topic.replicationFactor,
          // The order topics' retention is the chart's to say.
          config: Object.fromEntries(entries ?? [["retention.ms", 604_800_000]]),
        }];
      });
      assertEquals(Object.fromEntries(found), Object.fromEntries(expected));
    },
  });
}
