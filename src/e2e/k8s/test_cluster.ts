/**
 * The Kubernetes that the test runs on: the rig, a one-node Kubernetes for tests, whose command RIG
 * names. STRIMZI_CRDS names the folder with Strimzi's resource definitions.
 */
import { resolve } from "node:path";
import { KAFKA_VERSION } from "../../local/kafka/jars.ts";
import { attempt, Cluster, run } from "../../kind/cluster.ts";
import { NAME, PROJECT } from "../../kind/settings.ts";
import { Failure } from "../../runtime/errors.ts";
import { untilBalanced } from "../../kind/demo.ts";
import { until } from "../../runtime/until.ts";
import type { Service } from "../../topology.ts";

export interface TestCluster {
  readonly cluster: Cluster;
  /** The folder with the manifests of Strimzi's resource definitions. */
  readonly crds: string;
  /** Where the NodePort of analytics answers. */
  readonly analyticsUrl: string;
  /** Builds the images of this checkout and gives them to the nodes. */
  loadImages(): Promise<void>;
  /** Makes an image of what is in a folder, and gives it to the nodes. */
  loadFolder(name: string, folder: string, user: number): Promise<void>;
  down(): Promise<void>;
}

/** undefined if there is no Kubernetes to test on. */
export function findCluster(): (() => Promise<TestCluster>) | undefined {
  const rig = Deno.env.get("RIG");
  return rig ? () => startRig(resolve(PROJECT, rig)) : undefined;
}

/** A fresh cluster: one that was up is ended first. */
async function startRig(rig: string): Promise<TestCluster> {
  const crds = Deno.env.get("STRIMZI_CRDS");
  if (!crds) throw new Failure("STRIMZI_CRDS: expected the folder with Strimzi's definitions");
  await run([rig, "build"]);
  await run([rig, "down"]);
  await run([rig, "up"]);
  const kubeconfig = (await run([rig, "kubeconfig"])).trim();
  const home = Deno.env.get("RIG_HOME") ?? `${Deno.env.get("HOME")}/.cache/k8s-rig`;
  const env = {
    KUBECONFIG: kubeconfig,
    PATH: `${home}/bin:${Deno.env.get("PATH")}`,
    NO_PROXY: `10.213.0.0/16,${Deno.env.get("NO_PROXY") ?? ""}`,
  };
  const kubectl = `${home}/bin/kubectl`;
  const context = (await run([kubectl, "config", "current-context"], { env })).trim();
  return {
    cluster: new Cluster({ context, namespace: NAME, env }),
    crds: resolve(PROJECT, crds),
    analyticsUrl: "http://10.213.0.2:30080",
    loadImages: () => loadIntoRig(rig),
    loadFolder: async (name, folder, user) =>
      void await run([rig, "image", "-user", `${user}`, name, folder]),
    down: async () => void await run([rig, "down"]),
  };
}

/** Stand-ins of the public images, and the Dockerfiles of this checkout on top of them. */
async function loadIntoRig(rig: string): Promise<void> {
  const bases = resolve(rig, "../base-images");
  const pom = resolve(PROJECT, "deploy/local/pom.xml");
  const kafka = `kafka:${KAFKA_VERSION}`;
  await run([bases, "deno", "docker.io/denoland/deno:2.9.6"]);
  await run([bases, "postgres", "docker.io/library/postgres:17"]);
  await run([bases, "kafka", `localhost/${kafka}`, pom]);
  const build = ["buildah", "bud", "--pull-never", "--isolation", "chroot", "--layers"] as const;
  const image = ["-t", "localhost/orderflow:dev", "-f", `${PROJECT}/deploy/Dockerfile`, PROJECT];
  await run([...build, ...image]);
  await run([
    ...build,
    ...["--build-arg", "BASE=localhost/orderflow:dev", "-t", "localhost/strimzi-stand-in:dev"],
    `${PROJECT}/src/e2e/support/strimzi_stand_in`,
  ]);
  const present = (await run([rig, "images"])).split("\n");
  for (
    const [built, name, changes] of [
      ["docker.io/library/postgres:17", "postgres:17", false],
      [`localhost/${kafka}`, kafka, false],
      ["localhost/orderflow:dev", "orderflow:dev", true],
      ["localhost/strimzi-stand-in:dev", "strimzi-stand-in:dev", true],
    ] as const
  ) {
    if (!changes && present.some((line) => line.includes(`/${name}`))) continue;
    const archive = await Deno.makeTempFile({ suffix: ".tar" });
    try {
      // buildah writes no archive over a file.
      await Deno.remove(archive);
      await run(["buildah", "push", built, `docker-archive:${archive}:docker.io/library/${name}`]);
      await run([rig, "load", archive]);
    } finally {
      await attempt(["rm", "-f", archive]);
    }
  }
}

export const RELEASE = "orderflow";

/** Waits as long as Kubernetes may take, and does not ask it too often. */
export function untilSlow(what: string, condition: () => Promise<boolean>): Promise<void> {
  return until(what, condition, 120_000, 500);
}

/** Orders on their way through the installed chart: placed, counted, audited. */
export class Flow {
  constructor(readonly cluster: Cluster, readonly analyticsUrl: string) {}

  /** Orders with an outcome, since analytics was started. */
  async settled(): Promise<number> {
    const response = await fetch(`${this.analyticsUrl}/snapshot`);
    return (await response.json()).snapshot.orders.settled;
  }

  /** Waits until so many more orders have their outcome. */
  async settles(more: number): Promise<void> {
    const ask = () => this.settled().catch(() => undefined);
    let before: number | undefined;
    await untilSlow("analytics answers", async () => (before = await ask()) !== undefined);
    await untilSlow(`${more} more orders settle`, async () => {
      const now = await ask();
      // Analytics counts from 0 again after its own restart.
      return now !== undefined && (now < before! ? now : now - before!) >= more;
    });
  }

  /** Runs `disturb` while orders flow; then the audit says whether all is well. */
  async whileOrdersFlow(disturb: () => Promise<void>): Promise<void> {
    await this.cluster.scale(`${RELEASE}-simulator`, 1);
    try {
      await this.settles(100);
      await disturb();
      await this.settles(100);
    } finally {
      await this.cluster.scale(`${RELEASE}-simulator`, 0);
    }
    await this.audit();
  }

  async audit(): Promise<void> {
    await this.cluster.helm(["test", RELEASE, "--logs", "--timeout", "5m"]);
  }

  /** Scales a consumer with kubectl; returns when all members own partitions. */
  async scale(service: Service, replicas: number): Promise<void> {
    await this.cluster.scale(`${RELEASE}-${service}`, replicas);
    await untilBalanced(this.cluster, service, replicas);
  }
}
