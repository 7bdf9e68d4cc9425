/** Brokers for integration tests: in a temporary directory, on free ports, gone after the test. */
import { pause } from "../../runtime/shutdown.ts";
import { createClient } from "../../kafka/client/client.ts";
import { isKafkaError } from "../../kafka/client/errors.ts";
import type { Broker } from "../kafka/broker.ts";
import { type Cluster, type ClusterOptions, startCluster } from "../kafka/cluster.ts";
import type { ServerSettings } from "../kafka/server_settings.ts";

/** `await using broker = await startTestBroker()` removes it at the end of the block. */
export type TestBroker = Broker & AsyncDisposable;
export type TestCluster = Cluster & AsyncDisposable;

/**
 * Starts a broker with the jars of this checkout. End it with `remove()`. After `stop()` or `kill()`
 * its data is kept, because a test may start it again, and is deleted when the test file ends.
 *
 * @param overrides settings of the server
 * @param port (default: a free one)
 * @returns it when its coordinators answer, so that no test fails because they are not up
 */
export async function startTestBroker(
  overrides: ServerSettings = {},
  port = 0,
): Promise<TestBroker> {
  const broker = await startColdTestBroker(overrides, port);
  await untilCoordinatorsAnswer(broker.bootstrap);
  return broker;
}

/** The same right after its start, as users meet it: the first group or transaction waits for its coordinator. */
export async function startColdTestBroker(
  overrides: ServerSettings = {},
  port = 0,
): Promise<TestBroker> {
  return removedAtEnd(await startBroker({ directory: await testDirectory(), port, overrides }));
}

/**
 * Starts three nodes, with a copy of every partition on each: the same as `startTestBroker` otherwise.
 * The coordinators are asked at their advertised addresses: proxies have to be there already.
 */
export async function startTestCluster(
  options: Partial<Omit<ClusterOptions, "directory">> = {},
): Promise<TestCluster> {
  const directory = await testDirectory();
  const cluster = removedAtEnd(await startCluster({ ports: [0, 0, 0], ...options, directory }));
  await untilCoordinatorsAnswer(cluster.bootstrap);
  return cluster;
}

/**
 * One for all tests of a file: started before the first of them, removed after the last.
 *
 * @returns what `start` will resolve to, with no properties until then
 */
export function sharedByTests<T extends AsyncDisposable>(start: () => Promise<T>): T {
  const shared = {} as T;
  Deno.test.beforeAll(async () => {
    Object.defineProperties(shared, Object.getOwnPropertyDescriptors(await start()));
  });
  Deno.test.afterAll(async () => await shared[Symbol.asyncDispose]());
  return shared;
}

async function testDirectory(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "orderflow-kafka-" });
  globalThis.addEventListener("unload", () => removeNow(directory));
  return directory;
}

function removedAtEnd<T extends { remove(): Promise<void> }>(kafka: T): T & AsyncDisposable {
  return Object.defineProperty(kafka, Symbol.asyncDispose, {
    configurable: true,
    value: () => kafka.remove(),
  }) as T & AsyncDisposable;
}

const COORDINATORS_LIMIT_MS = 60_000;

/** Kafka makes its coordinators' topics for the first group and the first transaction. */
export async function untilCoordinatorsAnswer(bootstrap: string): Promise<void> {
  const kafka = createClient({ brokers: bootstrap.split(",") }, "test");
  const deadline = performance.now() + COORDINATORS_LIMIT_MS;
  for (;;) {
    const admin = kafka.admin();
    const producer = kafka.producer({ transactionalId: "first", maxInFlightRequests: 1 });
    try {
      await Promise.all([admin.connect(), producer.connect()]);
      await Promise.all([
        admin.describeGroups(["first"]),
        producer.transaction().then((transaction) => transaction.abort()),
      ]);
      return;
    } catch (error) {
      if (!isKafkaError(error) || performance.now() > deadline) throw error;
      await pause(100);
    } finally {
      await Promise.allSettled([admin.disconnect(), producer.disconnect()]);
    }
  }
}

function removeNow(directory: string): void {
  try {
    Deno.removeSync(directory, { recursive: true });
  } catch { /* removed already */ }
}

/**
 * Starts one node; resolves when it answers.
 *
 * @throws {Failure} as `startCluster` does
 */
export async function startBroker(
  { port, ...options }: Omit<ClusterOptions, "ports"> & { readonly port: number },
): Promise<Broker> {
  return (await startCluster({ ...options, ports: [port] })).nodes[0]!;
}
