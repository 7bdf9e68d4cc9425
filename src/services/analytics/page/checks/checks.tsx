/** Whether every order is accounted for: the newest audit, orders without an outcome, dead letters. */
import type { Live } from "../../web/live.ts";
import { AuditCard } from "./audit.tsx";
import "./checks.css";
import { DeadLettersCard } from "./dead_letters.tsx";
import { OverdueCard } from "./overdue.tsx";

export function Checks({ live }: { live: Live }) {
  return (
    <section id="checks" aria-labelledby="checks-title">
      <h2 id="checks-title">
        Is every order accounted for? <small>the audit's verdict, and what waits</small>
      </h2>
      <div class="checks">
        <AuditCard audit={live.audit} atMs={live.atMs} />
        <OverdueCard overdue={live.overdue} atMs={live.atMs} />
        <DeadLettersCard live={live} />
      </div>
    </section>
  );
}

/** How many of the three need somebody to look. */
export function troubles({ audit, overdue, deadLetters }: Live): number {
  return [
    audit.state === "made" && !audit.passed,
    (overdue.placed?.count ?? 0) + (overdue.validated?.count ?? 0) > 0,
    Object.values(deadLetters).some(({ open }) => open > 0),
  ].filter(Boolean).length;
}
