/** What the diagram and the list say of a service, in as few letters as fit into a box. Pure. */
import { formatBrief, plural } from "../../../../runtime/format.ts";
import { formatWait, type Lag } from "../../groups/lag.ts";
import { isSettled, READS_THE_LOG } from "../../groups/rebalances.ts";
import type { GroupView } from "../../web/live.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A lag as old as this is a fault. */
const ALARM_MS = 5_000;

export function membersText(group: GroupView | undefined): string {
  if (!group) return "places orders";
  if (group.state === READS_THE_LOG) return "reads the log";
  if (!isSettled(group.state)) return "rebalancing";
  return group.members.length === 0 ? "no members" : plural(group.members.length, "member");
}

export function lagText({ lag }: GroupView): string {
  return lag.messages === 0 ? "lag 0" : `lag ${formatBrief(lag.messages)} · ${briefWait(lag)}`;
}

/** Without the seconds of whole minutes: `9.5 s`, `4 min`, `≥ 10 min`, `3 h`. */
export function briefWait(lag: Lag): string {
  if (lag.ms < 100_000) return formatWait(lag);
  const text = lag.ms < 2 * HOUR_MS
    ? `${Math.floor(lag.ms / MINUTE_MS)} min`
    : `${Math.floor(lag.ms / HOUR_MS)} h`;
  return lag.atLeast ? `≥ ${text}` : text;
}

/** Whether somebody should look: nobody works on it, or it is far behind. */
export function isAlarming(group: GroupView | undefined): boolean {
  return group !== undefined && (group.members.length === 0 || group.lag.ms > ALARM_MS);
}
