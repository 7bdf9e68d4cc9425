/**
 * Whose clock is off, as far as events prove it: no event is read before it happened, and none that
 * follows from an order happens before that order was placed. (Kafka's answers have no time in them.)
 *
 * A simulator whose clock is behind cannot be told from orders that take long.
 */
import { CLOCK_TOLERANCE_MS } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/log.ts";
import { type Service, writerOf } from "../../topology.ts";
import type { Fact } from "./facts/fact.ts";

export interface Clocks {
  /** Checks events as they are read; `nowMs` is this process's time, epoch milliseconds. */
  note(facts: readonly Fact[], nowMs: number): void;
  /** By at least how many milliseconds a clock is ahead of this process's; negative: behind the simulator's. */
  off(nowMs: number): ReadonlyMap<Service, number>;
}

/** An order may claim any time: it takes several to blame a clock. */
const EVIDENCE = 3;
/** How long a proof holds. */
const HOLDS_MS = 60_000;
/** Older events say how the clocks were then. */
const RECENT_MS = 600_000;

interface Proof {
  events: number;
  offMs: number;
  lastAtMs: number;
  logged: boolean;
}

export function createClocks(log: Pick<Logger, "warn" | "info">): Clocks {
  const proofs = new Map<Service, Proof>();

  function prove(writer: Service, offMs: number, nowMs: number): void {
    const proof = proofs.get(writer) ?? { events: 0, offMs, lastAtMs: nowMs, logged: false };
    proofs.set(writer, proof);
    proof.events++;
    proof.lastAtMs = nowMs;
    // An event that waited to be read proves less than there is.
    if (Math.abs(offMs) > Math.abs(proof.offMs)) proof.offMs = offMs;
    if (proof.logged || proof.events < EVIDENCE) return;
    proof.logged = true;
    log.warn(describe(writer, proof.offMs));
  }

  function forget(nowMs: number): void {
    for (const [writer, { lastAtMs, logged }] of proofs) {
      if (nowMs - lastAtMs <= HOLDS_MS) continue;
      proofs.delete(writer);
      if (logged) log.info(`the clock of the ${writer} is no longer seen to be off`);
    }
  }

  return {
    note(facts, nowMs) {
      forget(nowMs);
      const futureMs = nowMs + CLOCK_TOLERANCE_MS;
      const recentMs = nowMs - RECENT_MS;
      for (const { type, occurredAtMs, placedAtMs } of facts) {
        if (occurredAtMs > futureMs) prove(writerOf(type), occurredAtMs - nowMs, nowMs);
        if (placedAtMs > futureMs) prove("simulator", placedAtMs - nowMs, nowMs);
        else if (placedAtMs > recentMs) {
          const offMs = occurredAtMs - placedAtMs;
          if (offMs < -CLOCK_TOLERANCE_MS) prove(writerOf(type), offMs, nowMs);
        }
      }
    },
    off(nowMs) {
      forget(nowMs);
      const sure = [...proofs].filter(([, { logged }]) => logged);
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
