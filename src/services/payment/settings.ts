import { type Config, integer, number, optional, type Setting } from "../../runtime/setting.ts";

/** Where the provider is. */
export const providerSettings = {
  gatewayUrl: {
    env: "GATEWAY_URL",
    value: "URL",
    fallback: "",
    fallbackHelp: "a simulated one in each payment process",
    help: "the payment provider, over HTTP; `deno task gateway` serves a simulated one",
    read(text) {
      if (text === "" || /^https?:\/\/[^?#@]+$/.test(text) && URL.canParse(text)) return text;
      throw new Error("http://… or https://… without a login, a query or a fragment, or nothing");
    },
  } satisfies Setting<string>,
};

/** How the simulated provider behaves. */
export const simulatedSettings = {
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
};

/**
 * Calls over HTTP wait for each other in the process that makes them, some 0.1 ms each: of too many, the
 * last are late before they are sent.
 */
export function defaultInFlight(gatewayUrl: string): number {
  return gatewayUrl === "" ? 512 : 64;
}

/** How a provider is called, whichever it is. */
export const patienceSettings = {
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
  maxInFlight: optional(integer({
    env: "GATEWAY_MAX_IN_FLIGHT",
    fallback: "",
    fallbackHelp: `${defaultInFlight("")}, or ${defaultInFlight("http")} with a GATEWAY_URL`,
    min: 1,
    max: 10_000,
    help: "calls to the gateway at once, of each payment process",
  })),
  breakerOpenMs: integer({
    env: "GATEWAY_BREAKER_OPEN_MS",
    fallback: "1000",
    min: 100,
    max: 60_000,
    help: "how long a gateway that fails is not called, before it is tried again",
  }),
};

export const settings = { ...providerSettings, ...simulatedSettings, ...patienceSettings };

/** A time limit near the mean latency would cut off calls that are merely slow. */
export function timeoutFitsLatency(
  { gatewayUrl, timeoutMs, latencyMs }: Pick<
    Config<typeof settings>,
    "gatewayUrl" | "timeoutMs" | "latencyMs"
  >,
): string | undefined {
  if (gatewayUrl !== "" || timeoutMs >= 2 * latencyMs) return undefined;
  return `GATEWAY_TIMEOUT_MS: ${timeoutMs} is less than twice GATEWAY_LATENCY_MS, ${latencyMs}: ` +
    "raise the one or lower the other";
}
