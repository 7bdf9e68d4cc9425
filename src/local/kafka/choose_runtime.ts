/** Java where it is installed, else Docker, else a sentence that says what to install. */
import { Failure } from "../../runtime/errors.ts";
import { MissingTool } from "./jars.ts";
import { dockerRuntime, hasDocker } from "./docker_runtime.ts";
import { javaRuntime, type Runtime, type RuntimeOptions } from "./java_runtime.ts";

/** @throws {Failure} neither is there */
export async function chooseRuntime(
  options: RuntimeOptions,
  onNotice: (line: string) => void,
): Promise<Runtime> {
  try {
    return await javaRuntime(options, onNotice);
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error;
    if (!await hasDocker()) {
      throw new Failure(
        `${error.message}, or start Docker, or name a Kafka that runs elsewhere with KAFKA_BROKERS`,
      );
    }
    onNotice(`${error.message}; running Kafka with Docker instead`);
    return await dockerRuntime(options);
  }
}
