/**
 * `deno task gateway`: serves the simulated payment provider over HTTP, until Ctrl-C or SIGTERM; payment
 * services find it by GATEWAY_URL. Its ledger is in the same tables as that of a simulated provider in a
 * payment process, so that the audit can read it.
 */
import { runProgram } from "../program.ts";
import { openDatabase, whenAvailable } from "../database/open.ts";
import { placeOf, storeSettings } from "../database/settings.ts";
import { startHttp } from "../runtime/http.ts";
import { logSettings } from "../runtime/log.ts";
import { integer } from "../runtime/setting.ts";
import { aborted, settlesWithin } from "../runtime/shutdown.ts";
import { charges, refunds } from "../services/payment/gateway_ledger.ts";
import { gatewayRoutes } from "../services/payment/http/routes.ts";
import { simulatedSettings } from "../services/payment/settings.ts";
import { SimulatedGateway } from "../services/payment/simulated_gateway.ts";
import { createRegistry } from "../services/metrics.ts";
import { serviceSettings } from "../services/settings.ts";

const { httpHost, allowedHosts, drainTimeoutMs, stopWithStdin } = serviceSettings;

export const settings = {
  port: integer({
    env: "GATEWAY_PORT",
    option: "port",
    fallback: "8085",
    min: 0,
    max: 65_535,
    help: "the port at which the simulated gateway is served; 0: any free port",
  }),
  ...simulatedSettings,
  httpHost,
  allowedHosts,
  drainTimeoutMs,
  stopWithStdin,
  ...storeSettings,
  ...logSettings,
};

if (import.meta.main) {
  Deno.exit(
    await runProgram({
      name: "gateway",
      isService: true,
      settings,
      examples: [
        ["", "for payment services with GATEWAY_URL=http://127.0.0.1:8085"],
        ["--port 0", "at a free port, which it says"],
      ],
      async run({ config, log, signal }) {
        const place = { ...placeOf(config), note: (line: string) => log.info(line) };
        const open = () => openDatabase({ ...place, owner: "gateway", tables: [charges, refunds] });
        const database = await whenAvailable(open, signal, (reason) => log.warn(reason));
        if (!database) return;
        const http = startHttp({
          hostname: config.httpHost,
          allowedHosts: config.allowedHosts,
          port: config.port,
          portSetting: "GATEWAY_PORT",
          metrics: createRegistry("gateway"),
          notReady: () => signal.aborted ? "stopping" : undefined,
          routes: gatewayRoutes(new SimulatedGateway(database, config)),
        });
        log.info(`a simulated payment gateway at ${http.url}, health and metrics beside it`);
        await aborted(signal);
        // A call whose answer got lost would keep it for as long as its caller waits.
        await settlesWithin(http.close(), config.drainTimeoutMs);
        await database.close();
        log.info("stopped");
      },
    }),
  );
}
