import { assertEquals } from "@std/assert";
import { Registry } from "prom-client";
import { Names } from "../../../topology.ts";
import type { GroupState } from "../../../kafka/offsets/group_lag.ts";
import { GroupHistory } from "./history.ts";
import { registerGroups } from "./metrics.ts";

/** A group that reads orders.validated, where partition 1 has something for it. */
function group(service: "inventory" | "payment", committed: number): GroupState {
  return {
    service,
    group: `p.${service}`,
    state: "Stable",
    members: 2,
    memberList: [],
    lagMessages: 12 - committed,
    topics: [{ topic: "orders.validated", lagMessages: 12 - committed }],
    positions: [
      { topic: "orders.validated", partition: 0, committed: 3, stored: 3, first: 0, end: 3 },
      { topic: "orders.validated", partition: 1, committed, stored: committed, first: 4, end: 12 },
    ],
  };
}

Deno.test("registerGroups: kafka_exporter's names and labels, each log once, and times beside them", async () => {
  const history = new GroupHistory({
    // One of the offsets is that of a control record.
    lagMessages: (_topic, _partition, committed, end) => Math.max(0, end - committed - 1),
    eventShare: () => 1,
  });
  const states = [group("inventory", 5), group("payment", 12)];
  history.observe(states, 0);
  const watch = { latest: states, groups: history.observe(states, 2_500) };
  const registry = new Registry();
  registerGroups(registry, new Names("p."), watch);
  const lines = (await registry.metrics()).split("\n").filter((line) => /^[^#]/.test(line));
  const of = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.slice(name.length));
  const topic = 'topic="p.orders.validated"';
  const [inventory, payment] = ["inventory", "payment"].map((g) =>
    `consumergroup="p.${g}",${topic}`
  );
  const partitions = (a: number, b: number, c: number, d: number) => [
    `{${inventory},partition="0"} ${a}`,
    `{${inventory},partition="1"} ${b}`,
    `{${payment},partition="0"} ${c}`,
    `{${payment},partition="1"} ${d}`,
  ];
  assertEquals(of("kafka_consumergroup_lag"), partitions(0, 7, 0, 0));
  assertEquals(of("kafka_consumergroup_current_offset"), partitions(3, 5, 3, 12));
  assertEquals(of("kafka_consumergroup_lag_seconds"), partitions(0, 2.5, 0, 0));
  assertEquals(of("orderflow_partition_stalled_seconds"), partitions(0, 2.5, 0, 0));
  assertEquals(of("kafka_consumergroup_members"), [
    '{consumergroup="p.inventory"} 2',
    '{consumergroup="p.payment"} 2',
  ]);
  assertEquals(of("kafka_topic_partitions"), [`{${topic}} 2`]);
  assertEquals(of("kafka_topic_partition_current_offset"), [
    `{${topic},partition="0"} 3`,
    `{${topic},partition="1"} 12`,
  ]);
  assertEquals(of("kafka_topic_partition_oldest_offset"), [
    `{${topic},partition="0"} 0`,
    `{${topic},partition="1"} 4`,
  ]);
});

Deno.test("registerGroups: while Kafka does not answer there is no lag, rather than one of 0", async () => {
  const registry = new Registry();
  registerGroups(registry, new Names(), { latest: null, groups: null });
  const lines = (await registry.metrics()).split("\n").filter((line) => /^[^#]/.test(line));
  assertEquals(lines, []);
});
