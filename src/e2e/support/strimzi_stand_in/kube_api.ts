/** What the stand-in asks of Kubernetes: lists, secrets, status; as the pod's own service account. */

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Any resource, as far as one looks at all of them. */
export interface Resource<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
  };
  readonly spec: Spec;
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface KubeApi {
  /** The namespace that the pod is in. */
  readonly namespace: string;
  list<Spec>(plural: string, cluster: string): Promise<Resource<Spec>[]>;
  patchStatus(plural: string, name: string, status: unknown): Promise<void>;
  /** A Secret's values as text; undefined where there is none. */
  secret(name: string): Promise<Record<string, string> | undefined>;
  /** Creates it, or replaces its values. */
  putSecret(
    metadata: { name: string; labels: Record<string, string>; ownerReferences?: unknown[] },
    values: Record<string, string>,
  ): Promise<void>;
}

export async function openKubeApi(): Promise<KubeApi> {
  const host = Deno.env.get("KUBERNETES_SERVICE_HOST");
  const port = Deno.env.get("KUBERNETES_SERVICE_PORT");
  const namespace = await Deno.readTextFile(`${ACCOUNT}/namespace`);
  const client = Deno.createHttpClient({
    caCerts: [await Deno.readTextFile(`${ACCOUNT}/ca.crt`)],
  });

  async function call(method: string, path: string, body?: unknown, type = "application/json") {
    // Read each time: tokens are renewed.
    const token = await Deno.readTextFile(`${ACCOUNT}/token`);
    const response = await fetch(`https://${host}:${port}${path}`, {
      client,
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": type },
      body: body === undefined ? undefined : JSON.stringify(body),
    } as RequestInit);
    const answer = await response.json();
    if (response.ok) return answer;
    if (response.status === 404 && method === "GET") return undefined;
    throw new Error(`${method} ${path}: ${response.status} ${answer.message}`);
  }

  const strimzi = `/apis/kafka.strimzi.io/v1/namespaces/${namespace}`;
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  const MERGE = "application/merge-patch+json";
  const secret = async (name: string) => {
    const found = await call("GET", `${secrets}/${name}`);
    return found && Object.fromEntries(
      Object.entries(found.data ?? {}).map(([key, value]) => [key, atob(value as string)]),
    );
  };
  return {
    namespace,
    async list(plural, cluster) {
      const all = (await call("GET", `${strimzi}/${plural}`))?.items ?? [];
      // The label says whose it is; the Kafka resource itself has the cluster's name.
      return all.filter(({ kind, metadata: { name, labels } }: {
        kind: string;
        metadata: { name: string; labels?: Record<string, string> };
      }) => (kind === "Kafka" ? name : labels?.["strimzi.io/cluster"]) === cluster);
    },
    async patchStatus(plural, name, status) {
      await call("PATCH", `${strimzi}/${plural}/${name}/status`, { status }, MERGE);
    },
    secret,
    async putSecret(metadata, values) {
      const data = Object.fromEntries(
        Object.entries(values).map(([key, text]) => [key, btoa(text)]),
      );
      if (await secret(metadata.name)) {
        await call("PATCH", `${secrets}/${metadata.name}`, { metadata, data }, MERGE);
      } else {
        await call("POST", secrets, { apiVersion: "v1", kind: "Secret", metadata, data });
      }
    },
  };
}
