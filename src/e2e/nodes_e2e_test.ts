/**
 * The whole pipeline on three Kafka nodes, replication factor 3 and min.insync.replicas 2, two members
 * a service, while nodes are restarted, killed and cut off, and leaders and coordinators move. Nobody
 * restarts a member by hand. SEEDS=1,2,3 runs the first scenario with each of them,
 * ORDERS=50000 every one with so many orders.
 */
import { assert } from "@std/assert";
import { CHECKS } from "../audit/checks.ts";
import type { Broker } from "../local/kafka/broker.ts";
import type { Cluster } from "../local/kafka/cluster.ts";
import { disturbNodes } from "../local/supervise.ts";
import { freePort } from "../local/kafka/ports.ts";
import { readMetadata } from "../local/kafka/metadata.ts";
import type { Run } from "../local/run.ts";
import { pause } from "../runtime/shutdown.ts";
import { openDatabase } from "../database/open.ts";
import { findPosition, inputOf } from "../database/positions.ts";
import { ownerOf } from "../kafka/processor/owner.ts";
import { processedOrders } from "../services/validator/store.ts";
import { createClient } from "../kafka/client/client.ts";
import { KafkaProxy } from "../kafka/testing/kafka_proxy.ts";
import { coordinatorOf as nodeOfCoordinator } from "../kafka/testing/topics.ts";
import { until } from "../runtime/until.ts";
import { PROCESSORS, TOPIC_NAMES } from "../topology.ts";
import { type FailedCheck, scenario, type ScenarioOptions } from "./support/scenario.ts";

const ORDERS = Number(Deno.env.get("ORDERS") ?? 7_200);
/** How long a node is cut off, and two of them are gone: longer than a broker's session, and a member's. */
const FAULT_MS = 12_000;
const SEEDS = (Deno.env.get("SEEDS") ?? "1").split(",").map(Number);

const onThreeNodes: ScenarioOptions = {
  nodes: 3,
  orders: ORDERS,
  // Longer than it takes to disturb them, on most machines.
  rate: ORDERS / 60,
  replicas: Object.fromEntries(PROCESSORS.map((service) => [service, 2])),
};

/** For all nodes to come back twice while orders flow; without a limit the test might never end. */
const DISTURB_LIMIT_MS = 600_000;

async function restartAndKillEach(run: Run): Promise<void> {
  const signal = AbortSignal.timeout(DISTURB_LIMIT_MS);
  const share = () => run.tally().settled / ORDERS;
  const lines: string[] = [];
  const onNotice = (line: string) => {
    console.log(line);
    lines.push(line);
  };
  await disturbNodes(run.cluster!, { share, signal, onNotice });
  assert(/killed .* at \d\d? %/.test(lines.join("\n")), "all was settled before any was killed");
  assert(!signal.aborted, `only ${share()} of the orders settled in ${DISTURB_LIMIT_MS} ms`);
}

for (const seed of SEEDS) {
  Deno.test(`three nodes, seed ${seed}: each restarted in order, then each killed`, () =>
    scenario(restartAndKillEach, { ...onThreeNodes, seed }));
}

/** What at_least_once allows: repeated events and dead letters, and sums that count them twice. */
const REPEATS = [CHECKS.twice, CHECKS.deadLetters, CHECKS.stock, CHECKS.balance];

function isRepetition({ title, offenders }: FailedCheck): boolean {
  return REPEATS.some(({ promise }) => promise === title) ||
    // Only a sum by currency may differ, not what the gateway's ledger says of an order.
    title === CHECKS.gateway.promise && offenders.every(({ who }) => /^[A-Z]{3}$/.test(who));
}

Deno.test("three nodes, at_least_once: each restarted in order, then each killed: nothing is lost", () =>
  scenario(restartAndKillEach, {
    ...onThreeNodes,
    guarantee: "at_least_once",
    mayFail: isRepetition,
  }));

