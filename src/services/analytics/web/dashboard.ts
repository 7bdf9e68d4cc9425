/** The dashboard's server side as one: what it watches while it runs, and its routes. */
import { pause } from "../../../runtime/shutdown.ts";
import type { Logger } from "../../../runtime/log.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import type { Names } from "../../../topology.ts";
import type { Projection } from "../projection.ts";
import { createGroupWatch, type GroupWatch } from "../groups/watch.ts";
import { Flows } from "./flows.ts";
import { Broadcaster } from "./broadcaster.ts";
import { createLetterCounts } from "./dead_letters.ts";
import { createLiveSnapshot, eventShare, insteadOfGroup, NOTE_EVERY_MS } from "./live_snapshot.ts";
import { dashboardRoutes } from "./routes.ts";

export interface Dashboard {
  readonly watch: GroupWatch;
  readonly routes: ReturnType<typeof dashboardRoutes>;
  /** Watches until `signal` aborts; then no browser is served any more. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function createDashboard(
  cluster: { access: KafkaAccess; clientId: string; names: Names; log: Logger },
  counting: Projection,
): Dashboard {
  const flows = new Flows();
  const letters = createLetterCounts(cluster);
  const watch: GroupWatch = createGroupWatch({
    ...cluster,
    instead: (group) => insteadOfGroup(group, counting.positions, cluster.clientId),
    eventShare: (topic) => eventShare(flows, watch, topic),
  });
  const picture = createLiveSnapshot({ counting, watch, letters, flows });
  const hub = new Broadcaster(() => JSON.stringify(picture()));
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
