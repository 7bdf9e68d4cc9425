/** One namespace of a Kubernetes cluster, through kubectl and helm. */
import { pause } from "../runtime/shutdown.ts";
import { attempt, type CommandOptions, type CommandResult, run } from "./command.ts";

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
