import { defineService } from "../service.ts";
import { createGatewayClient } from "./gateway_client.ts";
import { charges, refunds } from "./gateway_ledger.ts";
import { createPaymentHandlers } from "./handle.ts";
import { SimulatedGateway } from "./simulated_gateway.ts";
import { payments } from "./store.ts";
import { type Config, integer, number } from "../../runtime/setting.ts";

export const settings = {
  seed: integer({
    env: "GATEWAY_SEED",
    fallback: "1",
    min: 0,
    max: 4_294_967_295,
    help: "the same seed declines the same orders",
  }),
  declinedShare: number({
    env: "GATEWAY_DECLINED_SHARE",
    fallback: "0.03",
    min: 0,
    max: 1,
    help: "share of the payments that the simulated gateway declines",
  }),
  timeoutShare: number({
    env: "GATEWAY_TIMEOUT_SHARE",
    fallback: "0.002",
    min: 0,
    max: 1,
    help: "share of the payments that are charged, but whose first answer never comes",
  }),
  errorShare: number({
    env: "GATEWAY_ERROR_SHARE",
    fallback: "0.005",
    min: 0,
    max: 1,
    help: "share of the calls to the simulated gateway that end in a 5xx",
  }),
  latencyMs: number({
    env: "GATEWAY_LATENCY_MS",
    fallback: "5",
    min: 0,
    max: 10_000,
    help: "mean time until the simulated gateway answers",
  }),
  timeoutMs: integer({
    env: "GATEWAY_TIMEOUT_MS",
    fallback: "150",
    min: 10,
    max: 60_000,
    help: "how long one call to the gateway may take, before it is made again",
  }),
  attempts: integer({
    env: "GATEWAY_ATTEMPTS",
    fallback: "4",
    min: 1,
    max: 20,
    help: "attempts for one payment, before the gateway counts as unavailable",
  }),
  maxInFlight: integer({
    env: "GATEWAY_MAX_IN_FLIGHT",
    fallback: "512",
    min: 1,
    max: 10_000,
    help: "calls to the gateway at once, of each payment process",
  }),
  breakerOpenMs: integer({
    env: "GATEWAY_BREAKER_OPEN_MS",
    fallback: "1000",
    min: 100,
    max: 60_000,
    help: "how long a gateway that fails is not called, before it is tried again",
  }),
};

/** A time limit near the mean latency would cut off calls that are merely slow. */
export function timeoutFitsLatency(
  config: Pick<Config<typeof settings>, "timeoutMs" | "latencyMs">,
): string | undefined {
  const { timeoutMs, latencyMs } = config;
  return timeoutMs >= 2 * latencyMs ? undefined : `GATEWAY_TIMEOUT_MS: ${timeoutMs} is less than ` +
    `twice GATEWAY_LATENCY_MS, ${latencyMs}: raise the one or lower the other`;
}

/** The payment service: charges validated orders, and refunds those that are cancelled. */
export const service = defineService({
  name: "payment",
  settings,
  checks: [timeoutFitsLatency],
  orderTables: [payments],
  databases: { gateway: { orderTables: [charges], tables: [refunds] } },
  handlers({ database, databases, config, now, log }) {
    const gateway = createGatewayClient(
      new SimulatedGateway(databases.gateway, config),
      config,
      (failure) =>
        failure === undefined
          ? log.info("the payment gateway answers again")
          : log.warn(`${failure}; trying again every ${config.breakerOpenMs} ms`),
    );
    return createPaymentHandlers({ database, gateway, now });
  },
});
