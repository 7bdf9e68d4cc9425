/** The operator that runs Kafka in the cluster, and the images that the nodes need. */
import { attempt, type Cluster, run, whileWaiting } from "./cluster.ts";
import { IMAGE, type KindConfig, NAME, PROJECT, STRIMZI_VERSION } from "./settings.ts";

/** What runs Kafka in the cluster. */
export interface KafkaOperator {
  /** The images that it needs and that are not built here. */
  readonly images: readonly string[];
  /** Builds further images, on top of ours. @returns their names in Docker */
  buildImages?(): Promise<string[]>;
  /** Installs it, or brings it up to date. */
  install(cluster: Cluster, config: KindConfig): Promise<void>;
}

export const STRIMZI: KafkaOperator = {
  images: [
    `quay.io/strimzi/operator:${STRIMZI_VERSION}`,
    `quay.io/strimzi/kafka:${STRIMZI_VERSION}-kafka-4.2.1`,
  ],
  async install(cluster, { strimziChart }) {
    const version = strimziChart.startsWith("oci://") ? ["--version", STRIMZI_VERSION] : [];
    await whileWaiting(
      cluster,
      cluster.helm([
        ...["upgrade", "--install", "strimzi", strimziChart, ...version],
        ...["-f", `${PROJECT}/deploy/strimzi/operator-values.yaml`],
        ...["--wait", "--timeout", "10m"],
      ]),
    );
  },
};

/** The images that are not built here: those that Docker has are loaded, the nodes pull the rest. */
export function foreignImages({ images }: KafkaOperator): string[] {
  return ["postgres:17", ...images];
}

export async function dockerHas(image: string): Promise<boolean> {
  return (await attempt(["docker", "image", "inspect", image])).code === 0;
}

/** Builds the images of this checkout, and loads them and what Docker has of the others. */
export async function buildAndLoad(operator: KafkaOperator): Promise<void> {
  const dockerfile = `${PROJECT}/deploy/Dockerfile`;
  await run(["docker", "build", "-t", IMAGE, "-f", dockerfile, PROJECT], { show: true });
  const images = [IMAGE, ...await operator.buildImages?.() ?? []];
  for (const image of foreignImages(operator)) if (await dockerHas(image)) images.push(image);
  await run(["kind", "load", "docker-image", "--name", NAME, ...images], { show: true });
}
