/** The images of a kind cluster: which it needs, which are built here, how they reach the nodes. */
import { KAFKA_VERSION } from "../../local/kafka_jars.ts";
import { Failure } from "../../runtime/program.ts";
import { attempt, run } from "./command.ts";
import { IMAGE, type KindConfig, NAME, PROJECT, STRIMZI_VERSION } from "./settings.ts";

const STAND_IN = `${PROJECT}/src/ops/kind/strimzi_stand_in`;
const STAND_IN_KAFKA = `kafka:${KAFKA_VERSION}`;

/** What the nodes run and nobody builds here. Those that Docker has are loaded, the nodes pull the rest. */
export function foreignImages({ strimzi }: Pick<KindConfig, "strimzi">): string[] {
  const database = "postgres:17";
  return strimzi === "stand-in" ? [database, STAND_IN_KAFKA] : [
    database,
    `quay.io/strimzi/operator:${STRIMZI_VERSION}`,
    `quay.io/strimzi/kafka:${STRIMZI_VERSION}-kafka-4.2.1`,
  ];
}

async function dockerHas(image: string): Promise<boolean> {
  return (await attempt(["docker", "image", "inspect", image])).code === 0;
}

/** Builds the images of this checkout, and loads them and what Docker has of the others. */
export async function buildAndLoad(config: KindConfig): Promise<void> {
  const dockerfile = `${PROJECT}/deploy/Dockerfile`;
  await run(["docker", "build", "-t", IMAGE, "-f", dockerfile, PROJECT], { show: true });
  const images = [IMAGE];
  if (config.strimzi === "stand-in") {
    if (!await dockerHas(STAND_IN_KAFKA)) {
      throw new Failure(
        `the stand-in needs the image ${STAND_IN_KAFKA} in Docker: a JRE, and Kafka's jars in /opt/kafka/libs`,
      );
    }
    const standIn = "strimzi-stand-in:dev";
    await run(["docker", "build", "-t", standIn, "--build-arg", `BASE=${IMAGE}`, STAND_IN], {
      show: true,
    });
    images.push(standIn);
  }
  for (const image of foreignImages(config)) if (await dockerHas(image)) images.push(image);
  await run(["kind", "load", "docker-image", "--name", NAME, ...images], { show: true });
}
