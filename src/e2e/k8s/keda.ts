/** A real KEDA on the test's cluster, built by Go from its module. */
import { dirname, join } from "node:path";
import { Cluster } from "../../kind/cluster.ts";
import { goProgram, KEDA, KEDA_VERSION, moduleFolder } from "../../testing/go_module.ts";
import type { TestCluster } from "./test_cluster.ts";

/** Its programs as its manifests name them, and where they are in the module. */
const PROGRAMS = {
  "keda": "operator",
  "keda-adapter": "adapter",
  "keda-admission-webhooks": "webhooks",
};
const IMAGE = `keda:${KEDA_VERSION}`;
const NAMESPACE = "keda";
const NOBODY = 65532;

/** Builds its image and gives it to the nodes. */
export async function loadKeda({ loadFolder }: TestCluster): Promise<void> {
  await loadFolder(IMAGE, await buildKeda(), NOBODY);
}

/** @returns a folder with its programs, and nothing else */
async function buildKeda(): Promise<string> {
  const module = await moduleFolder(KEDA);
  const paths: string[] = [];
  for (const [program, source] of Object.entries(PROGRAMS)) {
    paths.push(await goProgram(`keda-${KEDA_VERSION}/${program}`, module, `./cmd/${source}`));
  }
  return dirname(paths[0]!);
}

/** Installs it as its own manifests do, and waits until the API server has its metrics. */
export async function installKeda({ cluster }: TestCluster): Promise<void> {
  const manifests = await cluster.kubectl([
    "kustomize",
    join(await moduleFolder(KEDA), "config/default"),
  ]);
  // They name their namespaces.
  await new Cluster({ ...cluster.options, namespace: "" }).apply(
    manifests
      .replaceAll(/image: ghcr\.io\/kedacore\/.*/g, `image: ${IMAGE}`)
      .replaceAll("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent"),
  );
  const own = new Cluster({ ...cluster.options, namespace: NAMESPACE });
  for (const name of ["keda-operator", "keda-metrics-apiserver", "keda-admission"]) {
    await own.rolledOut(`deployment/${name}`);
  }
  await own.kubectl([
    ...["wait", "apiservice/v1beta1.external.metrics.k8s.io"],
    ...["--for=condition=Available", "--timeout=2m"],
  ]);
}
