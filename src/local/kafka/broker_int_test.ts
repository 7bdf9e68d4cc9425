import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Failure } from "../../runtime/errors.ts";
import type { Broker } from "./broker.ts";
import { isAlive } from "../testing/processes.ts";
import { startBroker, startColdTestBroker } from "../testing/test_broker.ts";

const TOOLS = "org.apache.kafka.tools";

function createTopic(broker: Broker, topic: string): Promise<string> {
  const to = ["--bootstrap-server", broker.bootstrap];
  return broker.runTool(`${TOOLS}.TopicCommand`, [...to, "--create", "--topic", topic]);
}

async function listTopics(broker: Broker): Promise<string[]> {
  const to = ["--bootstrap-server", broker.bootstrap];
  return (await broker.runTool(`${TOOLS}.TopicCommand`, [...to, "--list"])).trim().split("\n");
}

function readOne(broker: Broker, topic: string): Promise<string> {
  const from = ["--bootstrap-server", broker.bootstrap, "--topic", topic];
  const what = ["--partition", "0", "--from-beginning"];
  const limits = ["--max-messages", "1", "--timeout-ms", "20000"];
  return broker.runTool(`${TOOLS}.consumer.ConsoleConsumer`, [...from, ...what, ...limits]);
}

Deno.test("startBroker: keeps data, also a 900 KB message, over a stop and over a kill", async () => {
  await using broker = await startColdTestBroker();
  await createTopic(broker, "kept");
  const order = "x".repeat(900 * 1024);
  const to = ["--bootstrap-server", broker.bootstrap, "--topic", "kept"];
  await broker.runTool(`${TOOLS}.ConsoleProducer`, to, { stdin: `${order}\n` });

  const { bootstrap, pid } = broker;
  await broker.stop();
  assertEquals(broker.running, false);
  assertEquals(await isAlive(pid), false);
  await broker.start();
  assertEquals(broker.bootstrap, bootstrap);
  assert(broker.pid !== pid);
  assert(await readOne(broker, "kept") === `${order}\n`, "the message after stop and start");

  await broker.kill();
  assertEquals((await broker.exited).signal, "SIGKILL");
  await broker.start();
  assert(await readOne(broker, "kept") === `${order}\n`, "the message after kill and start");
});

Deno.test("startBroker: two at once; a port or a directory that is taken", async () => {
  await using first = await startColdTestBroker();
  const directory = await Deno.makeTempDir();
  const notices: string[] = [];
  const options = { directory, onNotice: (line: string) => void notices.push(line) };

  const exact = () => startBroker({ ...options, port: first.port, portPolicy: "exact" });
  const taken = await assertRejects(exact, Failure);
  assertStringIncludes(taken.message, `port ${first.port} is taken`);
  assertStringIncludes(taken.message, "KAFKA_BROKERS=");

  const second = await startBroker({ ...options, port: first.port, portPolicy: "prefer" });
  try {
    assert(second.port !== first.port);
    assertEquals(notices, [`port ${first.port} is taken; using ${second.port} instead`]);
    await createTopic(second, "of-the-second");
    assertEquals(await listTopics(second), ["of-the-second"]);
    assertEquals(await listTopics(first), [""]);

    const third = () => startBroker({ directory: first.directory, port: 0 });
    const { message } = await assertRejects(third, Failure);
    assertStringIncludes(message, `is already running on ${first.directory} (process ${first.pid}`);
    assert(first.running);
  } finally {
    await second.remove();
  }
});

const faulty = [
  [{ "log.segment.bytes": "nonsense" }, "could not be formatted", "log.segment.bytes"],
  [{ "metric.reporters": "no.such.Reporter" }, "ended while it started", "no.such.Reporter"],
] as const;
for (const [overrides, what, why] of faulty) {
  Deno.test(`startBroker: ${why} at fault: it ${what}, and the log says why`, async () => {
    const { message } = await assertRejects(() => startColdTestBroker(overrides), Failure);
    assertStringIncludes(message, what);
    assertStringIncludes(message, why);
  });
}

Deno.test("runTool: a tool that fails: its last lines", async () => {
  await using broker = await startColdTestBroker();
  await createTopic(broker, "twice");
  const { message } = await assertRejects(() => createTopic(broker, "twice"), Failure);
  assertStringIncludes(message, "Topic 'twice' already exists");
});
