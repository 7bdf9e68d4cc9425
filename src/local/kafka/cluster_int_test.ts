import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { Failure } from "../../runtime/errors.ts";
import { until } from "../../runtime/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { randomClusterId } from "./server_settings.ts";
import { readMetadata } from "./metadata.ts";
import { freePort } from "./ports.ts";
import { isAlive } from "../testing/processes.ts";
import { startTestCluster } from "../testing/test_broker.ts";

const TOOLS = "org.apache.kafka.tools";

function topicTool(cluster: Cluster, ...args: string[]): Promise<string> {
  const to = ["--bootstrap-server", cluster.bootstrap];
  return cluster.runTool(`${TOOLS}.TopicCommand`, [...to, ...args]);
}

/** Writes a record for each of `values` to the topic `kept`, acknowledged by all replicas in sync. */
async function write({ bootstrap, runTool }: Cluster, values: readonly string[]): Promise<void> {
  const args = ["--bootstrap-server", bootstrap, "--topic", "kept"];
  await runTool(`${TOOLS}.ConsoleProducer`, args, { stdin: values.join("\n") });
}

/** The first `count` values of the topic `kept`, sorted; the tool fails after 20 s without a record. */
async function read({ bootstrap, runTool }: Cluster, count: number): Promise<string[]> {
  const args = ["--bootstrap-server", bootstrap, "--topic", "kept", "--from-beginning"];
  const limits = ["--max-messages", `${count}`, "--timeout-ms", "20000"];
  const printed = await runTool(`${TOOLS}.consumer.ConsoleConsumer`, [...args, ...limits]);
  return printed.trim().split("\n").toSorted();
}

/** Who leads the partitions of the topic `kept`, as the node at `port` sees it. */
async function leaders(port: number): Promise<number[]> {
  const { partitions } = await readMetadata(port);
  return partitions.filter(({ topic }) => topic === "kept")
    .toSorted((a, b) => a.partition - b.partition)
    .map(({ leader }) => leader);
}

Deno.test("startCluster: a leader that is killed, and one that is stopped, is followed by another; back again it is in sync, and leads", async () => {
  await using cluster = await startTestCluster();
  await topicTool(cluster, "--create", "--topic", "kept", "--partitions", "3");
  await cluster.inSync();
  const [first, second, third] = cluster.nodes;
  const { partitions } = await readMetadata(first!.port);
  for (const { topic, replicas } of partitions) {
    assertEquals(replicas.toSorted(), [1, 2, 3], topic);
  }
  const preferred = await leaders(first!.port);
  assertEquals(preferred.toSorted(), [1, 2, 3]);

  const { pid, bootstrap } = second!;
  for (const end of [second!.kill, second!.stop]) {
    await end();
    for (const { port } of [first!, third!]) {
      await until(
        "others lead",
        async () => (await leaders(port)).every((id) => [1, 3].includes(id)),
      );
    }
    await assertRejects(() => cluster.inSync(0), Failure, "node 1 finds not in sync: ");
    await second!.start();
    await cluster.inSync();
    await until("it leads again", async () => `${await leaders(first!.port)}` === `${preferred}`);
  }
  assert(second!.pid !== pid);
  assertEquals(second!.bootstrap, bootstrap);
});

Deno.test("startCluster: keeps the data over a stop of all nodes, and gives it to one that lost its own", async () => {
  const directory = await Deno.makeTempDir();
  let cluster = await startCluster({ directory, ports: [0, 0, 0] });
  try {
    await topicTool(cluster, "--create", "--topic", "kept", "--partitions", "3");
    await cluster.inSync();
    const values = Array.from({ length: 100 }, (_, index) => `value ${index}`).toSorted();
    await write(cluster, values);
    await cluster.stop();
    assertEquals(cluster.nodes.map(({ running }) => running), [false, false, false]);
    const statuses = await Promise.all(cluster.nodes.map(({ exited }) => exited));
    // The last one may have no majority of controllers to say goodbye to, and is killed then.
    const inOrder = statuses.filter(({ code }) => code === 143);
    assert(inOrder.length >= 2, statuses.map(({ code }) => code).join());
    cluster = await startCluster({ directory, ports: [0, 0, 0] });
    await cluster.inSync();
    assertEquals(await read(cluster, values.length), values);

    const [first, second] = cluster.nodes;
    await first!.kill();
    // Another leads the quorum then: a voter that has forgotten that it leads does not start.
    await until("the others go on without it", async () => {
      const { brokers } = await readMetadata(second!.port);
      return !brokers.includes(first!.nodeId);
    });
    await Deno.remove(join(directory, "node-1", "log"), { recursive: true });
    await first!.start();
    await cluster.inSync();
    assertEquals(await read(cluster, values.length), values);
  } finally {
    await cluster.remove();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("startCluster: a port that is taken, a node that does not start: none is left running", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const port = await freePort();
    {
      using _listener = Deno.listen({ hostname: "127.0.0.1", port });
      const taken = () => startCluster({ directory, ports: [0, port, 0] });
      assertStringIncludes((await assertRejects(taken, Failure)).message, `port ${port} is taken`);
    }
    const log = join(directory, "node-2/log");
    await Deno.mkdir(log);
    const foreign = `version=1\ncluster.id=${randomClusterId()}\nnode.id=7\n`;
    await Deno.writeTextFile(join(log, "meta.properties"), foreign);
    const failing = () => startCluster({ directory, ports: [0, 0, 0] });
    const { message } = await assertRejects(failing, Failure);
    assertStringIncludes(message, "node id 7");
    for (const node of ["node-1", "node-3"]) {
      const pid = parseInt(await Deno.readTextFile(join(directory, node, "broker.pid")));
      assertEquals(await isAlive(pid), false, node);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
