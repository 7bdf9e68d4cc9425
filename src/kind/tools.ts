/** The programs that the kind tasks need, and whether they are there and new enough. */
import { attempt, run } from "./command.ts";
import { KAFKA_VERSION } from "../local/kafka/jars.ts";
import { Failure } from "../runtime/errors.ts";
import { IMAGE, type KindConfig, NAME, PROJECT, STRIMZI_VERSION } from "./settings.ts";

interface Tool {
  readonly name: string;
  /** Prints its version somewhere on stdout; fails when it does not work. */
  readonly ask: readonly [string, ...string[]];
  /** Major and minor version that were seen to work, at least. */
  readonly least: readonly [number, number];
  readonly from: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: "docker",
    // The server's: without a daemon that answers there is no kind.
    ask: ["docker", "version", "--format", "{{.Server.Version}}"],
    least: [20, 10],
    from: "https://docs.docker.com/engine/install/",
  },
  {
    name: "kind",
    ask: ["kind", "version"],
    least: [0, 30],
    from: "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
  },
  {
    name: "kubectl",
    ask: ["kubectl", "version", "--client", "-o", "json"],
    least: [1, 30],
    from: "https://kubernetes.io/docs/tasks/tools/",
  },
  {
    name: "helm",
    ask: ["helm", "version", "--short"],
    least: [4, 0],
    from: "https://helm.sh/docs/intro/install/",
  },
];

/** The first version in what a program prints. */
export function versionIn(text: string): string | undefined {
  return /\bv?(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1];
}

export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [its, next] = version.split(".").map(Number) as [number, number];
  return its > major || (its === major && next >= minor);
}

export interface ToolReport {
  /** A line a tool. */
  readonly lines: readonly string[];
  readonly complete: boolean;
}

export async function checkTools(): Promise<ToolReport> {
  const reports = await Promise.all(TOOLS.map(async ({ name, ask, least, from }) => {
    const { code, stdout, stderr } = await attempt(ask);
    const version = versionIn(stdout);
    const wanted = `${least.join(".")} or later`;
    if (code === 127) return { line: `${name} is missing: install ${wanted}, ${from}`, ok: false };
    if (code !== 0 || version === undefined) {
      const why = stderr.trim().split("\n").at(-1) || "it does not say its version";
      return { line: `${name} does not work: ${why}`, ok: false };
    }
    return isAtLeast(version, least)
      ? { line: `${name} ${version}`, ok: true }
      : { line: `${name} ${version} is too old: install ${wanted}, ${from}`, ok: false };
  }));
  return { lines: reports.map(({ line }) => line), complete: reports.every(({ ok }) => ok) };
}

/** The images of a kind cluster: which it needs, which are built here, how they reach the nodes. */

const STAND_IN = `${PROJECT}/src/e2e/support/strimzi_stand_in`;
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
