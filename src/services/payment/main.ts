/** The payment service: charges validated orders, and refunds those that are cancelled. */
import { runProgram } from "../../program.ts";
import { accessChecks } from "../../kafka/access.ts";
import { transactionFitsSession } from "../settings.ts";
import { placeOf } from "../../database/settings.ts";
import { openDatabase, withTwoDatabases } from "../../database/open.ts";
import { positions } from "../../database/positions.ts";
import { runService } from "../service.ts";
import { createGatewayClient } from "./gateway_client.ts";
import { settings, timeoutFitsLatency } from "./settings.ts";
import { createPaymentHandlers } from "./handle.ts";
import { charges, refunds } from "./gateway_ledger.ts";
import { createSimulatedGateway } from "./simulated_gateway.ts";
import { payments } from "./store.ts";

Deno.exit(
  await runProgram({
    name: "payment",
    settings,
    checks: [...accessChecks, transactionFitsSession, timeoutFitsLatency],
    async run({ config, log, signal }) {
      const place = placeOf(config);
      await withTwoDatabases(
        () => openDatabase({ ...place, owner: "payment", tables: [payments, positions] }),
        () => openDatabase({ ...place, owner: "gateway", tables: [charges, refunds] }),
        { signal, onWait: (reason) => log.warn(reason) },
        async (database, ledger) => {
          const gateway = createGatewayClient(
            createSimulatedGateway(ledger, config),
            config,
            (failure) =>
              failure === undefined
                ? log.info("the payment gateway answers again")
                : log.warn(`${failure}; trying again every now and then`),
          );
          const handlers = createPaymentHandlers({ database, gateway, now: Date.now });
          const tables = { database, work: [payments] };
          await runService({ service: "payment", config, handlers, tables, log, signal });
        },
      );
    },
  }),
);
