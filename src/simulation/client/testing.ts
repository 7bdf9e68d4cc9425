/** A schedule of tests: orders that validators refuse, on a simulated Kafka and its network. */
import { Registry } from "prom-client";
import { encode } from "../../events/codec.ts";
import type { ClusterSource } from "../../kafka/client/cluster.ts";
import { createProcessorMetrics } from "../../kafka/metrics.ts";
import { createProcessor } from "../../kafka/processor/processor.ts";
import type { ProcessorOptions } from "../../kafka/processor/options.ts";
import { Producer } from "../../kafka/producer/producer.ts";
import { placed, refuse } from "../../kafka/testing/topics.ts";
import { pause } from "../../runtime/shutdown.ts";
import { configureLogging } from "../../runtime/log.ts";
import { Names, TOPIC_NAMES } from "../../topology.ts";
import { SimulatedKafka } from "../cluster/cluster.ts";
import { Random } from "../random.ts";
import { VirtualTime } from "../time.ts";
import { createSimulatedClient } from "./client.ts";
import { Network } from "./network.ts";

const PARTITIONS = 2;
const INPUT = "orders.raw";
const GROUP = "validator";
const RECENT_MS = 1_500;

export class Schedule {
  readonly time: VirtualTime;
  readonly kafka: SimulatedKafka;
  readonly network: Network;
  readonly lines: string[] = [];
  readonly #names = new Names("");
  #placed = 0;
  #replicas = 0;
  #partitions = PARTITIONS;

  constructor(seed: number, { brokers = 1 }: { brokers?: number } = {}) {
    const random = new Random(seed);
    this.time = new VirtualTime(random.fork("time"));
    this.kafka = new SimulatedKafka(this.time, random.fork("kafka"), {
      brokers,
      topics: Object.fromEntries(
        [...TOPIC_NAMES, "dlq.validator" as const].map((topic) => [topic, PARTITIONS]),
      ),
    });
    this.network = new Network(this.time, random.fork("network"), this.kafka);
    this.network.trace = (line) => this.lines.push(`${this.time.now.toFixed(2)} ${line}`);
  }

  run(work: () => Promise<void>): Promise<void> {
    return this.time.install(work);
  }

  /** Starts a replica. */
  validator(options: Partial<ProcessorOptions> = {}) {
    const process = this.time.process(`validator ${++this.#replicas}`);
    const controller = new AbortController();
    const log = configureLogging("simulation", "error", "text");
    const processor = process.run(() =>
      createProcessor({
        access: { brokers: [] },
        clientId: process.name,
        service: "validator",
        names: this.#names,
        handlers: { [INPUT]: refuse },
        guarantee: "exactly_once",
        sessionTimeoutMs: 6_000,
        transactionTimeoutMs: 6_000,
        maxBatch: 100,
        drainTimeoutMs: 10_000,
        log,
        metrics: createProcessorMetrics(new Registry()),
        ...options,
      }, createSimulatedClient(process, this.network))
    );
    const ended = process.run(() => processor.run(controller.signal));
    let hasEnded = false;
    ended.then(() => hasEnded = true);
    return {
      process,
      processor,
      stop: async () => {
        process.run(() => controller.abort());
        if (!await this.time.runUntil(() => hasEnded, 30_000)) throw new Error("it did not stop");
      },
    };
  }

  /** Publishes so many more orders, one by one, from a process of its own; a replica of a service reads on. */
  placeInBackground(count: number, everyMs = 0): () => boolean {
    const process = this.time.process("source");
    const client = createSimulatedClient(process, this.network);
    let isDone = false;
    void process.run(async () => {
      const producer = await openSurely(client);
      for (let i = 0; i < count; i++) {
        const order = placed(this.#placed++);
        const value = encode(order) as Buffer;
        const messages = [{ key: order.orderId, value, partition: i % this.#partitions }];
        await producer.send([{ topic: INPUT, messages }]);
        if (everyMs > 0) await pause(process.random.exponential(everyMs));
      }
      await producer.close();
      isDone = true;
    });
    return () => isDone;
  }

  /** As placeInBackground, and waits for it. */
  async place(count: number): Promise<void> {
    if (await this.time.runUntil(this.placeInBackground(count), 180_000)) return;
    throw new Error("the orders are not published");
  }

  /** Until every order has an output; then a little more, for what should not come. */
  async settle(limitMs = 120_000): Promise<boolean> {
    const all = () => this.kafka.recordsOf("orders.outcomes").length >= this.#placed;
    const done = await this.time.runUntil(all, limitMs);
    await this.time.runUntil(() => false, 2_000);
    return done;
  }

  /** Replicas that have fetched within the last while, by name. */
  get readers(): string[] {
    const from = this.time.now - RECENT_MS;
    const recent = this.lines.filter((line) => parseFloat(line) > from && line.includes("→"));
    const reading = recent.map((line) => /(validator \d+) → .*Fetch orders/.exec(line)?.[1]);
    return [...new Set(reading.filter((name) => name !== undefined))].sort();
  }

  /** Of each input partition what the validators have committed. */
  get committed(): (number | undefined)[] {
    return Array.from(
      { length: this.#partitions },
      (_, partition) => this.kafka.committedOffset(GROUP, INPUT, partition),
    );
  }

  /** Gives each order topic so many. */
  addPartitions(count: number): void {
    for (const topic of TOPIC_NAMES) this.kafka.addPartitions(topic, count);
    this.#partitions = count;
  }

  /** The outputs' keys, in order. */
  get outputs(): string[] {
    return this.kafka.recordsOf("orders.outcomes").map(({ key }) => new TextDecoder().decode(key!))
      .sort();
  }

  /** The inputs' keys, in order. */
  get inputs(): string[] {
    return Array.from({ length: this.#placed }, (_, i) => placed(i).orderId).sort();
  }
}

/** However long no broker answers. */
async function openSurely(client: ClusterSource): Promise<Producer> {
  for (;;) {
    try {
      return await Producer.open(client, { deliveryTimeoutMs: 120_000 });
    } catch {
      await pause(1_000);
    }
  }
}
