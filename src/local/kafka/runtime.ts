/** What runs the broker: a JVM of this machine, or a container. The broker does not know which. */
import type { OwnedProcess } from "./owned_process.ts";
import type { NodePorts, ServerSettings } from "./server_settings.ts";

export interface RuntimeOptions {
  /** The broker's own directory; absolute, and there. */
  readonly directory: string;
  /** 1 is the first of the cluster's nodes. */
  readonly nodeId: number;
  readonly heapMb: number;
  readonly overrides: ServerSettings;
}

export interface Runtime {
  /** Whether a process with this command line is a broker on this very directory. */
  isBroker(commandLine: string): boolean;
  /**
   * Starts the broker; what it prints goes to `logFile`. It is not ready yet when this returns.
   *
   * @param cluster where all nodes listen, and the id of a directory that is new
   */
  start(
    cluster: { nodes: readonly NodePorts[]; id: string },
    logFile: string,
  ): Promise<OwnedProcess>;
  /** Asks the broker to stop in order; does not wait. */
  terminate(process: OwnedProcess): Promise<void>;
  /** Ends the broker at once. */
  kill(process: OwnedProcess): Promise<void>;
  /** The command of one of Kafka's tools. */
  tool(className: string, args: readonly string[]): string[];
  /** Deletes the data; the broker does not run. */
  removeData(): Promise<void>;
}
