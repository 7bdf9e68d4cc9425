/**
 * The broker as a container, for a machine without Java or Maven: the image of the Kafka project,
 * with the same settings as the JVM. Only the arguments are tested, not the container: the tests need
 * no Docker engine.
 */
import { Failure } from "../../runtime/errors.ts";
import { KAFKA_VERSION } from "./jars.ts";
import { startOwned } from "./owned_process.ts";
import type { Runtime, RuntimeOptions } from "./java_runtime.ts";
import { type ServerSettings, serverSettings } from "./server_settings.ts";
import { run } from "./shell.ts";

export const IMAGE = `apache/kafka:${KAFKA_VERSION}`;

/** Where the image keeps its data. */
const DATA = "/var/lib/kafka/data";
/** Inside the container, where no other process listens. */
const CONTROLLER_PORT = 19_999;
const STOP_LIMIT_SECONDS = 15;

/** Whether there is a `docker` whose engine answers. */
export async function hasDocker(): Promise<boolean> {
  return (await run(["docker", "version", "--format", "{{.Server.Version}}"])).code === 0;
}

export async function dockerRuntime(
  { directory, heapMb, overrides }: RuntimeOptions,
): Promise<Runtime> {
  const name = await nameOf(directory);
  const docker = async (...args: string[]) => void await run(["docker", ...args]);
  return {
    isBroker: (commandLine) => commandLine.startsWith(`docker run --rm --name ${name} `),

    async start({ nodes }, logFile) {
      const port = nodes[0]!.client;
      if (nodes.length > 1) {
        throw new Failure("several nodes need Java and Maven: with Docker there is only one");
      }
      // The orphan of a killed owner would hold the name and the port.
      await docker("rm", "--force", name);
      return startOwned({
        command: dockerRunArguments({ name, port, heapMb, overrides }),
        cwd: directory,
        logFile,
        cleanupCommand: `docker stop -t ${STOP_LIMIT_SECONDS} ${name}`,
      });
    },

    // Through the engine: the end of `docker run` would not be the end of the container.
    terminate: () => docker("stop", "-t", String(STOP_LIMIT_SECONDS), name),
    kill: () => docker("kill", name),

    tool: (className, args) => [
      ...["docker", "exec", "--interactive", name],
      ...["/opt/kafka/bin/kafka-run-class.sh", className, ...args],
    ],

    async removeData() {
      await docker("volume", "rm", "--force", name);
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** The command that runs the broker in the foreground; its data is in a volume named like it. */
export function dockerRunArguments(options: {
  name: string;
  port: number;
  heapMb: number;
  overrides?: ServerSettings;
}): string[] {
  const { name, port, heapMb, overrides } = options;
  const settings = serverSettings({
    nodeId: 1,
    nodes: [{ client: port, advertised: port, controller: CONTROLLER_PORT, replication: 0 }],
    listenAddress: "0.0.0.0",
    logDirectory: DATA,
    overrides,
  });
  return [
    ...["docker", "run", "--rm", "--name", name],
    // The same port inside, so that the advertised address works for tools inside, too.
    ...["--publish", `127.0.0.1:${port}:${port}`],
    ...["--volume", `${name}:${DATA}`],
    ...["--env", `KAFKA_HEAP_OPTS=-Xmx${heapMb}m`],
    ...Object.entries(settings).flatMap(([key, value]) => [
      "--env",
      `${environmentName(key)}=${value}`,
    ]),
    IMAGE,
  ];
}

/** The image's name for a setting: `log.dirs` is `KAFKA_LOG_DIRS`. */
export function environmentName(setting: string): string {
  const name = setting.replaceAll("_", "__").replaceAll("-", "___").replaceAll(".", "_");
  return `KAFKA_${name.toUpperCase()}`;
}

/** The name of the container and of its volume: one for each directory. */
async function nameOf(directory: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(directory));
  return `orderflow-kafka-${new Uint8Array(digest).toHex().slice(0, 12)}`;
}
