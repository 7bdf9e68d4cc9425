/**
 * What `deno task kind:up` does, with the stand-in in place of Strimzi: for machines that cannot pull
 * Strimzi's images. See docs/kubernetes.md.
 */
import { run, whileWaiting } from "../../../kind/cluster.ts";
import { IMAGE } from "../../../kind/settings.ts";
import { dockerHas, type KafkaOperator } from "../../../kind/strimzi.ts";
import { up } from "../../../kind/up.ts";
import { KAFKA_VERSION } from "../../../local/kafka/jars.ts";
import { Failure } from "../../../runtime/errors.ts";
import { until } from "../../../runtime/until.ts";

const KAFKA_IMAGE = `kafka:${KAFKA_VERSION}`;

const STAND_IN: KafkaOperator = {
  images: [KAFKA_IMAGE],
  async buildImages() {
    if (!await dockerHas(KAFKA_IMAGE)) {
      throw new Failure(
        `the stand-in needs the image ${KAFKA_IMAGE} in Docker: a JRE, and Kafka's jars in /opt/kafka/libs`,
      );
    }
    const image = "strimzi-stand-in:dev";
    const build = ["docker", "build", "-t", image, "--build-arg", `BASE=${IMAGE}`] as const;
    await run([...build, import.meta.dirname!], { show: true });
    return [image];
  },
  async install(cluster) {
    const crds = Deno.env.get("STRIMZI_CRDS");
    if (!crds) {
      throw new Failure("STRIMZI_CRDS: expected the folder with Strimzi's resource definitions");
    }
    await whileWaiting(cluster, installStandIn(cluster, crds));
  },
};

const MANIFEST = `${import.meta.dirname}/kafka.yaml`;

/**
 * Installs the stand-in where Strimzi would be, or brings it up to date: Strimzi's resource
 * definitions, the broker and the operator. The images `kafka:4.2.2` and `strimzi-stand-in:dev` have to be
 * on the nodes.
 *
 * @param crds the folder of Strimzi's CustomResourceDefinitions
 */
export async function installStandIn(
  cluster: { kubectl(args: string[]): Promise<unknown> },
  crds: string,
): Promise<void> {
  await cluster.kubectl(["apply", "--server-side", "-f", crds]);
  // kubectl gives up at once on a definition that has no status yet.
  const established = ["wait", "--for=condition=Established", "-f", crds, "--timeout=60s"];
  await until(
    "Strimzi's resource definitions are established",
    () => cluster.kubectl(established).then(() => true, () => false),
    90_000,
    1_000,
  );
  await cluster.kubectl(["apply", "--server-side", "-f", MANIFEST]);
}

if (import.meta.main) Deno.exit(await up(STAND_IN));
