import { defineService } from "../service.ts";
import { createGatewayClient } from "./gateway_client.ts";
import { charges, refunds } from "./gateway_ledger.ts";
import { createPaymentHandlers } from "./handle.ts";
import { settings, timeoutFitsLatency } from "./settings.ts";
import { createSimulatedGateway } from "./simulated_gateway.ts";
import { payments } from "./store.ts";

/** The payment service: charges validated orders, and refunds those that are cancelled. */
export const service = defineService({
  name: "payment",
  settings,
  checks: [timeoutFitsLatency],
  orderTables: [payments],
  databases: { gateway: { orderTables: [charges], tables: [refunds] } },
  handlers({ database, databases, config, now, log }) {
    const gateway = createGatewayClient(
      createSimulatedGateway(databases.gateway, config),
      config,
      (failure) =>
        failure === undefined
          ? log.info("the payment gateway answers again")
          : log.warn(`${failure}; trying again every now and then`),
    );
    return createPaymentHandlers({ database, gateway, now });
  },
});
