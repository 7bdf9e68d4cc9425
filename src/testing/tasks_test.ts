/** That each service's task in deno.json starts its main.ts with the permissions that it needs. */
import { assert } from "@std/assert";
import type { Settings } from "../runtime/setting.ts";
import { processorSettings } from "../services/settings.ts";
import type { Service } from "../topology.ts";
import { SERVICES, settingsOf } from "./services.ts";

const { tasks } = JSON.parse(
  await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
) as { tasks: Record<string, { description: string; command: string }> };

/** Many copies run on one machine: each keeps its heap small. */
const HEAP = "--v8-flags=--max-old-space-size=80,--max-semi-space-size=8";

/** What libraries read from the environment by themselves. */
const OF_POSTGRES = ["PG*", "USER", "USERNAME"];
const OF_KAFKAJS = ["NODE_ENV", "KAFKAJS_*"];
const OF_TLS = "DENO_TLS_CA_STORE";

const envOf = (settings: Settings) =>
  Object.values(settings).flatMap(({ env }) => env === undefined ? [] : [env]);

/** `GATEWAY_SEED` is one of `GATEWAY_*`; a name of one word stands for itself. */
function familyOf(env: string): string {
  return env.includes("_") ? `${env.split("_")[0]}_*` : env;
}

/** The environment variables that a service may read: shared ones by name, its own by family. */
function environment(settings: Settings): string[] {
  const all = envOf(settings);
  const common = envOf(processorSettings);
  const shared = common.filter((env) => all.includes(env))
    .map((env) => env.startsWith("KAFKA_") ? "KAFKA_*" : env);
  const own = all.filter((env) => !common.includes(env)).map(familyOf);
  const hasTables = all.includes("DATA_DIR");
  const ofLibraries = [...hasTables ? OF_POSTGRES : [], ...OF_KAFKAJS, OF_TLS];
  return [...new Set([...shared, ...ofLibraries, ...own])];
}

/** The task that starts a service. */
async function commandOf(service: Service): Promise<string> {
  const settings = await settingsOf(service);
  const hasTables = envOf(settings).includes("DATA_DIR");
  return [
    ...["deno", "run", "--no-prompt", "--quiet", HEAP],
    ...["--allow-net", "--allow-read=.,/etc/kafka", ...hasTables ? ["--allow-write=.data"] : []],
    `--allow-env=${environment(settings)}`,
    `src/services/${service}/main.ts`,
  ].join(" ");
}

/** The order of the environment variables does not matter. */
function inOrder(command: string): string {
  return command.replace(
    /(?<=--allow-env=)\S+/,
    (names) => names.split(",").toSorted().join(),
  );
}

for (const service of SERVICES) {
  Deno.test(`deno.json: the task ${service} has what its settings need, and no more`, async () => {
    const { description = "…", command = "" } = tasks[service] ?? {};
    const expected = await commandOf(service);
    const entry = JSON.stringify({ [service]: { description, command: expected } }, undefined, 2)
      .split("\n").slice(1, -1).map((line) => `  ${line}`).join("\n");
    assert(
      inOrder(command) === inOrder(expected),
      `the tasks of deno.json have to have\n${entry}`,
    );
  });
}
