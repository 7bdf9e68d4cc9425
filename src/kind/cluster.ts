/** Runs docker, kind, kubectl and helm; and one namespace of a Kubernetes cluster, through the last two. */
import { pause } from "../runtime/shutdown.ts";
import { Failure } from "../runtime/errors.ts";

interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads on its standard input (default: nothing). */
  readonly stdin?: string;
  /** Passes its output on to ours, for a person to watch, instead of returning it. */
  readonly show?: boolean;
}

export interface CommandResult {
  /** 127: there is no such command. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that may fail. */
export async function attempt(
  [name, ...args]: readonly [string, ...string[]],
  { env, stdin, show = false }: CommandOptions = {},
): Promise<CommandResult> {
  const output = show ? "inherit" : "piped";
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(name, {
      args,
      env,
      stdin: stdin === undefined ? "null" : "piped",
      stdout: output,
      stderr: output,
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { code: 127, stdout: "", stderr: "" };
    throw error;
  }
  const fed = stdin === undefined
    ? undefined
    : new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {/* its exit code says more */});
  if (show) return { code: (await child.status).code, stdout: "", stderr: "" };
  const { code, stdout, stderr } = await child.output();
  await fed;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Runs a command that must succeed.
 *
 * @returns what it printed on stdout
 * @throws {Failure} with the command and its last lines
 */
export async function run(
  command: readonly [string, ...string[]],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await attempt(command, options);
  if (code === 0) return stdout;
  const lastLines = (stdout + stderr).trimEnd().split("\n").slice(-15).join("\n");
  throw new Failure(`${command.join(" ")}\nended with ${code}${lastLines && `:\n${lastLines}`}`);
}

export interface ClusterOptions {
  /** Which cluster: an entry of the kubeconfig. */
  readonly context: string;
  readonly namespace: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly {
      readonly name: string;
      readonly resources: {
        readonly requests?: Readonly<Record<string, string>>;
        readonly limits?: Readonly<Record<string, string>>;
      };
    }[];
  };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export class Cluster {
  constructor(readonly options: ClusterOptions) {}

  kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return run(this.#kubectl(args), { env: this.options.env, ...options });
  }

  /** The same for a command that may fail. */
  tryKubectl(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return attempt(this.#kubectl(args), { env: this.options.env, ...options });
  }

  helm(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { context, namespace, env } = this.options;
    const command = ["helm", "--kube-context", context, "-n", namespace, ...args] as const;
    return run(command, { env, ...options });
  }

  apply(yaml: string): Promise<string> {
    return this.kubectl(["apply", "--server-side", "-f", "-"], { stdin: yaml });
  }

  /** The pods with a label, without those that are being deleted. */
  async pods(selector: string): Promise<Pod[]> {
    const { items } = JSON.parse(await this.kubectl(["get", "pods", "-l", selector, "-o", "json"]));
    return (items as Pod[]).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** Waits until a Deployment or StatefulSet has all of its replicas ready, and no others. */
  async rolledOut(resource: string, limitS = 180): Promise<void> {
    await this.kubectl(["rollout", "status", resource, `--timeout=${limitS}s`]);
  }

  async scale(deployment: string, replicas: number): Promise<void> {
    await this.kubectl(["scale", `deployment/${deployment}`, `--replicas=${replicas}`]);
    await this.rolledOut(`deployment/${deployment}`);
  }

  #kubectl(args: readonly string[]) {
    const { context, namespace } = this.options;
    return ["kubectl", "--context", context, "-n", namespace, ...args] as const;
  }
}

const REPORT_EVERY_MS = 5_000;

function isReady({ status: { phase, conditions = [] } }: Pod): boolean {
  return phase === "Succeeded" ||
    conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** Waits for `work`; meanwhile prints a line whenever other pods are not ready. */
export async function whileWaiting<T>(cluster: Cluster, work: Promise<T>): Promise<void> {
  const stop = new AbortController();
  const done = work.finally(() => stop.abort());
  // Its failure is the caller's, below.
  done.catch(() => {});
  let last = "";
  while (!stop.signal.aborted) {
    await pause(REPORT_EVERY_MS, stop.signal);
    if (stop.signal.aborted) break;
    const pods = await cluster.pods("").catch(() => []);
    const missing = pods.filter((pod) => !isReady(pod)).map(({ metadata }) => metadata.name);
    const line = `  ${pods.length - missing.length} of ${pods.length} pods ready` +
      (missing.length > 0 ? `; not yet: ${missing.join(", ")}` : "");
    if (line !== last) console.log(line);
    last = line;
  }
  await done;
}
