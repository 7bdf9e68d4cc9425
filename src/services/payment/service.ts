import { defineService } from "../service.ts";
import { createGatewayClient } from "./gateway_client.ts";
import { charges, refunds } from "./gateway_ledger.ts";
import { createPaymentHandlers } from "./handle.ts";
import { HttpGateway } from "./http/gateway.ts";
import { traced } from "./http/traced.ts";
import { defaultInFlight, settings, timeoutFitsLatency } from "./settings.ts";
import { SimulatedGateway } from "./simulated_gateway.ts";
import { payments } from "./store.ts";

/** The payment service: charges validated orders, and refunds those that are cancelled. */
export const service = defineService({
  name: "payment",
  settings,
  checks: [timeoutFitsLatency],
  orderTables: [payments],
  databases: {
    gateway: {
      orderTables: [charges],
      tables: [refunds],
      isNeeded: ({ gatewayUrl }) => gatewayUrl === "",
    },
  },
  handlers({ database, databases, config, now, log, tracing }) {
    const { gatewayUrl, maxInFlight = defaultInFlight(gatewayUrl) } = config;
    const provider = gatewayUrl === ""
      ? new SimulatedGateway(databases.gateway, config)
      : traced(new HttpGateway(gatewayUrl, maxInFlight), tracing);
    const gateway = createGatewayClient(
      provider,
      { ...config, maxInFlight },
      (failure) =>
        failure === undefined
          ? log.info("the payment gateway answers again")
          : log.warn(`${failure}; trying again every ${config.breakerOpenMs} ms`),
    );
    return createPaymentHandlers({ database, gateway, now });
  },
});
