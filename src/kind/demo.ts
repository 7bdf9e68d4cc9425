/**
 * `deno task kind:demo`: what rebalancing looks like. Orders flow; the validator is scaled 1 → 3 → 6 →
 * 2 with kubectl, and after each step Kafka says which pod owns which partition; a pod is killed; in the
 * end the audit checks that nothing was lost or doubled. Every command is printed as you would type it.
 */
import { formatCount } from "../runtime/format.ts";
import { integer } from "../runtime/setting.ts";
import { runProgram } from "../program.ts";
import { pause } from "../runtime/shutdown.ts";
import type { Cluster } from "./cluster.ts";
import { NAME, openCluster, OURS } from "./settings.ts";
import type { GroupMembers } from "../commands/groups/list.ts";
import { until } from "../runtime/until.ts";

/** What `groups --json` prints of a group. */
export interface Group extends GroupMembers {
  readonly service: string;
  readonly lagMessages: number;
}

/** Asks Kafka from the analytics pod, whose user may describe every group. */
const GROUPS_COMMAND = ["exec", "deployment/orderflow-analytics", "--", "groups"];

async function groupOf(cluster: Cluster, service: string): Promise<Group> {
  const printed = await cluster.kubectl([...GROUPS_COMMAND, service, "--json"]);
  return JSON.parse(printed)[0];
}

const BALANCED_LIMIT_MS = 120_000;
const BALANCED_POLL_MS = 500;

/**
 * Waits until `members` members of a service's group own every partition between them.
 *
 * @returns the group
 * @throws {Error} they do not within two minutes
 */
export async function untilBalanced(
  cluster: Cluster,
  service: string,
  members: number,
): Promise<Group> {
  let group: Group;
  await until(
    `${members} members of ${service} share the partitions`,
    async () => isBalanced(group = await groupOf(cluster, service), members),
    BALANCED_LIMIT_MS,
    BALANCED_POLL_MS,
  );
  return group!;
}

/** Whether `count` members own every partition between them, and each of them some. */
export function isBalanced({ state, members }: Group, count: number): boolean {
  return state === "Stable" && members.length === count &&
    members.every(({ partitions }) => Object.values(partitions).some(({ length }) => length > 0));
}

/**
 * A line a pod: its name and its partitions.
 *
 * @param nameByAddress the pods' names
 */
export function ownershipLines(
  { members }: Group,
  nameByAddress: ReadonlyMap<string, string>,
): string[] {
  return members.map(({ address, partitions }) => {
    const owned = Object.entries(partitions)
      .filter(([, numbers]) => numbers.length > 0)
      .map(([topic, numbers]) => `${topic} ${numbers.join(" ")}`);
    return `${nameByAddress.get(address) ?? address}: ${owned.join("; ") || "nothing"}`;
  });
}

const REPLICAS = [1, 3, 6, 2];
const SERVICE = "validator";
const SELECTOR = `${OURS},app.kubernetes.io/component=${SERVICE}`;

/** Prints a kubectl command as you would type it, and runs it. */
async function kubectl(cluster: Cluster, ...args: string[]): Promise<void> {
  console.log(`\n$ kubectl -n ${NAME} ${args.join(" ")}`);
  await cluster.kubectl(args, { show: true });
}

/** Waits until `replicas` pods share the partitions, and shows how. */
async function showOwnership(cluster: Cluster, replicas: number): Promise<void> {
  const startedAt = performance.now();
  await cluster.rolledOut(`deployment/${NAME}-${SERVICE}`);
  const group = await untilBalanced(cluster, SERVICE, replicas);
  const took = ((performance.now() - startedAt) / 1_000).toFixed(0);
  const pods = await cluster.pods(SELECTOR);
  const names = new Map(pods.map(({ metadata, status }) => [status.podIP ?? "", metadata.name]));
  console.log(`$ kubectl -n ${NAME} ${GROUPS_COMMAND.join(" ")} ${SERVICE}   # after ${took} s`);
  for (const line of ownershipLines(group, names)) console.log(`  ${line}`);
  console.log(`  ${formatCount(group.lagMessages)} messages behind`);
}

/** Scales the validator up and down while orders flow, kills one of its pods, and runs the audit. */
async function demo(pauseS: number, signal: AbortSignal): Promise<void> {
  const cluster = openCluster();
  const waitForPerson = async () => {
    if (Deno.stdin.isTerminal()) prompt("  press Enter to continue");
    else await pause(pauseS * 1_000, signal);
    signal.throwIfAborted();
  };
  const deployment = (name: string) => `deployment/${NAME}-${name}`;

  console.log("Orders flow.");
  await kubectl(cluster, "scale", deployment("simulator"), "--replicas=1");
  try {
    for (const replicas of REPLICAS) {
      await kubectl(cluster, "scale", deployment(SERVICE), `--replicas=${replicas}`);
      await showOwnership(cluster, replicas);
      await waitForPerson();
    }
    console.log("\nOne pod is killed: it gets no SIGTERM, and does not leave its group.");
    const [victim] = await cluster.pods(SELECTOR);
    const name = victim!.metadata.name;
    await kubectl(cluster, "delete", "pod", name, "--grace-period=0", "--force");
    await showOwnership(cluster, REPLICAS.at(-1)!);
    await waitForPerson();
  } finally {
    console.log("\nThe simulator stops.");
    await kubectl(cluster, "scale", deployment("simulator"), "--replicas=0");
  }
  await cluster.rolledOut(deployment("simulator"));
  console.log(`\n$ helm -n ${NAME} test ${NAME} --logs   # the audit`);
  await cluster.helm(["test", NAME, "--logs", "--timeout", "10m"], { show: true });
}

if (import.meta.main) {
  const code = await runProgram({
    name: "kind:demo",
    examples: [
      ["", "waits for Enter after each step"],
      ["--pause 30", "waits 30 seconds instead, where there is no terminal"],
    ],
    settings: {
      pauseS: integer({
        option: "pause",
        fallback: "15",
        min: 0,
        max: 600,
        help: "seconds to wait after each step if there is no terminal to press Enter in",
      }),
    },
    run: ({ config, signal }) => demo(config.pauseS, signal),
  });
  Deno.exit(code);
}
