/** One service on a real Kafka with a database of its own, to which a test does what clusters do. */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { Registry } from "prom-client";
import type { Logger } from "../../runtime/log.ts";
import type { Database, Table } from "../../database/database.ts";
import { openDatabase } from "../../database/open.ts";
import {
  allPositions,
  inputOf,
  positionAt,
  positions,
  takePosition,
} from "../../database/positions.ts";
import type { Handler } from "../../kafka/processor/handler.ts";
import type { Guarantee, ProcessorOptions } from "../../kafka/processor/options.ts";
import type { KeyedRecord } from "../../kafka/producer/publisher.ts";
import { createProcessorMetrics } from "../../kafka/metrics.ts";
import { committedOffsets } from "../../kafka/offsets/committed_offsets.ts";
import { partitionForKey } from "../../kafka/producer/partitioning.ts";
import { createCluster } from "../../kafka/client/cluster.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  publishAll,
  readAll,
  recreateTopic,
  refuse,
  startValidator,
} from "../../kafka/testing/topics.ts";
import { type Processor, type Topic, topicsReadBy } from "../../topology.ts";

/** A service to try, and orders for it. */
export interface Kind {
  readonly service: Processor;
  readonly guarantee: Guarantee;
  readonly input: Topic;
  readonly output: Topic;
  readonly tables: readonly Table[];
  readonly work: readonly Table[];
  readonly handlers: (database: Database) => ProcessorOptions["handlers"];
  readonly order: (sequence: number) => KeyedRecord;
}

export const PARTITIONS = 2;

/** A service, and what was asked of it. */
export class Rig {
  readonly lines: string[] = [];
  readonly metrics = createProcessorMetrics(new Registry());
  /** Keys of the orders that Kafka has acknowledged, in order, by partition. */
  readonly placed: string[][] = Array.from({ length: PARTITIONS }, () => []);
  /** Offsets that were processed, and are not in the log any more. */
  truncated = 0;
  #sequence = 0;
  #member: ReturnType<typeof startValidator> | undefined;
  #database: Database | undefined;
  #gate: { promise: Promise<void>; open: () => void } | undefined;
  #held = 0;
  /** By partition, the offset after the last order that was handed to the service. */
  readonly #handed: number[] = Array(PARTITIONS).fill(0);
  /** Orders that were deleted before they were read, by partition. */
  readonly deleted: string[][] = Array.from({ length: PARTITIONS }, () => []);

  private constructor(
    readonly kind: Kind,
    private readonly bootstrap: string,
    readonly directory: string,
    private readonly cluster: Awaited<ReturnType<typeof freshTopics>>,
    readonly admin: ReturnType<Awaited<ReturnType<typeof freshTopics>>["kafka"]["admin"]>,
  ) {}

  static async open(kind: Kind, bootstrap: string): Promise<Rig> {
    const cluster = await freshTopics(bootstrap, PARTITIONS);
    const admin = cluster.kafka.admin();
    await admin.connect();
    const directory = await Deno.makeTempDir({ prefix: "orderflow-takeover-" });
    return new Rig(kind, bootstrap, directory, cluster, admin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.stop();
    await this.admin.disconnect();
    await Deno.remove(this.directory, { recursive: true });
  }

  /** The input topic, and the group, on the cluster. */
  get input(): string {
    return this.cluster.names.topic(this.kind.input);
  }
  get group(): string {
    return this.cluster.names.group(this.kind.service);
  }
  get notReady(): string | undefined {
    return this.#member ? this.#member.processor.notReady() : "stopped";
  }

  get #file(): string {
    return join(this.directory, `${this.kind.service}.db`);
  }

