/**
 * G7: of each record that the copier has committed there is one copy in each of its topics, or one dead
 * letter, and of no other; in the order of its partition. It is what docs/exactly-once.md claims of
 * "exactly once", where no table helps.
 */
import { decode } from "../../events/codec.ts";
import { DEAD_LETTER_HEADERS } from "../../kafka/dead_letters.ts";
import type { LogRecord } from "../../kafka/records.ts";
import { COPIER, inputsOf } from "../services.ts";
import { type Broken, type Evidence, placeOf } from "./evidence.ts";

/** What the copier has made of a record. */
interface Output {
  /** The place of the record. */
  readonly of: string;
  readonly at: string;
}

interface Input {
  readonly place: string;
  readonly isOrder: boolean;
}

const utf8 = new TextDecoder();

export function checkCopies(evidence: Evidence, broken: Broken): void {
  const inputs = inputsOf(COPIER).flatMap((topic) => {
    const done = new Map(
      evidence.ends.filter((end) => end.topic === topic)
        .map(({ partition, committed }) => [partition, committed.get(COPIER) ?? 0]),
    );
    return evidence.records(topic)
      .filter(({ partition, offset }) => offset < done.get(partition)!)
      .map((record): Input => ({
        place: placeOf(topic, record),
        isOrder: decode(topic, record.key, record.value).ok,
      }));
  });
  const [orders, others] = [true, false].map((isOrder) =>
    inputs.filter((input) => input.isOrder === isOrder)
  );
  for (const copies of evidence.copies) {
    checkOutputs(orders!, copies.map(copyOf), "copy", evidence, broken);
  }
  const deadLetters = evidence.deadLetters(COPIER).map(deadLetterOf);
  checkOutputs(others!, deadLetters, "dead letter", evidence, broken);
}

function copyOf(record: LogRecord): Output {
  return {
    of: JSON.parse(utf8.decode(record.value!)).eventId,
    at: placeOf(record.topic, record),
  };
}

function deadLetterOf(record: LogRecord): Output {
  const { topic, partition, offset } = DEAD_LETTER_HEADERS;
  const { headers } = record;
  return {
    of: `${headers[topic]} ${headers[partition]}@${headers[offset]}`,
    at: placeOf(record.topic, record),
  };
}

function checkOutputs(
  inputs: readonly Input[],
  outputs: readonly Output[],
  what: string,
  { mayRepeat }: Evidence,
  broken: Broken,
): void {
  const places = Map.groupBy(outputs, ({ of }) => of);
  for (const { place } of inputs) {
    const found = places.get(place) ?? [];
    if (found.length === 0) broken("G7", `${place} is committed, and has no ${what}`);
    if (found.length > 1 && !mayRepeat) {
      broken("G7", `${place} has more than one ${what}: ${found.map(({ at }) => at).join(", ")}`);
    }
  }
  const known = new Set(inputs.map(({ place }) => place));
  for (const [place, [first]] of places) {
    if (!known.has(place)) {
      broken("G7", `${place} is not committed, and has a ${what}: ${first!.at}`);
    }
  }
  /** By partition of the input. */
  const last = new Map<string, number>();
  for (const [place, [first]] of places) {
    const [partition, offset] = place.split("@") as [string, string];
    if (Number(offset) < (last.get(partition) ?? -1)) {
      broken("G7", `${place} has its ${what} behind that of a later record: ${first!.at}`);
    }
    last.set(partition, Number(offset));
  }
}