Deno.test("three nodes: leaders moved by a reassignment and by an election, coordinators killed", () =>
  scenario(async (run, settled) => {
    const cluster = run.cluster!;
    await settled(0.1);
    const before = await leadersOf(cluster);
    // Away from where they are, and back in another order; then the first replica is to lead.
    await reassign(cluster, before, (leader) => others(leader));
    await until("all leaders have moved", async () => {
      const now = await leadersOf(cluster);
      return [...before].every(([name, leader]) => now.get(name) !== leader);
    });
    await reassign(cluster, before, (leader) => [...others(leader), leader]);
    await cluster.inSync();
    await settled(0.3);
    await cluster.runTool("org.apache.kafka.tools.LeaderElectionCommand", [
      ...["--bootstrap-server", cluster.bootstrap],
      ...["--election-type", "preferred", "--all-topic-partitions"],
    ]).catch(() => {}); // Fails where one leads already and no election was needed.
    await until("the preferred ones lead", async () => {
      const now = await leadersOf(cluster);
      return [...before].every(([name, leader]) => now.get(name) === others(leader)[0]);
    });
    for (const [share, type] of [[0.4, "group"], [0.6, "transaction"]] as const) {
      await settled(share);
      const node = await coordinatorOf(run, type);
      await node.kill();
      await node.start();
      await cluster.inSync();
    }
  }, onThreeNodes));

Deno.test("three nodes: one cut off from the clients alone, then two of three gone and back", async () => {
  const ports: number[] = [];
  while (ports.length < 3) ports.push(await freePort(...ports));
  const proxies: KafkaProxy[] = [];
  try {
    for (const port of ports) {
      const proxy = await KafkaProxy.open();
      proxy.forwardTo(port);
      proxies.push(proxy);
    }
    await scenario((run, settled) => cutOff(run, proxies, settled), {
      ...onThreeNodes,
      proxied: { ports, advertisedPort: (nodeId) => proxies[nodeId - 1]!.port },
      env: { KAFKA_BROKERS: proxies.map(({ bootstrap }) => bootstrap).join() },
    });
  } finally {
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  }
});

async function cutOff(
  run: Run,
  proxies: readonly KafkaProxy[],
  settled: (share: number) => Promise<void>,
): Promise<void> {
  for (const [index, how] of (["close", "silence"] as const).entries()) {
    await settled(0.1 + 0.2 * index);
    const proxy = proxies[index]!;
    await proxy.cut(how);
    await pause(FAULT_MS);
    proxy.restore();
  }
  await settled(0.6);
  const [, second, third] = run.cluster!.nodes;
  await Promise.all([second!.kill(), third!.kill()]);
  await pause(FAULT_MS);
  await Promise.all([second!.start(), third!.start()]);
  await run.cluster!.inSync();
}

/** Leaders of the order topics' partitions, by `topic/partition`. */
async function leadersOf(cluster: Cluster): Promise<Map<string, number>> {
  const { partitions } = await readMetadata(cluster.nodes[0]!.port);
  const ours = partitions.filter(({ topic }) => TOPIC_NAMES.some((name) => name === topic));
  return new Map(ours.map(({ topic, partition, leader }) => [`${topic}/${partition}`, leader]));
}

function others(leader: number): number[] {
  return [1, 2, 3].filter((node) => node !== leader);
}

/** Gives each partition the replicas that `choose` says for its leader. */
async function reassign(
  cluster: Cluster,
  leaders: ReadonlyMap<string, number>,
  choose: (leader: number) => number[],
): Promise<void> {
  const partitions = [...leaders].map(([name, leader]) => {
    const [topic, partition] = name.split("/");
    return { topic, partition: Number(partition), replicas: choose(leader) };
  });
  const file = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(file, JSON.stringify({ version: 1, partitions }));
  try {
    await cluster.runTool("org.apache.kafka.tools.reassign.ReassignPartitionsCommand", [
      ...["--bootstrap-server", cluster.bootstrap],
      ...["--reassignment-json-file", file, "--execute"],
    ]);
  } finally {
    await Deno.remove(file);
  }
}

/** Of a validator: that which was assigned the first partition of its input last. */
async function transactionalIdOf(run: Run): Promise<string> {
  const database = await openDatabase({
    directory: run.directory,
    owner: "validator",
    tables: [processedOrders],
  });
  const position = await findPosition(database, inputOf(run.names.topic("orders.raw"), 0));
  await database.close();
  const owner = ownerOf(position?.owner ?? "");
  assert(owner);
  return owner.transactionalId;
}

/** The node that coordinates the validator's group, or the transactions of one of its members. */
async function coordinatorOf(run: Run, type: "group" | "transaction"): Promise<Broker> {
  const key = type === "group" ? run.names.group("validator") : await transactionalIdOf(run);
  const kafka = createClient({ brokers: run.brokers }, "test");
  const coordinator = await nodeOfCoordinator(kafka, type, key);
  const node = run.cluster!.nodes.find(({ nodeId }) => nodeId === coordinator);
  assert(node);
  return node;
}
