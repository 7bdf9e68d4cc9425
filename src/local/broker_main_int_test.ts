import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { freePort } from "./kafka/ports.ts";
import { runScript } from "./kafka/shell.ts";
import { eventually, isAlive } from "./kafka/testing.ts";
import { KAFKA_VERSION, kafkaClasspath } from "./kafka_jars.ts";
import { PROJECT } from "./task_process.ts";

/** `deno task broker` in a terminal of its own, with the least permissions. */
class BrokerTask {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;

  constructor(dataDir: string, env: Record<string, string>) {
    const files = `.env,.data,deploy/local/pom.xml,${dataDir}`;
    const names = "KAFKA_BROKERS,DATA_DIR,BROKER_HEAP_MB,STOP_WITH_STDIN,JAVA_HOME";
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--allow-run=sh", "--allow-net=127.0.0.1"],
        ...[`--allow-read=${files}`, `--allow-write=.data,${dataDir}`, `--allow-env=${names}`],
        "src/local/broker_main.ts",
      ],
      cwd: PROJECT,
      env: { DATA_DIR: dataDir, ...env },
      stdout: "piped",
      stderr: "piped",
      // A process group of its own, as a job in a terminal has.
      detached: true,
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
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
    return { code, errors: await this.#errors };
  }
}

async function withDataDir(
  test: (dataDir: string, start: (env?: Record<string, string>) => BrokerTask) => Promise<void>,
): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  const tasks: BrokerTask[] = [];
  const start = (env: Record<string, string> = {}) => {
    tasks.push(new BrokerTask(dataDir, env));
    return tasks.at(-1)!;
  };
  try {
    await test(dataDir, start);
  } finally {
    await Promise.all(tasks.map((task) => task.signalGroup("KILL")));
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function brokerPid(dataDir: string): Promise<number> {
  return parseInt(await Deno.readTextFile(join(dataDir, "kafka/broker.pid")));
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
    await eventually("the JVM ends with its owner", async () => !await isAlive(pid));
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

const notOurs = ["kafka.example.org:9092", "127.0.0.1:9092,127.0.0.1:9093", "192.0.2.1:9092"];
for (const brokers of notOurs) {
  Deno.test(`broker: KAFKA_BROKERS=${brokers} is no broker to start here, exit code 2`, () =>
    withDataDir(async (_, start) => {
      const { code, errors } = await start({ KAFKA_BROKERS: brokers }).end();
      assertEquals(code, 2);
      assertStringIncludes(errors, `expected 127.0.0.1:PORT, found "${brokers}"`);
    }));
}
