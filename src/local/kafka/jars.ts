/**
 * The jars of Kafka and its tools: fetched once with Maven (45 MB) into a cache directory. Its name
 * holds a digest of the pom, so that a changed pom does not meet yesterday's jars.
 */
import { join, resolve } from "node:path";
import { Failure } from "../../runtime/errors.ts";
import { lastLines, run } from "./shell.ts";
import { digestOf, makeOnce } from "./folders.ts";

/**
 * Not 4.3.0, 4.3.1 or 4.4.0: they complete a transaction without its markers when its partitions have
 * no leader (KAFKA-20734), and those of a lone node have none for a moment whenever it stops, and when
 * it starts after a kill. The committed offset is lost with them, and the batch is published twice.
 *
 * Strimzi 1.2.0 runs 4.2, too; `deploy/local/pom.xml` names the same version.
 */
export const KAFKA_VERSION = "4.2.2";

const MIN_JAVA = 17;

/**
 * Before a command of Java: with LC_ALL=C, or a locale that is not installed, it finds no file in a
 * folder whose name has letters beyond ASCII, by no path and with no property.
 */
export const IN_UTF8 = ["env", "LC_ALL=C.UTF-8"];

const PROJECT = resolve(import.meta.dirname!, "../../..");
const POM = join(PROJECT, "deploy/local/pom.xml");

/** A program that has to be installed first; the message says which, and the way without it. */
export class MissingTool extends Failure {
  constructor(message: string) {
    super(
      `${message}; or start Kafka in Docker, by \`docker compose up --wait kafka\`, or have another ` +
        "one, and name it: KAFKA_BROKERS, and --brokers of the demo",
    );
  }
}

export interface Java {
  /** The command: a name or a path. */
  readonly command: string;
  /** Such as `17.0.15`. */
  readonly version: string;
}

/**
 * The Java of JAVA_HOME, or else the one on the PATH.
 *
 * @throws {MissingTool} there is none, or one below 17
 */
export async function findJava(javaHome = Deno.env.get("JAVA_HOME")): Promise<Java> {
  const command = javaHome ? join(javaHome, "bin/java") : "java";
  const { code, stderr } = await run([...IN_UTF8, command, "-version"]);
  const version = /version "([^"]+)"/.exec(stderr)?.[1];
  const where = javaHome ? ` in JAVA_HOME=${javaHome}` : "";
  if (code !== 0 || version === undefined) {
    throw new MissingTool(
      `no Java was found${where}: install Java ${MIN_JAVA} or later, and Maven`,
    );
  }
  // Up to Java 8 the version began with 1, as in 1.8.0_402.
  const major = Number(/^(?:1\.)?(\d+)/.exec(version)?.[1]);
  if (!(major >= MIN_JAVA)) {
    throw new MissingTool(
      `Java ${version} was found${where}: Kafka ${KAFKA_VERSION} needs Java ${MIN_JAVA} or later`,
    );
  }
  return { command, version };
}

/**
 * The classpath of the broker and of all tools, as one `DIRECTORY/*`.
 *
 * @param options.cacheDir where the jars are kept (default: `.data/kafka-<version>` of the project)
 * @param options.maven the command (default: `mvn`)
 * @param options.onProgress gets one line when there is something to wait for
 * @throws {MissingTool} the jars have to be fetched, and there is no Maven
 * @throws {Failure} Maven could not fetch them
 */
export async function kafkaClasspath(options: {
  cacheDir?: string;
  maven?: string;
  onProgress?: (line: string) => void;
} = {}): Promise<string> {
  const { cacheDir = join(PROJECT, `.data/kafka-${KAFKA_VERSION}`), maven = "mvn" } = options;
  const directory = join(cacheDir, await digestOf(POM));
  await makeOnce(directory, "for Kafka's jars", async (temporary) => {
    options.onProgress?.(`fetching Kafka ${KAFKA_VERSION} with Maven: 45 MB, once`);
    await fetchJars(temporary, maven);
  });
  return join(directory, "*");
}

async function fetchJars(directory: string, maven: string): Promise<void> {
  const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${directory}`];
  const command = [...IN_UTF8, maven, "-q", "-B", "-Dstyle.color=never", "-f", POM, ...goal];
  const { code, stdout, stderr } = await run(command);
  if (code === 127) {
    throw new MissingTool(
      `no Maven was found, and it has to fetch Kafka ${KAFKA_VERSION} once: install Maven (mvn)`,
    );
  }
  if (code !== 0) {
    throw new Failure(
      `Maven could not fetch Kafka ${KAFKA_VERSION} (exit code ${code}); its last lines:\n` +
        lastLines(stdout + stderr, 8),
    );
  }
}
