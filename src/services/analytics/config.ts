/** The settings of analytics, beside those of every service. */
import { flag } from "../../runtime/config.ts";
import { serviceSettings } from "../../runtime/settings.ts";

export const settings = {
  ...serviceSettings,
  fromBeginning: flag({
    env: "ANALYTICS_FROM_BEGINNING",
    option: "from-beginning",
    fallback: "false",
    help: "count everything in the log, in no consumer group; without: as a member of the group",
  }),
  once: flag({
    option: "once",
    fallback: "false",
    help: "print the figures once all that is there now has been read, and end",
  }),
};
