/** The simulator's settings. */
import {
  choice,
  type Config,
  integer,
  number,
  type Setting,
  string,
} from "../../runtime/setting.ts";
import { cloudEventSettings } from "../../events/cloud_events.ts";
import { compressionSettings, kafkaSettings } from "../../kafka/access.ts";
import { tracingSettings } from "../../kafka/tracing/open.ts";
import { serviceSettings } from "../settings.ts";
import { logSettings } from "../../runtime/log.ts";
import { storeSettings } from "../../database/settings.ts";
import { RUN_ID_PATTERN } from "./make_order.ts";

export const settings = {
  ...kafkaSettings,
  ...compressionSettings,
  ...cloudEventSettings,
  ...storeSettings,
  ...logSettings,
  ...tracingSettings,
  stopWithStdin: serviceSettings.stopWithStdin,
  drainTimeoutMs: serviceSettings.drainTimeoutMs,
  orders: integer({
    env: "SIMULATOR_ORDERS",
    option: "orders",
    fallback: "0",
    min: 0,
    max: 1_000_000_000,
    help: "how many orders to place; 0: until stopped",
  }),
  ratePerS: number({
    env: "SIMULATOR_RATE",
    option: "rate",
    fallback: "100",
    min: 0,
    max: 1_000_000,
    help: "orders a second, whether or not the cluster keeps up; 0: as fast as it can",
  }),
  durationS: number({
    env: "SIMULATOR_DURATION_S",
    option: "duration",
    fallback: "0",
    min: 0,
    max: 31_536_000,
    help: "how many seconds to place orders for; 0: without limit",
  }),
  seed: integer({
    env: "SIMULATOR_SEED",
    option: "seed",
    fallback: "1",
    min: 0,
    max: 4_294_967_295,
    help: "the same seed places the same orders",
  }),
  runId: string({
    env: "SIMULATOR_RUN",
    option: "run",
    fallback: "",
    pattern: new RegExp(`${RUN_ID_PATTERN.source}|^$`),
    expected: "at most 32 letters and digits",
    fallbackHelp: "made from the time",
    help: "what the order ids begin with; the id of a run that was cut off resumes it",
  }),
  refusedShare: number({
    env: "SIMULATOR_REFUSED_SHARE",
    option: "refused-share",
    fallback: "0.04",
    min: 0,
    max: 1,
    help: "share of the orders that break a rule, and so are rejected",
  }),
  brokenShare: number({
    env: "SIMULATOR_BROKEN_SHARE",
    option: "broken-share",
    fallback: "0.002",
    min: 0,
    max: 1,
    help: "share of the messages that are no orders, and so become dead letters",
  }),
  zipfExponent: number({
    env: "SIMULATOR_ZIPF",
    option: "zipf",
    fallback: "1",
    min: 0,
    max: 5,
    help: "Zipf exponent: how much customers and products differ in popularity; 0: not at all",
  }),
  maxBatch: integer({
    env: "SIMULATOR_BATCH",
    fallback: "2000",
    min: 1,
    max: 10_000,
    help: "the most orders in one batch",
  }),
  progress: choice({
    env: "PROGRESS",
    fallback: "text",
    words: ["text", "json"],
    help: "text for people, on stderr; json for programs, a line a second on stdout",
  }),
};

/** A message is good, or refused, or broken. */
export function sharesFit(
  config: Pick<Config<typeof settings>, "refusedShare" | "brokenShare">,
): string | undefined {
  const { refusedShare, brokenShare } = config;
  return refusedShare + brokenShare <= 1
    ? undefined
    : `--refused-share, --broken-share: ${refusedShare} and ${brokenShare} are more than 1 ` +
      "together: lower one of them";
}

/** What the orders of a run follow from, beside its name and the catalog. */
const ORDER_SETTINGS = ["seed", "refusedShare", "brokenShare", "zipfExponent"] as const;
export type OrderSettings = Pick<Config<typeof settings>, typeof ORDER_SETTINGS[number]>;

export function orderSettingsOf(config: OrderSettings): OrderSettings {
  const { seed, refusedShare, brokenShare, zipfExponent } = config;
  return { seed, refusedShare, brokenShare, zipfExponent };
}

/** Settings as a person says them on the command line: `--seed 7 --zipf 1.5`. */
export function asOptions<Name extends keyof typeof settings>(
  config: Pick<Config<typeof settings>, Name>,
  names: readonly Name[],
): string {
  return names.map((name) => {
    const { option }: Setting<unknown> = settings[name];
    return `--${option} ${config[name]}`;
  }).join(" ");
}

/** The command that goes on with a run as it was begun. */
export function commandToGoOn(runId: string, config: Config<typeof settings>): string {
  const names = ["orders", "ratePerS", ...ORDER_SETTINGS] as const;
  const said = names.filter((name) => config[name] !== Number(settings[name].fallback));
  return ["deno task simulator --run", runId, ...said.map((name) => asOptions(config, [name]))]
    .join(" ");
}
