/** The settings of analytics, beside those of every service. */
import { flag, integer, jsonSettings, optional } from "../../runtime/setting.ts";
import { serviceSettings } from "../settings.ts";

export const settings = {
  ...serviceSettings,
  httpHost: {
    ...serviceSettings.httpHost,
    help: "where the page, /snapshot, /livez, /readyz and /metrics are served",
  },
  httpPort: {
    ...serviceSettings.httpPort,
    help: "the port for them; 0 takes DASHBOARD_PORT, or another one if that is taken",
  },
  fromBeginning: flag({
    env: "ANALYTICS_FROM_BEGINNING",
    option: "from-beginning",
    fallback: "false",
    help: "counts everything in the log, in no consumer group, instead of as a member of the group",
  }),
  dashboardPort: integer({
    env: "DASHBOARD_PORT",
    option: "port",
    fallback: "8080",
    min: 0,
    max: 65_535,
    help: "the port when HTTP_PORT is 0; another one if it is taken",
  }),
  overdueAfterS: integer({
    env: "ANALYTICS_OVERDUE_AFTER_SECONDS",
    fallback: "60",
    min: 1,
    max: 86_400,
    help: "seconds after which an order without an outcome is counted as overdue",
  }),
  auditMaxAgeS: optional(integer({
    env: "ANALYTICS_AUDIT_MAX_AGE_SECONDS",
    fallback: "",
    min: 60,
    max: 31_536_000,
    help: "how old the newest audit may become, seconds; then the alert OrderflowAuditOld fires",
  })),
  once: flag({
    option: "once",
    fallback: "false",
    help: "prints the figures when everything that is there now has been read, and ends",
  }),
  json: { ...jsonSettings.json, help: "with --once: prints JSON, for other programs" },
};
