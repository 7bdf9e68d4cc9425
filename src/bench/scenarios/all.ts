/** The scenarios by their names. */
import type { Scenario } from "./scenario.ts";
import { analytics } from "./analytics.ts";
import { codecs } from "./codecs.ts";
import { flatOut } from "./flat_out.ts";
import { growth } from "./growth.ts";
import { members } from "./members.ts";
import { postgres } from "./postgres.ts";
import { steady } from "./steady.ts";
import { tools } from "./tools.ts";
import { validator } from "./validator.ts";
import type { ScenarioName } from "../settings.ts";

export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  "flat-out": flatOut,
  steady,
  validator,
  analytics,
  growth,
  members,
  postgres,
  codecs,
  tools,
};
