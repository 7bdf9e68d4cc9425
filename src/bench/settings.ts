import { type Config, integer, jsonSettings, type Setting, string } from "../runtime/setting.ts";
import { storeSettings } from "../database/settings.ts";

export const SCENARIO_NAMES = [
  "flat-out",
  "steady",
  "validator",
  "analytics",
  "growth",
  "members",
  "postgres",
  "codecs",
  "tools",
] as const;
export type ScenarioName = typeof SCENARIO_NAMES[number];

const only: Setting<readonly ScenarioName[]> = {
  option: "only",
  value: "SCENARIO,…",
  fallback: "flat-out,steady,validator,tools",
  help: `what is measured, of ${SCENARIO_NAMES.join(", ")}`,
  read(text) {
    const names = text.split(",").map((name) => name.trim());
    const unknown = names.some((name) => !(SCENARIO_NAMES as readonly string[]).includes(name));
    if (unknown) throw new Error(`some of ${SCENARIO_NAMES.join(", ")}, separated by commas`);
    return SCENARIO_NAMES.filter((name) => names.includes(name));
  },
};

export const settings = {
  only,
  orders: integer({
    option: "orders",
    fallback: "60000",
    min: 1_000,
    max: 10_000_000,
    help: "orders of each flat-out run; growth begins with runs of 10,000, where that is less",
  }),
  warmUp: integer({
    option: "warm-up",
    fallback: "10000",
    min: 0,
    max: 1_000_000,
    help: "orders of each slice of the warm-up, which ends when three slices take the same CPU",
  }),
  rate: integer({
    option: "rate",
    fallback: "1000",
    min: 1,
    max: 100_000,
    help: "orders a second of steady",
  }),
  seconds: integer({
    option: "seconds",
    fallback: "20",
    min: 5,
    max: 3_600,
    help: "how long steady takes",
  }),
  backlog: integer({
    option: "backlog",
    fallback: "200000",
    min: 1_000,
    max: 10_000_000,
    help: "orders that wait for the validator, or whose events wait for analytics, when it starts",
  }),
  members: integer({
    option: "members",
    fallback: "2",
    min: 2,
    max: 12,
    help: "how many members each service is scaled to",
  }),
  runs: integer({
    option: "runs",
    fallback: "1",
    min: 1,
    max: 100,
    help: "how often each is measured; the table shows the median, and the smallest and largest",
  }),
  compare: string({
    option: "compare",
    value: "FOLDER",
    fallback: "",
    fallbackHelp: "none",
    help: "another checkout, whose pipeline is measured in turn with this one's",
  }),
  ...jsonSettings,
  databaseUrl: {
    ...storeSettings.databaseUrl,
    fallbackHelp: "none",
    help: "a PostgreSQL for the scenario postgres, by an account that may create databases",
  },
  databasePassword: storeSettings.databasePassword,
};

export const checks = [
  ({ only, databaseUrl }: BenchConfig) =>
    only.includes("postgres") && databaseUrl === ""
      ? "--only postgres: needs a PostgreSQL in DATABASE_URL, by an account that may create databases"
      : undefined,
];

export type BenchConfig = Config<typeof settings>;
