/** The shell of the four services that consume, transform and produce: everything but their work. */
import { Registry } from "prom-client";
import type { Config } from "../runtime/setting.ts";
import { startHttp } from "../runtime/http.ts";
import type { Logger } from "../runtime/log.ts";
import { kafkaAccess } from "../kafka/access.ts";
import { type processorSettings } from "./settings.ts";
import { createProcessorMetrics } from "../kafka/metrics.ts";
import { createProcessor, type ProcessorOptions } from "../kafka/processor/processor.ts";
import type { ServiceTables } from "../kafka/processor/assignment.ts";
import { Names, type Processor } from "../topology.ts";

/**
 * Runs a service until `signal` aborts: its HTTP server, and the loop with its handlers.
 *
 * @throws whatever is a bug in a handler
 */
export async function runService(options: {
  service: Processor;
  config: Config<typeof processorSettings>;
  handlers: ProcessorOptions["handlers"];
  /** Its own, which say how far it is. */
  tables: ServiceTables;
  log: Logger;
  signal: AbortSignal;
  registry?: Registry;
}): Promise<void> {
  const { service, config, handlers, tables, log, signal, registry = new Registry() } = options;
  const processor = createProcessor({
    ...config,
    access: kafkaAccess(config),
    clientId: config.memberName || `${service}-${Deno.pid}`,
    service,
    names: new Names(config.topicPrefix),
    handlers,
    tables,
    log,
    metrics: createProcessorMetrics(registry),
  });
  const notReady = () => signal.aborted ? "stopping" : processor.notReady();
  const http = startHttp({
    hostname: config.httpHost,
    port: config.httpPort,
    metrics: registry,
    notReady,
  });
  log.info(`${config.guarantee}; health and metrics at ${http.url}`);
  try {
    await processor.run(signal);
    log.info("stopped");
  } finally {
    await http.close();
  }
}
