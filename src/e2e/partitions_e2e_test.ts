/** The whole pipeline, whose topics get more partitions while orders flow. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Run } from "../local/run.ts";
import { argumentsOf, PROJECT } from "../local/task.ts";
import { createClient } from "../kafka/client/client.ts";
import { openLogReader } from "../kafka/readers/log_reader.ts";
import { until } from "../runtime/until.ts";
import { PROCESSORS } from "../topology.ts";
import { scenario } from "./support/scenario.ts";

/** Of the simulator that runs all the time, and of those that start once there are more partitions. */
const [ORDERS, RATE, MORE_ORDERS] = [4_800, 160, 300];

/** Runs a task against this run to its end. @returns what it printed */
async function task(run: Run, name: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...argumentsOf(name), "--env", run.envFile, ...args],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stdout);
  assertEquals(code, 0, said + new TextDecoder().decode(stderr));
  return said;
}

const raise = (run: Run, partitions: number) =>
  task(run, "topics", ["--partitions", `${partitions}`]);

/** Places orders, and waits until one has its outcome in a partition. */
async function settleIn(run: Run, partition: number): Promise<void> {
  const orders = ["--orders", `${MORE_ORDERS}`, "--rate", "0"];
  await task(run, "simulator", [...orders, "--run", `in${partition}`]);
  await settledIn(run, partition);
}

/** How often the log of each service has a line. */
async function linesOf(run: Run, text: string): Promise<number[]> {
  const logs = PROCESSORS.map((service) => `${run.directory}/logs/${service}-1.log`);
  return await Promise.all(
    logs.map(async (log) => (await Deno.readTextFile(log)).split(text).length - 1),
  );
}

const ONCE = PROCESSORS.map(() => 1);

/** Waits until an order has its outcome in a partition. */
async function settledIn(run: Run, partition: number): Promise<void> {
  const reader = await openLogReader(createClient({ brokers: [...run.brokers] }, "test"));
  try {
    const topic = run.names.topic("orders.outcomes");
    await until(`an outcome in partition ${partition}`, async () => {
      for await (const _ of reader.read(topic, { partitions: [partition] })) return true;
      return false;
    }, 60_000);
  } finally {
    await reader.close();
  }
}

Deno.test("pipeline: orders.raw alone gets partitions, the command gives them to all; then all get more", () =>
  scenario(async (run, settled) => {
    await settled(0.05);
    const admin = createClient({ brokers: [...run.brokers] }, "test").admin();
    await admin.connect();
    const raw = run.names.topic("orders.raw");
    await admin.createPartitions({ topicPartitions: [{ topic: raw, count: 6 }] });
    await admin.disconnect();
    const differ = "the order topics have different numbers of partitions (orders.raw 6, ";
    await until(
      "all services say so",
      async () => (await linesOf(run, differ)).every((count) => count > 0),
    );
    assertStringIncludes(await raise(run, 6), "orders.outcomes: 4 → 6 partitions");
    await settleIn(run, 5);
    assertStringIncludes(await raise(run, 8), "orders.raw: 6 → 8 partitions");
    await settleIn(run, 7);
    const well = "all order topics exist, with the same number of partitions";
    await until(
      "all services are well again",
      async () => (await linesOf(run, well)).every((count) => count > 0),
    );
    assertEquals(await linesOf(run, differ), ONCE);
    assertEquals(await linesOf(run, well), ONCE);
  }, { orders: ORDERS, rate: RATE, partitions: 4, replicas: { validator: 2 } }));
