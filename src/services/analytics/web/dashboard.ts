/** The dashboard's server side as one: what it watches while it runs, and its routes. */
import type { Logger } from "../../../runtime/log.ts";
import { pause } from "../../../runtime/stop.ts";
import type { KafkaAccess } from "../../../runtime/settings.ts";
import type { Names } from "../../../topology.ts";
import type { Counting } from "../counting.ts";
import { createGroupWatch, type GroupWatch } from "../groups/watch.ts";
import { Flows } from "./flows.ts";
import { Hub } from "./hub.ts";
import { createLetterCounts } from "./letters.ts";
import { createPicture, eventShare, insteadOfGroup, NOTE_EVERY_MS } from "./picture.ts";
import { dashboardRoutes } from "./routes.ts";

export interface Dashboard {
  readonly watch: GroupWatch;
  readonly routes: ReturnType<typeof dashboardRoutes>;
  /** Watches until `signal` aborts; then no browser is served any more. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function createDashboard(
  cluster: { access: KafkaAccess; clientId: string; names: Names },
  counting: Counting,
  log: Logger,
): Dashboard {
  const flows = new Flows();
  const letters = createLetterCounts(cluster);
  const watch: GroupWatch = createGroupWatch({
    ...cluster,
    log,
    instead: (group) => insteadOfGroup(group, counting.positions, cluster.clientId),
    eventShare: (topic) => eventShare(flows, watch, topic),
  });
  const picture = createPicture({ counting, watch, letters, flows });
  const hub = new Hub(() => JSON.stringify(picture()));
  return {
    watch,
    routes: dashboardRoutes({ cluster, hub, replay: () => counting.replay() }),
    async run(signal) {
      const watching = [watch.run(signal), letters.run(signal)];
      while (!signal.aborted) {
        flows.note(Date.now(), counting);
        await pause(NOTE_EVERY_MS, signal);
      }
      hub.close();
      await Promise.all(watching);
    },
    async close() {
      hub.close();
      await watch.close();
    },
  };
}
