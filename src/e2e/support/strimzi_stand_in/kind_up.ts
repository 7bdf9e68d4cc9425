/**
 * What `deno task kind:up` does, with the stand-in in place of Strimzi: for machines that cannot pull
 * Strimzi's images. See docs/kubernetes.md.
 */
import { whileWaiting } from "../../../kind/cluster.ts";
import { run } from "../../../kind/command.ts";
import { IMAGE } from "../../../kind/settings.ts";
import { dockerHas, type KafkaOperator } from "../../../kind/strimzi.ts";
import { up } from "../../../kind/up.ts";
import { KAFKA_VERSION } from "../../../local/kafka/jars.ts";
import { Failure } from "../../../runtime/errors.ts";
import { installStandIn } from "./install.ts";

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

Deno.exit(await up(STAND_IN));
