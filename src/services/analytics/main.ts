/**
 * Analytics: live figures of all orders, on the console and at /snapshot.
 *
 * Without options it is a member of the consumer group `analytics`, and counts what the group had not
 * read before; several members share the partitions, and each shows its share. `--from-beginning` counts
 * everything in the log, in no group, and goes on live. `--once` prints the figures when all that is
 * there now has been read, and ends; together they rebuild the figures from the log.
 */
import { Registry } from "prom-client";
import { startHttp } from "../../runtime/http.ts";
import { runProgram } from "../../runtime/program.ts";
import { kafkaAccess, loginIsWhole } from "../../runtime/settings.ts";
import { aborted, settlesWithin } from "../../runtime/stop.ts";
import { Names } from "../../topology.ts";
import { add, createAggregate } from "./aggregate.ts";
import { settings } from "./config.ts";
import type { Figures } from "./figures.ts";
import { createLagWatch } from "./lag.ts";
import { registerMetrics } from "./metrics.ts";
import { printAll, report } from "./console/report.ts";
import { snapshot } from "./snapshot.ts";
import { groupSource, logSource } from "./source.ts";

/** How long the last figures wait for the last answer to how far the groups are behind. */
const LAST_LAG_LIMIT_MS = 1_000;

Deno.exit(
  await runProgram({
    name: "analytics",
    settings,
    checks: [loginIsWhole],
    async run({ config, log, signal }) {
      const { drainTimeoutMs } = config;
      const startedAt = new Date().toISOString();
      const cluster = {
        access: kafkaAccess(config),
        clientId: `analytics-${Deno.pid}`,
        names: new Names(config.topicPrefix),
      };
      const aggregate = createAggregate();
      const source = (config.fromBeginning ? logSource : groupSource)({
        ...cluster,
        once: config.once,
        drainTimeoutMs,
        onEvents: (events) => {
          for (const event of events) add(aggregate, event);
        },
        // Topics and partitions of a log are read at their own pace, which makes nothing late.
        onCaughtUp: () => aggregate.lateEvents = 0,
        log,
      });
      const lag = createLagWatch(cluster);
      let finished = false;
      const figures = (): Figures => {
        const reading = source.reading();
        return {
          snapshot: snapshot(aggregate),
          // That it no longer reads in the end needs no reason.
          reading: { ...reading, startedAt, notReady: finished ? null : reading.notReady },
          lag: lag.latest,
        };
      };

      if (config.once) {
        await source.run(signal);
        if (signal.aborted) return 1;
        finished = true;
        await lag.ask();
        printAll(figures());
        await settlesWithin(lag.close(), drainTimeoutMs);
        return 0;
      }

      const registry = new Registry();
      registerMetrics(registry, figures);
      const http = startHttp({
        hostname: config.httpHost,
        port: config.httpPort,
        metrics: registry,
        notReady: () => signal.aborted ? "stopping" : source.reading().notReady ?? undefined,
        routes: { "/snapshot": () => Response.json(figures()) },
      });
      log.info(`figures at ${http.url}/snapshot, health and metrics beside them`);
      const endReport = report(figures);
      try {
        const watching = Promise.race([lag.run(signal), aborted(signal)]);
        await Promise.all([source.run(signal), watching]);
        finished = true;
        await settlesWithin(lag.ask(), LAST_LAG_LIMIT_MS);
      } finally {
        endReport();
      }
      await settlesWithin(Promise.all([lag.close(), http.close()]), drainTimeoutMs);
      log.info("stopped");
    },
  }),
);
