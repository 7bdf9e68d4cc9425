/**
 * How many events a second each service writes, by what was counted of each type over the last few
 * seconds. Offsets would count the control records of transactions, too, which at low rates are half
 * of all.
 */
import { type Service, type Topic, TOPICS, writerOf } from "../../../topology.ts";
import type { Projection } from "../projection.ts";
import type { Flow } from "./live.ts";

const OVER_MS = 5_000;

interface Moment {
  readonly atMs: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Under which names the aggregate counts a type. */
function namesOf(type: string): string[] {
  return type === "InventoryUpdated" ? ["reserved", "released"] : [type];
}

export class Flows {
  readonly #moments: Moment[] = [];

  /** @param counting what is counted; while it reads old events, nothing is known of the present */
  note(atMs: number, { aggregate, reading }: Pick<Projection, "aggregate" | "reading">): void {
    if (reading().progress !== null) {
      this.#moments.length = 0;
      return;
    }
    this.#moments.push({ atMs, counts: new Map(aggregate.events) });
    while (this.#moments.length > 2 && this.#moments[1]!.atMs <= atMs - OVER_MS) {
      this.#moments.shift();
    }
  }

  /** By whom how much is written to a topic that analytics reads. */
  written(topic: Topic): Flow<Service>[] {
    return TOPICS[topic].writers.map((by) => {
      const types = TOPICS[topic].events.filter((type) => writerOf(type) === by);
      return { by, perSecond: this.#perSecond(types.flatMap(namesOf)) };
    });
  }

  #perSecond(names: readonly string[]): number | null {
    const [first, last] = [this.#moments[0], this.#moments.at(-1)];
    if (!first || !last || first === last) return null;
    const count = ({ counts }: Moment) =>
      names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0);
    return Math.max(0, count(last) - count(first)) * 1_000 / (last.atMs - first.atMs);
  }
}
