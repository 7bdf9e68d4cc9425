/**
 * Which peers this process waits for: brokers, its database, the payment gateway. Callers note each
 * question here. A peer that has not answered for some seconds is logged in one line, and in one more
 * when it answers again: a network that drops packets is no error for a long time, and most callers have
 * no place to say that they wait.
 *
 * A question that is given up and asked again is the same wait: only an answer ends it.
 */
import { Gauge, type Registry } from "prom-client";
import { utcTimeOfDay } from "./format.ts";

/** A system that is asked. */
export interface Peer {
  /** The same for all questions to this peer. */
  readonly id: string;
  /** For people; it may become more precise later. */
  readonly name: string;
  /** What would end the wait, for people: `until …`. */
  readonly until: string;
}

export interface Question {
  /** An answer came, also a refusal; or it is known that none will come. */
  answered(): void;
  /** The caller no longer waits for this answer. */
  givenUp(): void;
}

/** A peer that has not answered for some time. */
interface Silence {
  readonly peer: Peer;
  /** What it was asked for. */
  readonly what: readonly string[];
  readonly forMs: number;
}

export interface Waits {
  /**
   * Notes a question.
   *
   * @param what is asked for, such as the name of a request; one of a few words
   * @param mayTakeMs how long the answer may take when all is well, such as that of a long poll
   */
  ask(peer: Peer, what: string, mayTakeMs?: number): Question;
  /** The peers that have not answered for `afterMs`. */
  silent(): Silence[];
}

const SILENCE_AFTER_MS = 5_000;
/** A question that was given up and is not asked again is forgotten: longer than any pause between retries. */
const FORGET_MS = 5_000;

interface Asked {
  /** Questions without an answer, and when each answer was due. */
  readonly open: Set<{ readonly dueAt: number }>;
  /** When the answer to the first question that was given up was due. */
  givenUpDueAt: number | undefined;
  lastAt: number;
}

/** @param now milliseconds of a clock that only goes forward */
export function createWaits(
  { afterMs = SILENCE_AFTER_MS, now = () => performance.now() }: {
    afterMs?: number;
    now?: () => number;
  } = {},
): Waits {
  const peers = new Map<string, { peer: Peer; byWhat: Map<string, Asked> }>();

  function askedOf(peer: Peer, what: string): Asked {
    let known = peers.get(peer.id);
    if (!known) peers.set(peer.id, known = { peer, byWhat: new Map() });
    known.peer = peer;
    let asked = known.byWhat.get(what);
    if (!asked) {
      known.byWhat.set(what, asked = { open: new Set(), givenUpDueAt: undefined, lastAt: 0 });
    }
    return asked;
  }

  /** For how long no answer has come; without new questions the wait does not grow. */
  function forMsOf({ open, givenUpDueAt, lastAt }: Asked): number {
    // In the order in which they were asked.
    const [first] = open;
    if (first) return now() - Math.min(givenUpDueAt ?? Infinity, first.dueAt);
    if (givenUpDueAt === undefined || now() - lastAt > FORGET_MS) return 0;
    return lastAt - givenUpDueAt;
  }

  return {
    ask(peer, what, mayTakeMs = 0) {
      const asked = askedOf(peer, what);
      if (asked.open.size === 0 && now() - asked.lastAt > FORGET_MS) asked.givenUpDueAt = undefined;
      const question = { dueAt: now() + mayTakeMs };
      asked.open.add(question);
      asked.lastAt = now();
      return {
        answered() {
          if (asked.open.delete(question)) asked.givenUpDueAt = undefined;
        },
        givenUp() {
          if (!asked.open.delete(question)) return;
          asked.givenUpDueAt ??= question.dueAt;
          asked.lastAt = now();
        },
      };
    },
    silent() {
      const silences: Silence[] = [];
      for (const { peer, byWhat } of peers.values()) {
        const late = [...byWhat].map(([what, asked]) => ({ what, forMs: forMsOf(asked) }))
          .filter(({ forMs }) => forMs >= afterMs);
        if (late.length === 0) continue;
        const forMs = Math.max(...late.map((one) => one.forMs));
        silences.push({ peer, what: late.map(({ what }) => what), forMs });
      }
      return silences;
    },
  };
}

/** This process's; callers all over it use it. */
export const waits: Waits = createWaits();

/** One line for people. */
export function describeSilence({ peer, what, forMs }: Silence): string {
  const since = utcTimeOfDay(Date.now() - forMs);
  return `waiting for ${peer.name} for ${seconds(forMs)}, since ${since} UTC ` +
    `(${what.join(", ")}), ${peer.until}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}

/** The waits as a metric. */
export function registerWaits(registry: Registry): void {
  new Gauge({
    name: "orderflow_waiting_seconds",
    help: "For how long a system that was asked has not answered, from 5 seconds on",
    labelNames: ["for"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { peer, forMs } of waits.silent()) this.set({ for: peer.name }, forMs / 1_000);
    },
  });
}

const CHECK_EVERY_MS = 500;

/**
 * Logs each silence once when it begins, and once when it ends.
 *
 * @returns ends it
 */
export function logSilences(
  log: { warn(line: string): void; info(line: string): void },
  of: Waits = waits,
): () => void {
  const logged = new Map<string, Silence>();
  let checkedAt = performance.now();
  const timer = setInterval(() => {
    const wasFrozen = performance.now() - checkedAt > 4 * CHECK_EVERY_MS;
    checkedAt = performance.now();
    // After a freeze the answers are there in the next moment.
    if (wasFrozen) return;
    const silent = new Map(of.silent().map((silence) => [silence.peer.id, silence]));
    for (const [id, silence] of silent) {
      if (!logged.has(id)) log.warn(describeSilence(silence));
      logged.set(id, silence);
    }
    for (const [id, { peer, forMs }] of logged) {
      if (silent.has(id)) continue;
      logged.delete(id);
      log.info(`no longer waiting for ${peer.name}, after ${seconds(forMs)}`);
    }
  }, CHECK_EVERY_MS);
  return () => clearInterval(timer);
}
