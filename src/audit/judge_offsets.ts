/**
 * Whether the offsets that the groups have committed fit what is in the log. Pure: books in, what is
 * wrong out.
 *
 * A message below the committed offset is never read again: without its answer it is lost. One at or
 * above it is read again by whoever takes the partition over: if it was answered, the answer will be
 * published a second time. What asks nothing of a service may lie on either side: its offset is
 * committed a second after it was read, or never, when the service is killed in that second; reading
 * it again comes to nothing.
 *
 * With exactly-once, an answer and the offset of what it answers are one transaction: there is never
 * one without the other. With at-least-once a crash between the two leaves the offset behind, and the
 * event is there twice once the service runs again: the promise is broken either way.
 */
import { type Books, messageOf, READINGS } from "./books.ts";
import { type Ask, DUTIES } from "./duties.ts";
import type { Offender } from "./findings.ts";

/** Offsets that are ahead: what they skip will not be read again. */
export function* offsetsAhead(books: Books): Generator<Offender> {
  const { ledger, logs, committed: { before } } = books;
  for (const { service, topic } of READINGS) {
    for (const [partition, { name, end }] of logs.get(topic) ?? []) {
      const committed = before.get(service, topic, partition) ?? 0;
      if (committed <= end) continue;
      yield { who: name, what: `${service} has committed ${committed}, but it ends at ${end}` };
    }
  }
  for (let slot = 0; slot < ledger.size; slot++) {
    const flags = ledger.flags[slot]!;
    const partition = ledger.partitionOf(slot);
    for (const { service, asks, taken, answers } of DUTIES) {
      if (flags & answers || (taken !== undefined && !(flags & taken))) continue;
      const committed = ({ topic }: Ask) => before.get(service, topic, partition) ?? 0;
      // What several messages ask for together is owed when all of them were read.
      if (
        !asks.every((ask) => (messageOf(books, ask, slot)?.offset ?? Infinity) < committed(ask))
      ) continue;
      const what = asks.map((ask) =>
        `${service} has committed ${committed(ask)}, past ${placeOf(books, ask, slot)}, and did ` +
        "not answer it"
      );
      yield { who: ledger.idOf(slot), what: what.join("; ") };
    }
  }
}

/** Offsets that are behind: what was answered will be read, and answered, once more. */
export function* offsetsBehind(books: Books): Generator<Offender> {
  const { ledger, logs, committed: { after } } = books;
  for (const { service, topic } of READINGS) {
    for (const [partition, { name, messages, lettered }] of logs.get(topic) ?? []) {
      const committed = after.get(service, topic, partition);
      const last = lettered.get(service) ?? -1;
      if (committed === undefined && messages > 0) {
        const what = `${service} has committed nothing, and will begin at its first message`;
        yield { who: name, what };
      } else if (last >= (committed ?? 0)) {
        const what = `${service} has a dead letter for it, but has committed ${committed}`;
        yield { who: `${name}@${last}`, what };
      }
    }
  }
  for (let slot = 0; slot < ledger.size; slot++) {
    const flags = ledger.flags[slot]!;
    const partition = ledger.partitionOf(slot);
    for (const { service, asks, answers } of DUTIES) {
      if (!(flags & answers)) continue;
      for (const ask of asks) {
        // The answer to several messages goes with the offset of the one that was read last.
        if (ask.last !== undefined && !(flags & ask.last)) continue;
        const committed = after.get(service, ask.topic, partition) ?? Infinity;
        if ((messageOf(books, ask, slot)?.offset ?? -1) < committed) continue;
        const what = `${service} answered ${placeOf(books, ask, slot)}, but has committed ` +
          `${committed}: it will answer it again`;
        yield { who: ledger.idOf(slot), what };
      }
    }
  }
}

function placeOf(books: Books, ask: Ask, slot: number): string {
  const { partition, offset } = messageOf(books, ask, slot)!;
  return `${partition}@${offset}`;
}
