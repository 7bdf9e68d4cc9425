/** What the diagram and the list say of a service, in as few letters as fit into a box. Pure. */
import { formatBrief, formatBriefDuration, plural } from "../../../../runtime/format.ts";
import { formatWait } from "../../groups/lag.ts";
import { isSettled, READS_THE_LOG } from "../../groups/rebalances.ts";
import type { GroupView } from "../../web/live.ts";

/** A lag as old as this is a fault. */
const ALARM_MS = 5_000;

export function membersText(group: GroupView | undefined): string {
  if (!group) return "places orders";
  if (group.state === READS_THE_LOG) return "reads the log";
  if (!isSettled(group.state)) return "rebalancing";
  return group.members.length === 0 ? "no members" : plural(group.members.length, "member");
}

export function lagText({ lag }: GroupView): string {
  if (lag.messages === 0) return "lag 0";
  return `lag ${formatBrief(lag.messages)} · ${formatWait(lag, formatBriefDuration)}`;
}

/** Whether somebody should look: nobody works on it, or it is far behind. */
export function isAlarming(group: GroupView | undefined): boolean {
  return group !== undefined && (group.members.length === 0 || group.lag.ms > ALARM_MS);
}
