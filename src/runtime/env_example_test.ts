import { parse } from "@std/dotenv";
import { assert, assertEquals } from "@std/assert";
import { settings as brokerSettings } from "../local/kafka/main.ts";
import { publishSettings } from "../audit/publish/publish.ts";
import { settings as gatewaySettings } from "../commands/gateway.ts";
import { settings as seedSettings } from "../commands/seed/main.ts";
import type { Settings } from "./setting.ts";
import { logSettings } from "./log.ts";
import { topicSettings } from "../kafka/topics.ts";
import { kafkaSettings } from "../kafka/access.ts";
import { SERVICES, settingsOf } from "../testing/services.ts";

/**
 * By task: what its process reads from the environment. The demo's and kind's own settings are theirs
 * alone; the other commands have none that is not here. Of services, tasks_test.ts checks the tasks.
 */
const COMMANDS: Record<string, Settings> = {
  broker: brokerSettings,
  topics: { ...kafkaSettings, ...logSettings, ...topicSettings },
  seed: seedSettings,
  gateway: gatewaySettings,
};

/** What the clients of Kafka and PostgreSQL, the search for Java and Deno's TLS read by themselves. */
const OF_LIBRARIES = ["NODE_ENV", "USER", "USERNAME", "JAVA_HOME", "DENO_TLS_CA_STORE"];

const project = new URL("../../", import.meta.url);
const read = (file: string) => Deno.readTextFileSync(new URL(file, project));

Deno.test(".env.example: names every setting of the services and their commands, with its default", async () => {
  const example = parse(read(".env.example"));
  const all = [
    ...Object.values(COMMANDS),
    publishSettings,
    ...await Promise.all(SERVICES.map(settingsOf)),
  ];
  const env = all.flatMap((settings) => Object.values(settings)).filter(({ env }) => env);
  const missing = env.filter(({ env }) => !(env! in example))
    .map(({ env, fallback }) => `${env}=${fallback}`);
  assert(missing.length === 0, `.env.example lacks\n${[...new Set(missing)].join("\n")}`);
  assertEquals(
    Object.fromEntries(env.map(({ env, fallback }) => [env, fallback]).toSorted()),
    Object.fromEntries(Object.entries(example).toSorted()),
  );
});

Deno.test("deno.json: each command may read the environment variables of its settings, and no others", () => {
  const { tasks } = JSON.parse(read("deno.json"));
  for (const [task, settings] of Object.entries(COMMANDS)) {
    const command: string = tasks[task].command;
    const allowed = /--allow-env=(\S+)/.exec(command)?.[1]?.split(",") ?? [];
    for (const { env } of Object.values(settings)) {
      const covered = !env ||
        allowed.some((name) =>
          name.endsWith("*") ? env.startsWith(name.slice(0, -1)) : name === env
        );
      assert(covered, `the task ${task} may not read ${env}`);
    }
    const own = Object.values(settings).map(({ env }) => env);
    const foreign = allowed.filter((name) =>
      !name.endsWith("*") && !own.includes(name) && !OF_LIBRARIES.includes(name)
    );
    assertEquals(foreign, [], `what the task ${task} may read, and has no setting for`);
    assert(!/ (-A|--allow-all) /.test(command), `the task ${task} may do everything`);
  }
});
