/** The services of the topology, and their settings, for tests that range over all of them. */
import type { Settings } from "../runtime/setting.ts";
import { processorSettings } from "../services/settings.ts";
import { CONSUMERS, type Processor, PROCESSORS, type Service } from "../topology.ts";

export const SERVICES: readonly Service[] = ["simulator", ...CONSUMERS];

export function isProcessor(service: Service): service is Processor {
  return (PROCESSORS as readonly Service[]).includes(service);
}

/** Of a service whose folder defines none: those of every processor. */
export async function settingsOf(service: string): Promise<Settings> {
  const folder = new URL(`../services/${service}/`, import.meta.url);
  for (const file of ["service.ts", "settings.ts"]) {
    const url = new URL(file, folder);
    if (!await isFile(url)) continue;
    const module = await import(url.href);
    return module.service?.settings ?? module.settings;
  }
  return processorSettings;
}

function isFile(url: URL): Promise<boolean> {
  return Deno.stat(url).then((info) => info.isFile, () => false);
}

/** Many copies run on one machine: each keeps its heap small. */
const HEAP =
  "--v8-flags=--max-old-space-size=80,--max-semi-space-size=8,--heap-growing-percent=100";

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
async function commandOf(service: string): Promise<string> {
  const settings = await settingsOf(service);
  const env = envOf(settings);
  const hasTables = env.includes("DATA_DIR");
  // Its own host name is one that it may be asked by.
  const serves = env.includes("HTTP_ALLOWED_HOSTS");
  return [
    ...["deno", "run", "--no-prompt", "--quiet", HEAP],
    ...["--allow-net", ...serves ? ["--allow-sys=hostname"] : []],
    ...["--allow-read=.,/etc/kafka", ...hasTables ? ["--allow-write=.data"] : []],
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

/** What is wrong with a service's task in deno.json, with the lines to paste; undefined for nothing. */
export async function taskFault(service: string): Promise<string | undefined> {
  const text = await Deno.readTextFile(new URL("../../deno.json", import.meta.url));
  const { tasks }: { tasks: Record<string, { description: string; command: string }> } = JSON.parse(
    text,
  );
  const { description = "…", command = "" } = tasks[service] ?? {};
  const expected = await commandOf(service);
  if (inOrder(command) === inOrder(expected)) return undefined;
  const entry = JSON.stringify({ [service]: { description, command: expected } }, undefined, 2)
    .split("\n").slice(1, -1).map((line) => `  ${line}`).join("\n");
  return `the tasks of deno.json have to have\n${entry}`;
}