  async start(): Promise<void> {
    const { service, guarantee, handlers, tables, work } = this.kind;
    const database = await openDatabase({
      directory: this.directory,
      owner: service,
      tables: [...tables, positions],
    });
    this.#database = database;
    const waiting = Object.entries(handlers(database)).map(([topic, handler]) => [
      topic,
      async (batch: Parameters<Handler>[0]) => {
        const { partition, raw } = batch.at(-1)!;
        this.#handed[partition] = raw.offset + 1;
        this.#held++;
        await this.#gate?.promise;
        this.#held--;
        return await (handler as Handler)(batch);
      },
    ]);
    const note = (line: unknown) => void this.lines.push(String(line));
    this.#member = startValidator(this.bootstrap, this.cluster.names, refuse, {
      service,
      guarantee,
      handlers: Object.fromEntries(waiting),
      tables: { database, work },
      // A topic that is as long as it was before is noticed by its id alone.
      topicCheckMs: 2_000,
      metrics: this.metrics,
      log: { debug() {}, info: note, warn: note } as unknown as Logger,
    });
  }

  async stop(): Promise<void> {
    await this.#member?.stop();
    this.#member = undefined;
    await this.#database?.close();
    this.#database = undefined;
  }

  /** What is read from now on waits for `release`. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = { promise, open: resolve };
  }

  /** A batch waits, so that nothing is fetched any more. */
  get isHeld(): boolean {
    return this.#gate !== undefined && this.#held > 0;
  }

  release(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  async place(count: number): Promise<void> {
    const orders = Array.from({ length: count }, () => this.kind.order(this.#sequence++));
    await publishAll(this.cluster.kafka, this.input, orders);
    for (const { key } of orders) this.placed[partitionForKey(key!, PARTITIONS)]!.push(key!);
  }

  /** The keys of all that was published, in no particular order. */
  async answers(): Promise<string[]> {
    const records = await readAll(this.cluster.kafka, this.cluster.names.topic(this.kind.output));
    return records.map(({ key }) => new TextDecoder().decode(key!));
  }

  /** Waits until each order that was placed, and not deleted before it was read, is answered. */
  async answered(): Promise<void> {
    const keys = this.placed.flat().filter((key) => !this.deleted.flat().includes(key));
    let open = keys;
    await until("all are answered", async () => {
      const answers = new Set(await this.answers());
      open = keys.filter((key) => !answers.has(key));
      return open.length === 0;
    }).catch((error) => {
      throw new Error(`${open.length} orders are not answered: ${this.notReady ?? "ready"}`, {
        cause: error,
      });
    });
  }

  /** Waits until it is ready. */
  async ready(): Promise<void> {
    await until("it is ready", () => this.notReady === undefined).catch((error) => {
      throw new Error(`it is not ready: ${this.notReady}`, { cause: error });
    });
  }

  /** What the service counted as lost, by reason. */
  async lost(): Promise<Record<string, number>> {
    const { values } = await this.metrics.recordsLost.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.why, value]));
  }

  recreate(): Promise<void> {
    return recreateTopic(this.cluster.kafka, this.input, PARTITIONS);
  }

  /** As Kafka's kafka-delete-records does. */
  async deleteRecords(partition: number, before: number): Promise<void> {
    await this.admin.fetchTopicOffsets(this.input);
    const partitions = [{ partition, offset: String(before) }];
    await this.admin.deleteTopicRecords({ topic: this.input, partitions });
    this.deleted[partition] = this.placed[partition]!.slice(this.#handed[partition], before);
  }

  /**
   * What is left of a partition when its disk was lost; while the broker is stopped.
   *
   * @param logs the broker's folder of logs
   */
  async loseRecords(partition: number, logs: string): Promise<void> {
    const directory = join(logs, `${this.input}-${partition}`);
    for await (const { name } of Deno.readDir(directory)) {
      if (name !== "partition.metadata") await Deno.remove(join(directory, name));
    }
    this.truncated = this.placed[partition]!.length;
  }

  /** As Kafka's kafka-consumer-groups --reset-offsets does. */
  async setOffset(partition: number, offset: number): Promise<void> {
    const cluster = createCluster(this.cluster.kafka);
    await cluster.connect();
    await cluster.refreshMetadata();
    const group = { groupId: this.group, coordinatorType: 0 };
    const coordinator = await cluster.findGroupCoordinator(group) as unknown as {
      offsetCommit(request: object): Promise<unknown>;
    };
    await coordinator.offsetCommit({
      groupId: this.group,
      groupGenerationId: -1,
      memberId: "",
      topics: [{ topic: this.input, partitions: [{ partition, offset: String(offset) }] }],
    });
    await cluster.disconnect();
  }

  /** A copy of the database's file, or puts it back; while it is stopped. */
  async backUp(): Promise<void> {
    await Deno.copyFile(this.#file, `${this.#file}.backup`);
  }
  async restore(): Promise<void> {
    await this.loseDatabase();
    await Deno.rename(`${this.#file}.backup`, this.#file);
  }
  async loseDatabase(): Promise<void> {
    for (const more of ["", "-wal", "-shm"]) await Deno.remove(this.#file + more).catch(() => {});
  }

  /** Changes what no code of ours changes. */
  sql(statement: string): void {
    const database = new DatabaseSync(this.#file);
    database.exec(statement);
    database.close();
  }

  /** `deno task groups reset … --to committed`: the tables follow the group. */
  async toCommitted(): Promise<void> {
    const known = new Map((await allPositions(this.#database!)).map((each) => [each.input, each]));
    for (const topic of topicsReadBy(this.kind.service).map((t) => this.cluster.names.topic(t))) {
      for (const [partition, offset] of await committedOffsets(this.admin, this.group, topic)) {
        const input = inputOf(topic, partition);
        const before = known.get(input);
        await takePosition(this.#database!, positionAt(input, offset), before);
      }
    }
  }

  /** `deno task groups reset … --to tables`: the group follows the tables. Starts it again. */
  async toTables(): Promise<void> {
    await this.stop();
    const { service: owner } = this.kind;
    const database = await openDatabase({ directory: this.directory, owner, tables: [positions] });
    const all = await allPositions(database);
    await database.close();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const position = all.find(({ input }) => input === inputOf(this.input, partition));
      if (position && position.workFrom >= 0) await this.setOffset(partition, position.workFrom);
    }
    await this.start();
  }
}
