/**
 * Analytics: live figures of all orders, on the console, on a web page and at /snapshot.
 *
 * Without options it is a member of the consumer group `analytics` and counts what the group has not read
 * before; several members share the partitions, and each shows its share. `--from-beginning` counts
 * everything in the log, in no group, and goes on live. `--once` prints the figures when everything
 * that is there now has been read, and ends; together they rebuild the figures from the log.
 */
import { startHttp } from "../../runtime/http.ts";
import { runProgram } from "../../program.ts";
import { accessChecks, kafkaAccess } from "../../kafka/access.ts";
import { aborted, settlesWithin } from "../../runtime/shutdown.ts";
import { createLossMetrics, lossesAtZero } from "../../kafka/metrics.ts";
import { Names } from "../../topology.ts";
import { createRegistry } from "../metrics.ts";
import { settings } from "./settings.ts";
import { createProjection } from "./projection.ts";
import { type Figures, snapshot } from "./snapshot.ts";
import { registerLatency, registerMetrics } from "./metrics.ts";
import { registerGroups } from "./groups/metrics.ts";
import { registerCheckMetrics } from "./checks/metrics.ts";
import { printAll, report } from "./console/report.ts";
import { createDashboard } from "./web/dashboard.ts";

/** How long the last figures wait for the last sample of the groups' lag. */
const LAST_LAG_LIMIT_MS = 1_000;

Deno.exit(
  await runProgram({
    name: "analytics",
    isService: true,
    failsIf: "--once was stopped before it was done",
    settings,
    checks: [...accessChecks],
    examples: [
      ["", "what comes from now on, shared with other members of the group"],
      ["--from-beginning --once", "the figures of all orders in the log, once"],
      ["--from-beginning --once --json", "the same for another program"],
    ],
    async run({ config, log, signal }) {
      const { drainTimeoutMs } = config;
      const cluster = {
        access: kafkaAccess(config),
        clientId: config.memberName || `analytics-${Deno.pid}`,
        names: new Names(config.topicPrefix),
        log,
      };
      const registry = createRegistry("analytics");
      const losses = lossesAtZero(createLossMetrics(registry), "analytics");
      const projection = createProjection({ ...cluster, ...config, losses });
      const dashboard = createDashboard(cluster, projection, config);
      const { watch, checks } = dashboard;
      let finished = false;
      const figures = (): Figures => {
        const reading = projection.reading();
        return {
          snapshot: snapshot(projection.aggregate),
          // At the end it does not read, which is no fault.
          reading: { ...reading, notReady: finished ? null : reading.notReady },
          lag: watch.latest,
        };
      };

      if (config.once) {
        await projection.run(signal);
        if (signal.aborted) return 1;
        finished = true;
        await watch.sample();
        if (config.json) console.log(JSON.stringify(figures(), null, 2));
        else printAll(figures());
        await settlesWithin(dashboard.close(), drainTimeoutMs);
        return 0;
      }

      registerMetrics(registry, figures, () => projection.clocks.off(Date.now()));
      registerLatency(registry, () => projection.aggregate.latency);
      registerGroups(registry, cluster.names, watch);
      registerCheckMetrics(registry, { ...checks, auditMaxAgeS: config.auditMaxAgeS });
      const http = startHttp({
        hostname: config.httpHost,
        allowedHosts: config.allowedHosts,
        port: config.httpPort || config.dashboardPort,
        // A second process on the same machine takes another port without a setting.
        portPolicy: config.httpPort === 0 ? "prefer" : "exact",
        metrics: registry,
        notReady: () => signal.aborted ? "stopping" : projection.reading().notReady ?? undefined,
        routes: { ...dashboard.routes, "/snapshot": () => Response.json(figures()) },
        onNotice: (line) => log.warn(line),
      });
      log.info(`dashboard at ${http.url}/`);
      log.info(`figures at ${http.url}/snapshot, health and metrics beside them`);
      const endReport = report(figures);
      try {
        const watching = Promise.race([dashboard.run(signal), aborted(signal)]);
        await Promise.all([projection.run(signal), watching]);
        finished = true;
        await settlesWithin(watch.sample(), LAST_LAG_LIMIT_MS);
      } finally {
        endReport();
      }
      await settlesWithin(Promise.all([dashboard.close(), http.close()]), drainTimeoutMs);
      log.info("stopped");
    },
  }),
);
