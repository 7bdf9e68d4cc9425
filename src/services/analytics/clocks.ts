/**
 * Whose clock is off, as far as events prove it: none is read before it happened, and none that
 * follows from an order happens before that order was placed. What Kafka answers has no time in it.
 *
 * A simulator whose clock is behind looks like orders that take long, and is not told apart from them.
 */
import type { OrderEvent } from "../../events/schemas.ts";
import type { Logger } from "../../runtime/log.ts";
import { type Service, writerOf } from "../../topology.ts";

export interface Clocks {
  /** Looks at events as they are read; `nowMs` is this process's time, epoch milliseconds. */
  note(events: readonly OrderEvent[], nowMs: number): void;
  /** Milliseconds that a clock is ahead of this process's at least; negative: behind the simulator's. */
  off(nowMs: number): ReadonlyMap<Service, number>;
}

/** Machines whose clocks are kept differ by less. */
const TOLERANCE_MS = 3_000;
/** An order may say any time: it takes several to blame a clock. */
const EVIDENCE = 3;
/** How long a proof holds. */
const HOLDS_MS = 60_000;
/** What happened long ago tells of the clocks of that time. */
const RECENT_MS = 600_000;

interface Proof {
  events: number;
  offMs: number;
  lastAtMs: number;
  told: boolean;
}

export function createClocks(log: Pick<Logger, "warn" | "info">): Clocks {
  const proofs = new Map<Service, Proof>();

  function see(writer: Service, offMs: number, nowMs: number): void {
    const proof = proofs.get(writer) ?? { events: 0, offMs, lastAtMs: nowMs, told: false };
    proofs.set(writer, proof);
    proof.events++;
    proof.lastAtMs = nowMs;
    // Waiting makes it look smaller than it is.
    if (Math.abs(offMs) > Math.abs(proof.offMs)) proof.offMs = offMs;
    if (proof.told || proof.events < EVIDENCE) return;
    proof.told = true;
    log.warn(describe(writer, proof.offMs));
  }

  function forget(nowMs: number): void {
    for (const [writer, { lastAtMs, told }] of proofs) {
      if (nowMs - lastAtMs <= HOLDS_MS) continue;
      proofs.delete(writer);
      if (told) log.info(`the clock of the ${writer} is not seen to be off any more`);
    }
  }

  return {
    note(events, nowMs) {
      forget(nowMs);
      // Times are written such that they compare as texts; parsing all of them would cost more.
      const future = new Date(nowMs + TOLERANCE_MS).toISOString();
      const recent = new Date(nowMs - RECENT_MS).toISOString();
      for (const event of events) {
        if (event.type === "OrderPlaced") continue;
        const { occurredAt, placedAt } = event;
        const writer = writerOf(event.type);
        if (occurredAt > future) see(writer, Date.parse(occurredAt) - nowMs, nowMs);
        if (placedAt > future) see("simulator", Date.parse(placedAt) - nowMs, nowMs);
        else if (occurredAt < placedAt && placedAt > recent) {
          const offMs = Date.parse(occurredAt) - Date.parse(placedAt);
          if (offMs < -TOLERANCE_MS) see(writer, offMs, nowMs);
        }
      }
    },
    off(nowMs) {
      forget(nowMs);
      const sure = [...proofs].filter(([, { told }]) => told);
      return new Map(sure.map(([writer, { offMs }]) => [writer, offMs]));
    },
  };
}

function describe(writer: Service, offMs: number): string {
  const seconds = Math.round(Math.abs(offMs) / 1_000);
  return (offMs > 0
    ? `the clock of the ${writer} is ${seconds} s ahead of this process's`
    : `the clock of the ${writer} is ${seconds} s behind the simulator's`) +
    ": latencies and rates are off until both are set right (NTP)";
}
