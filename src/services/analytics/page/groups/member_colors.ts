/** Which colour each member of a group has, for as long as it is there. */
import { useRef } from "preact/hooks";
import type { GroupView } from "../../web/live.ts";

/** The eye distinguishes so many colours; further members reuse them, and have their row and name. */
const COLORS = 6;

/** The class of each member's colour, in the order of the members. */
export function useMemberColors({ members }: GroupView): string[] {
  const slots = useRef<ReadonlyMap<string, number>>(new Map());
  const ids = members.map(({ memberId }) => memberId);
  slots.current = keepSlots(slots.current, ids);
  return ids.map((id) => `member-${slots.current.get(id)! % COLORS}`);
}

/** Who was there keeps its slot, whoever comes and goes; a new one gets the first that is free. Pure. */
export function keepSlots(
  before: ReadonlyMap<string, number>,
  ids: readonly string[],
): Map<string, number> {
  const slots = new Map<string, number>();
  for (const id of ids) {
    const slot = before.get(id);
    if (slot !== undefined) slots.set(id, slot);
  }
  const taken = new Set(slots.values());
  for (const id of ids) {
    if (slots.has(id)) continue;
    let slot = 0;
    while (taken.has(slot)) slot++;
    taken.add(slot);
    slots.set(id, slot);
  }
  return slots;
}
