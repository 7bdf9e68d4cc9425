/** Puts the stand-in where Strimzi would be: its resource definitions, the broker and the operator. */
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
  await cluster.kubectl(["wait", "--for=condition=Established", "-f", crds, "--timeout=60s"]);
  await cluster.kubectl(["apply", "--server-side", "-f", MANIFEST]);
}
