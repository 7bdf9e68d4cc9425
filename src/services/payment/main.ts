/** The payment service: charges validated orders, and refunds those that are cancelled. */
import { runProgram } from "../../runtime/program.ts";
import { loginIsWhole, transactionFitsSession } from "../../runtime/settings.ts";
import { openDatabase, whenAvailable } from "../../store/open.ts";
import { runService } from "../service.ts";
import { createGatewayClient } from "./client.ts";
import { settings, timeoutFitsLatency } from "./config.ts";
import { createPaymentHandlers } from "./handle.ts";
import { charges, refunds } from "./ledger.ts";
import { createSimulatedGateway } from "./simulated_gateway.ts";
import { payments } from "./store.ts";

Deno.exit(
  await runProgram({
    name: "payment",
    settings,
    checks: [loginIsWhole, transactionFitsSession, timeoutFitsLatency],
    async run({ config, log, signal }) {
      const place = { url: config.databaseUrl, directory: config.dataDir };
      const database = await whenAvailable(
        () => openDatabase({ ...place, owner: "payment", tables: [payments] }),
        signal,
        (reason) => log.warn(reason),
      );
      const ledger = await openDatabase({ ...place, owner: "gateway", tables: [charges, refunds] });
      try {
        const gateway = createGatewayClient(
          createSimulatedGateway(ledger, config),
          config,
          (available) =>
            available
              ? log.info("the payment gateway answers again")
              : log.warn("the payment gateway does not answer; trying again every now and then"),
        );
        const handlers = createPaymentHandlers({ database, gateway, now: Date.now });
        await runService({ service: "payment", config, handlers, log, signal });
      } finally {
        await Promise.all([database.close(), ledger.close()]);
      }
    },
  }),
);
