/**
 * Whom this process waits for: brokers, its database, the payment gateway. Whatever asks them notes
 * each question here; who has not answered for some seconds is told in one line, and in one more when
 * it is heard again. Not everything that waits has a place to say so, and a network that swallows
 * packets is no error for a long time.
 *
 * A question that is given up and asked again is the same wait: only an answer ends it.
 */
import { Gauge, type Registry } from "prom-client";

/** Somebody who is asked. */
export interface Peer {
  /** The same for all questions. */
  readonly id: string;
  /** For people; more of it may be known later. */
  readonly name: string;
  /** What it would take, for people: `until …`. */
  readonly until: string;
}

export interface Question {
  /** An answer came, whatever it says; or it is known that none will come. */
  answered(): void;
  /** Nobody waits for this answer any more. */
  givenUp(): void;
}

/** Somebody who has not answered for some time. */
export interface Silence {
  readonly peer: Peer;
  /** What it was asked for. */
  readonly what: readonly string[];
  readonly forMs: number;
}

export interface Waits {
  /**
   * Notes a question.
   *
   * @param what is asked for, such as the name of a request; one of few
   * @param mayTakeMs how long the answer may take where nothing is wrong, such as a long poll's
   */
  ask(peer: Peer, what: string, mayTakeMs?: number): Question;
  /** Who has not answered for `afterMs`. */
  silent(): Silence[];
}

export const SILENCE_AFTER_MS = 5_000;
/** What was given up and is not asked any more is nobody's concern: longer than any pause of ours. */
const FORGET_MS = 5_000;

interface Asked {
  /** Questions without an answer: since when one would have been due. */
  readonly open: Set<{ readonly dueAt: number }>;
  /** The first of those in a row that were given up. */
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

  /** For how long no answer has come; what nobody asks for any more grows no older. */
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

/** This process's: those who ask are spread over it. */
export const waits: Waits = createWaits();

/** One line for people. */
export function describeSilence({ peer, what, forMs }: Silence): string {
  const since = new Date(Date.now() - forMs).toISOString().slice(11, 19);
  return `waiting for ${peer.name} for ${seconds(forMs)}, since ${since} UTC ` +
    `(${what.join(", ")}), ${peer.until}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}

/** Of whom it waits for, since when, as a metric. */
export function registerWaits(registry: Registry): void {
  new Gauge({
    name: "orderflow_waiting_seconds",
    help: "For how long somebody who was asked has not answered, from 5 seconds on, by whom",
    labelNames: ["for"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { peer, forMs } of waits.silent()) this.set({ for: peer.name }, forMs / 1_000);
    },
  });
}

const LOOK_EVERY_MS = 500;

/**
 * Tells once of each silence that begins, and once of each that ends.
 *
 * @returns ends it
 */
export function tellSilences(
  log: { warn(line: string): void; info(line: string): void },
  of: Waits = waits,
): () => void {
  const told = new Map<string, Silence>();
  let lookedAt = performance.now();
  const timer = setInterval(() => {
    const stoodStill = performance.now() - lookedAt > 4 * LOOK_EVERY_MS;
    lookedAt = performance.now();
    // A process that was frozen has its answers in the next moment.
    if (stoodStill) return;
    const silent = new Map(of.silent().map((silence) => [silence.peer.id, silence]));
    for (const [id, silence] of silent) {
      if (!told.has(id)) log.warn(describeSilence(silence));
      told.set(id, silence);
    }
    for (const [id, { peer, forMs }] of told) {
      if (silent.has(id)) continue;
      told.delete(id);
      log.info(`no longer waiting for ${peer.name}, after ${seconds(forMs)}`);
    }
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
