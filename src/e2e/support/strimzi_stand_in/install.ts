/** Puts the stand-in where Strimzi would be: its resource definitions, the broker and the operator. */
import { until } from "../../../runtime/until.ts";

const MANIFEST = `${import.meta.dirname}/kafka.yaml`;

/**
 * Installs it, or brings it up to date. The images `kafka:4.2.2` and `strimzi-stand-in:dev` have to be
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
