/** The contract's cases on the Kafka in memory, in virtual time. */
import { until } from "../../runtime/until.ts";
import { createSimulatedClient } from "../client/client.ts";
import { Network } from "../client/network.ts";
import { SimulatedKafka } from "../cluster/cluster.ts";
import type { FetchedPartition } from "../cluster/requests.ts";
import { Random } from "../random.ts";
import { VirtualTime } from "../time.ts";
import { Client } from "./client.ts";
import type { Platform } from "./platform.ts";
import { type FetchAnswer, fetchRequest } from "./requests.ts";

const LIMIT_MS = 120_000;

/** Runs one case: delays, and who leads what, are of the seed. */
export async function onSimulatedKafka(
  { nodes, seed }: { readonly nodes: number; readonly seed: number },
  run: (platform: Platform) => Promise<void>,
): Promise<void> {
  const random = new Random(seed);
  const time = new VirtualTime(random.fork("time"));
  const kafka = new SimulatedKafka(time, random.fork("kafka"), {
    brokers: nodes,
    topics: {},
    initialRebalanceDelayMs: 0,
  });
  const network = new Network(time, random.fork("network"), kafka);
  await time.install(async () => {
    const process = time.process("contract");
    let end: { readonly error?: unknown } | undefined;
    const work = async () =>
      await run(await platformOf(kafka, createSimulatedClient(process, network)));
    process.run(work).then(() => end = {}, (error) => end = { error });
    await time.runUntil(() => end !== undefined, LIMIT_MS);
    if (!end) throw new Error(`not within ${LIMIT_MS} ms of virtual time`);
    if (end.error !== undefined) throw end.error;
  });
}

async function platformOf(
  kafka: SimulatedKafka,
  source: ReturnType<typeof createSimulatedClient>,
): Promise<Platform> {
  let names = 0;
  const freshName = () => `name-${++names}`;
  const client = await Client.connect(source);
  const isThere = (node: number) => node >= 0;
  return {
    nodes: kafka.nodes().length,
    source,
    client,
    connect: () => Client.connect(source),
    createMember: (options) => source.createMember(options),
    freshName,
    async createTopic(partitions, topic = freshName()) {
      kafka.createTopic(topic, partitions);
      for (let partition = 0; partition < partitions; partition++) {
        await client.untilLedBy({ topic, partition }, isThere);
      }
      return topic;
    },
    async deleteTopic(topic) {
      kafka.deleteTopic(topic);
      await client.untilLedBy({ topic, partition: 0 }, (node) => node < 0);
    },
    async addPartitions(topic, count) {
      kafka.addPartitions(topic, count);
      await client.untilLedBy({ topic, partition: count - 1 }, isThere);
    },
    deleteRecords({ topic, partition }, before) {
      kafka.deleteRecords(topic, partition, before);
      return Promise.resolve();
    },
    fetch: (...asked) => fetch(kafka, client, ...asked),
    async moveLeader(place) {
      const before = await client.untilLedBy(place, isThere);
      kafka.moveLeader(place.topic, place.partition);
      await client.untilLedBy(place, (node) => node >= 0 && node !== before);
      return before;
    },
    async moveCoordinator(type, key) {
      const request = { api: "FindCoordinator", type, key } as const;
      const named = () => Promise.all(kafka.nodes().map((node) => kafka.handle(node, request)));
      const before = (await named())[0]!.node;
      kafka.moveCoordinator(type, key);
      await until(
        "every broker knows",
        async () => (await named()).every(({ node }) => node !== before),
      );
      return before;
    },
    killNode(node) {
      kafka.crashBroker(node);
      return Promise.resolve();
    },
    startNode(node) {
      kafka.restartBroker(node);
      return Promise.resolve();
    },
  };
}

/** The model answers committed records alone; the others are in its log. */
async function fetch(
  kafka: SimulatedKafka,
  client: Client,
  ...[place, offset, { node, client: asks = client, ...options } = {}]: Parameters<
    Platform["fetch"]
  >
): Promise<FetchAnswer> {
  const request = fetchRequest(place, offset, { isolation: "committed", ...options });
  const answers = await asks.toNode(node ?? await asks.leaderOf(place), request);
  const [{ batches, ...answer }] = answers as unknown as [FetchedPartition];
  const read = options.isolation === "uncommitted"
    ? kafka.batchesOf(place.topic, place.partition).filter(({ lastOffset }) =>
      lastOffset >= offset && lastOffset < answer.highWatermark
    )
    : batches;
  return { ...answer, records: read.flatMap(({ records }) => records) };
}
