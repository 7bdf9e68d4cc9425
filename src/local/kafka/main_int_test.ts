import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readMetadata } from "./metadata.ts";
import { freePort, isFree } from "./ports.ts";
import { runScript } from "./shell.ts";
import { until } from "../../runtime/until.ts";
import { isAlive } from "../testing/processes.ts";
import { KAFKA_VERSION, kafkaClasspath } from "./jars.ts";
import { PROJECT } from "../task.ts";

/** `deno task broker` in a terminal of its own, with the least permissions. */
class BrokerTask {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stderrEnded: Promise<void>;
  #errors = "";

  constructor(dataDir: string, env: Record<string, string>, args: readonly string[]) {
    const files = `.env,.data,deploy/local/pom.xml,${dataDir}`;
    const names = "KAFKA_BROKERS,DATA_DIR,BROKER_HEAP_MB,STOP_WITH_STDIN,JAVA_HOME";
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--allow-run=sh", "--allow-net=127.0.0.1"],
        ...[`--allow-read=${files}`, `--allow-write=.data,${dataDir}`, `--allow-env=${names}`],
        ...["src/local/kafka/main.ts", ...args],
      ],
      cwd: PROJECT,
      // A locale without the letters in the folder's name.
      env: { DATA_DIR: dataDir, LC_ALL: "C", ...env },
      stdout: "piped",
      stderr: "piped",
      // A process group of its own, as a job in a terminal has.
      detached: true,
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const errors = this.#child.stderr.pipeThrough(new TextDecoderStream());
    this.#stderrEnded = (async () => {
      for await (const text of errors) this.#errors += text;
    })();
  }

  /** Resolves when it has said `text` on stderr. */
  async said(text: string): Promise<void> {
    await until(text, () => this.#errors.includes(text));
  }

  /** The next thing that it prints. */
  async line(): Promise<string> {
    return (await this.#lines.read()).value ?? "";
  }

  async signalGroup(signal: "INT" | "KILL"): Promise<void> {
    await runScript('kill -s "$1" -- "-$2"', [signal, String(this.#child.pid)]);
  }

  /** Its exit code and what it said on stderr. */
  async end(): Promise<{ code: number; errors: string }> {
    const { code } = await this.#child.status;
    await this.#lines.cancel();
    await this.#stderrEnded;
    return { code, errors: this.#errors };
  }
}

async function withDataDir(
  test: (
    dataDir: string,
    start: (env?: Record<string, string>, ...args: string[]) => BrokerTask,
  ) => Promise<void>,
): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "Bücher-" });
  const tasks: BrokerTask[] = [];
  const start = (env: Record<string, string> = {}, ...args: string[]) => {
    tasks.push(new BrokerTask(dataDir, env, args));
    return tasks.at(-1)!;
  };
  try {
    await test(dataDir, start);
  } finally {
    await Promise.all(tasks.map((task) => task.signalGroup("KILL")));
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function brokerPid(dataDir: string, node = "."): Promise<number> {
  return parseInt(await Deno.readTextFile(join(dataDir, "kafka", node, "broker.pid")));
}

// Where they were never fetched, the first broker would say so on stderr.
Deno.test.beforeAll(async () => {
  await kafkaClasspath();
});

Deno.test("broker: Ctrl-C stops it in order, exit code 0", () =>
  withDataDir(async (dataDir, start) => {
    const address = `127.0.0.1:${await freePort()}`;
    const task = start({ KAFKA_BROKERS: address });
    const line = await task.line();
    assertMatch(line, /^Kafka [\d.]+ is ready at .*; Ctrl-C stops it\n$/);
    assertStringIncludes(line, `Kafka ${KAFKA_VERSION} `);
    assertStringIncludes(line, `${address}, data in ${dataDir}/kafka`);
    const pid = await brokerPid(dataDir);

    await task.signalGroup("INT");
    assertEquals(await task.end(), { code: 0, errors: "" });
    assertEquals(await isAlive(pid), false);
    // Not SIGINT: the terminal's signal did not reach it.
    const log = await Deno.readTextFile(join(dataDir, "kafka/broker.log"));
    assertStringIncludes(log, "Terminating process due to signal SIGTERM");
    assert(!log.includes("SIGINT"), log);
  }));

Deno.test("broker: kill -9 of it ends the JVM, and it starts again on the same data", () =>
  withDataDir(async (dataDir, start) => {
    const env = { KAFKA_BROKERS: `127.0.0.1:${await freePort()}` };
    const task = start(env);
    assertStringIncludes(await task.line(), "is ready");
    const pid = await brokerPid(dataDir);
    assert(await isAlive(pid));

    await task.signalGroup("KILL");
    await task.end();
    // At once: whether the JVM is still about to end or has ended already.
    const again = start(env);
    assertStringIncludes(await again.line(), "is ready");
    await until("the JVM ends with its owner", async () => !await isAlive(pid));
    await again.signalGroup("INT");
    assertEquals((await again.end()).code, 0);
  }));

Deno.test("broker: a JVM that ends by itself: the last lines of its log, exit code 1", () =>
  withDataDir(async (dataDir, start) => {
    const task = start({ KAFKA_BROKERS: `127.0.0.1:${await freePort()}` });
    assertStringIncludes(await task.line(), "is ready");
    Deno.kill(await brokerPid(dataDir), "SIGKILL");
    const { code, errors } = await task.end();
    assertEquals(code, 1);
    assertMatch(errors, /^broker: Kafka ended by itself \(exit code 137\).*Kafka Server started/s);
  }));

Deno.test("broker: a port that is taken is named, exit code 1", () =>
  withDataDir(async (_, start) => {
    const port = await freePort();
    using _listener = Deno.listen({ hostname: "127.0.0.1", port });
    const { code, errors } = await start({ KAFKA_BROKERS: `127.0.0.1:${port}` }).end();
    assertEquals(code, 1);
    assertMatch(errors, new RegExp(`^broker: port ${port} is taken`));
  }));

Deno.test("broker --nodes 3: a node that was killed is started again; Ctrl-C stops all", () =>
  withDataDir(async (dataDir, start) => {
    const ports = await threePorts();
    const brokers = ports.map((port) => `127.0.0.1:${port}`).join();
    const task = start({ KAFKA_BROKERS: `127.0.0.1:${ports[0]}` }, "--nodes", "3");
    let printed = "";
    while (!printed.includes("is ready")) printed += await task.line();
    assertStringIncludes(printed, `is ready at ${brokers}, data in ${dataDir}/kafka`);
    const pid = await brokerPid(dataDir, "node-2");
    assertStringIncludes(printed, `node 2 at 127.0.0.1:${ports[1]}, process ${pid}\n`);

    Deno.kill(pid, "SIGKILL");
    await task.said("node 2 was ended by SIGKILL; starting it again\n");
    await task.said("node 2 started, process ");
    const again = await brokerPid(dataDir, "node-2");
    assert(again !== pid);
    assertEquals((await readMetadata(ports[1]!)).brokers.toSorted(), [1, 2, 3]);

    await task.signalGroup("INT");
    assertEquals((await task.end()).code, 0);
    assertEquals(await isAlive(again), false);
  }));

/** Free ones in a row. */
async function threePorts(): Promise<number[]> {
  const first = await freePort();
  const ports = [first, first + 1, first + 2];
  for (const port of ports) if (!await isFree(port)) return threePorts();
  return ports;
}

const ONE = "expected 127.0.0.1:PORT";
const THREE = "expected as many different 127.0.0.1:PORT, or the first one";
const NOT_OURS = [
  ["1", "kafka.example.org:9092", ONE],
  ["1", "127.0.0.1:9092,127.0.0.1:9093", ONE],
  ["1", "192.0.2.1:9092", ONE],
  ["3", "kafka.example.org:9092", THREE],
  ["3", "127.0.0.1:9092,127.0.0.1:9093", THREE],
  ["3", "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9092", THREE],
  ["3", "127.0.0.1:9092,127.0.0.1:9093,192.0.2.1:9092", THREE],
  ["3", "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094,127.0.0.1:9095", THREE],
  // There is no third port after it.
  ["3", "127.0.0.1:65534", THREE],
] as const;
for (const [nodes, brokers, expected] of NOT_OURS) {
  Deno.test(`broker --nodes ${nodes}: KAFKA_BROKERS=${brokers} is nothing to start here, exit code 2`, () =>
    withDataDir(async (_, start) => {
      const { code, errors } = await start({ KAFKA_BROKERS: brokers }, "--nodes", nodes).end();
      assertEquals(code, 2);
      assertStringIncludes(errors, expected);
      assertStringIncludes(errors, `found "${brokers}" (--nodes is ${nodes})`);
    }));
}
