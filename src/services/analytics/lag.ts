/** Asks every two seconds how far the consumer groups are behind. */
import type { KafkaAccess } from "../../runtime/settings.ts";
import { pause } from "../../runtime/stop.ts";
import { createClient, isKafkaError } from "../../stream/client.ts";
import { createGroupLagReader, type GroupLag } from "../../stream/group_lag.ts";
import type { Names } from "../../topology.ts";

const EVERY_MS = 2_000;

export interface LagWatch {
  /** The last answer; null before the first, and while the cluster does not answer. */
  readonly latest: readonly GroupLag[] | null;
  /** Asks once. */
  ask(): Promise<void>;
  /** Asks until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function createLagWatch(
  { access, clientId, names }: { access: KafkaAccess; clientId: string; names: Names },
): LagWatch {
  const reader = createGroupLagReader(createClient(access, clientId), names);
  let latest: readonly GroupLag[] | null = null;
  const ask = async () => {
    try {
      latest = await reader.read();
    } catch (error) {
      if (!isKafkaError(error)) throw error;
      // Why the cluster does not answer, the reading of the events says.
      latest = null;
    }
  };
  return {
    get latest() {
      return latest;
    },
    ask,
    async run(signal) {
      while (!signal.aborted) {
        await ask();
        await pause(EVERY_MS, signal);
      }
    },
    close: () => reader.close(),
  };
}
