/** The payment service: charges validated orders, and refunds those that are cancelled. */
import { runProgram } from "../../runtime/program.ts";
import { loginIsWhole, transactionFitsSession } from "../../runtime/settings.ts";
import { openDatabase, withBoth } from "../../store/open.ts";
import { positions } from "../../store/positions.ts";
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
      await withBoth(
        () => openDatabase({ ...place, owner: "payment", tables: [payments, positions] }),
        () => openDatabase({ ...place, owner: "gateway", tables: [charges, refunds] }),
        { signal, onWait: (reason) => log.warn(reason) },
        async (database, ledger) => {
          const gateway = createGatewayClient(
            createSimulatedGateway(ledger, config),
            config,
            (available) =>
              available
                ? log.info("the payment gateway answers again")
                : log.warn("the payment gateway does not answer; trying again every now and then"),
          );
          const handlers = createPaymentHandlers({ database, gateway, now: Date.now });
          const tables = { database, work: [payments] };
          await runService({ service: "payment", config, handlers, tables, log, signal });
        },
      );
    },
  }),
);
